package hostile

import (
	"crypto/ecdh"
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"math/big"
	"slices"

	"golang.org/x/crypto/ssh"
)

// Identity is what a server shows as its host key, and what it signs with. For an honest server they are halves of
// one key.
type Identity struct {
	Shown  []byte     // the wire encoding of a public key, or anything else
	Signer ssh.Signer // an RSA key signs with rsa-sha2-512
}

// Holder is the identity of a server that holds the key that it shows.
func Holder(key ssh.Signer) Identity {
	return Identity{Shown: key.PublicKey().Marshal(), Signer: key}
}

// Algorithm returns the host key algorithm of the signature.
func (id Identity) Algorithm() string {
	if t := id.Signer.PublicKey().Type(); t != ssh.KeyAlgoRSA {
		return t
	}
	return ssh.KeyAlgoRSASHA512
}

func (id Identity) sign(hash []byte) []byte {
	signature, err := id.Signer.(ssh.AlgorithmSigner).SignWithAlgorithm(rand.Reader, hash, id.Algorithm())
	if err != nil {
		panic(fmt.Sprintf("hostile: signing an exchange hash: %v", err))
	}
	return ssh.Marshal(signature)
}

// Reply makes the server's reply, a whole message, to what the client sent for one key exchange. It can be called
// several times, for several identities.
type Reply func(Identity) []byte

// reply returns the Reply with the number. The exchange hash (RFC 4253, section 8) covers the handshake so far, the
// host key shown and the method's own fields; half is the server's half of the exchange as it appears in the reply.
func (c *Conn) reply(number byte, half []byte, fields ...[]byte) Reply {
	before := slices.Concat(
		String(c.clientIdentification), String(c.serverIdentification), String(c.clientInit), String(c.serverInit))
	return func(id Identity) []byte {
		hash := sha256.Sum256(slices.Concat(before, String(id.Shown), slices.Concat(fields...)))
		return slices.Concat([]byte{number}, String(id.Shown), half, String(id.sign(hash[:])))
	}
}

// ReadCurve25519 reads the client's half of a curve25519-sha256 exchange (RFC 8731; RFC 5656, section 4).
func (c *Conn) ReadCurve25519() Reply {
	theirs, _ := takeString(c.ReadMessage(MsgKexECDHInit))
	ours, err := ecdh.X25519().GenerateKey(rand.Reader)
	if err != nil {
		panic(fmt.Sprintf("hostile: making an X25519 key: %v", err))
	}
	public, err := ecdh.X25519().NewPublicKey(theirs)
	if err != nil {
		c.leave() // the client guessed another method
	}
	secret, err := ours.ECDH(public)
	if err != nil {
		c.leave()
	}
	half := String(ours.PublicKey().Bytes())
	return c.reply(MsgKexECDHReply, half, String(theirs), half, Mpint(new(big.Int).SetBytes(secret)))
}

// GroupExchange is one run of diffie-hellman-group-exchange-sha256 (RFC 4419, section 3).
type GroupExchange struct {
	conn    *Conn
	request []byte // the client's min, n and max
}

// ReadGroupRequest reads the client's request for a group.
func (c *Conn) ReadGroupRequest() *GroupExchange {
	return &GroupExchange{conn: c, request: c.ReadMessage(MsgGexRequest)}
}

// GroupMessage is the message that gives a group to the client.
func GroupMessage(p, g *big.Int) []byte {
	return slices.Concat([]byte{MsgGexGroup}, Mpint(p), Mpint(g))
}

// ReadInit reads the client's half, computed in the group. The prime need not be prime: no client checks.
func (x *GroupExchange) ReadInit(p, g *big.Int) Reply {
	number, _ := takeString(x.conn.ReadMessage(MsgGexInit))
	e := new(big.Int).SetBytes(number)
	y, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 256))
	if err != nil {
		panic(fmt.Sprintf("hostile: making a random number: %v", err))
	}
	half := Mpint(new(big.Int).Exp(g, y, p))
	secret := Mpint(new(big.Int).Exp(e, y, p))
	return x.conn.reply(MsgGexReply, half, x.request, Mpint(p), Mpint(g), Mpint(e), half, secret)
}

// Group14 is a group of 2048 bits that every client accepts (RFC 3526, section 3).
func Group14() (p, g *big.Int) {
	p, _ = new(big.Int).SetString("FFFFFFFFFFFFFFFFC90FDAA22168C234C4C6628B80DC1CD129024E088A67CC74020BBEA63B139B22514A08798E3404DD"+
		"EF9519B3CD3A431B302B0A6DF25F14374FE1356D6D51C245E485B576625E7EC6F44C42E9A637ED6B0BFF5CB6F406B7ED"+
		"EE386BFB5A899FA5AE9F24117C4B1FE649286651ECE45B3DC2007CB8A163BF0598DA48361C55D39A69163FA8FD24CF5F"+
		"83655D23DCA3AD961C62F356208552BB9ED529077096966D670C354E4ABC9804F1746C08CA18217C32905E462E36CE3B"+
		"E39E772C180E86039B2783A2EC07A28FB5C55DF06F4C52C9DE2BCBF6955817183995497CEA956AE515D2261898FA0510"+
		"15728E5A8AACAA68FFFFFFFFFFFFFFFF", 16)
	return p, big.NewInt(2)
}
