package proxycmd

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"
)

// initLists are the ten name-lists of a KEXINIT that an ordinary server might send.
var initLists = [nameLists]string{
	"curve25519-sha256,kex-strict-s-v00@openssh.com", "ssh-ed25519,rsa-sha2-512",
	"aes128-ctr", "aes256-gcm@openssh.com,aes128-ctr", "hmac-sha2-256", "hmac-sha2-256", "none,zlib@openssh.com", "none", "", "",
}

// initPayload makes a KEXINIT with one list instead of the usual one.
func initPayload(list int, names string, follows byte) []byte {
	b := append([]byte{msgKexInit}, "0123456789abcdef"...)
	for i, usual := range initLists {
		if i == list {
			usual = names
		}
		b = appendString(b, usual)
	}
	return append(b, follows, 0, 0, 0, 0)
}

// methodsInit makes a KEXINIT with the given key-exchange methods.
func methodsInit(methods string, follows bool) []byte {
	if follows {
		return initPayload(0, methods, 1)
	}
	return initPayload(0, methods, 0)
}

func TestParseKexInit(t *testing.T) {
	good := initPayload(-1, "", 0)
	lists := len(good) - 5 // where the boolean is
	with := func(change func(b []byte) []byte) []byte { return change(bytes.Clone(good)) }
	for _, test := range []struct {
		name    string
		payload []byte
		follows bool
		err     string
	}{
		{name: "ordinary", payload: good},
		{name: "follows", payload: initPayload(-1, "", 1), follows: true},
		// RFC 4251, section 5: all non-zero values must be read as true.
		{name: "a boolean of 2", payload: initPayload(-1, "", 2), follows: true},
		{name: "a boolean of 255", payload: initPayload(-1, "", 255), follows: true},
		{name: "reserved is not zero", payload: with(func(b []byte) []byte { b[len(b)-1] = 1; return b })},
		{name: "ten empty lists", payload: append(append(good[:17:17], make([]byte, 40)...), 0, 0, 0, 0, 0)},

		{name: "empty", payload: nil, err: "too short"},
		{name: "a number alone", payload: good[:1], err: "too short"},
		{name: "a short cookie", payload: good[:16], err: "too short"},
		{name: "no lists", payload: good[:17], err: "past the end"},
		{name: "another message", payload: with(func(b []byte) []byte { b[0] = 21; return b }), err: "malformed"},
		{name: "nine lists", payload: append(good[:lists-4:lists-4], 0, 0, 0, 0, 0), err: "1 bytes follow its name-lists"},
		{name: "eleven lists", payload: append(good[:lists:lists], 0, 0, 0, 0, 0, 0, 0, 0, 0), err: "9 bytes follow its name-lists"},
		{name: "eleven lists with names", payload: slices.Concat(good[:lists], fields("x"), good[lists:]), err: "10 bytes follow"},
		{name: "no boolean", payload: append(good[:lists:lists], 0, 0, 0, 0), err: "4 bytes follow"},
		{name: "nothing after the lists", payload: good[:lists], err: "0 bytes follow"},
		{name: "one byte after it", payload: append(good[:len(good):len(good)], 0), err: "6 bytes follow"},
		{name: "one byte too few", payload: good[:len(good)-1], err: "4 bytes follow"},
		{name: "a list of 4 GiB", payload: with(func(b []byte) []byte { b[17] = 0xff; return b }), err: "past the end"},
	} {
		t.Run(test.name, func(t *testing.T) {
			for side, parse := range bothSides {
				init, err := parse(test.payload)
				if test.err != "" {
					if err == nil || !strings.Contains(err.Error(), test.err) || !strings.Contains(err.Error(), "KEXINIT is malformed") {
						t.Errorf("%s: error %v, want one with %q", side, err, test.err)
					}
				} else if err != nil || init.guessFollows != test.follows {
					t.Errorf("%s: %+v, error %v", side, init, err)
				}
			}
		})
	}
	for side, parse := range bothSides {
		init, err := parse(good)
		if err != nil || !slices.Equal(init.methods, []string{"curve25519-sha256", "kex-strict-s-v00@openssh.com"}) ||
			!slices.Equal(init.hostKeys, []string{"ssh-ed25519", "rsa-sha2-512"}) {
			t.Errorf("%s: %+v, error %v", side, init, err)
		}
		// Every cut is refused: no field may be invented.
		for n := range len(good) {
			if _, err := parse(good[:n]); err == nil {
				t.Errorf("%s: the first %d bytes of %d are accepted", side, n, len(good))
			}
		}
	}
}

var bothSides = map[string]func([]byte) (*kexInit, error){"server": parseServerInit, "client": parseClientInit}

// names makes n different names.
func names(n int) string {
	var list []string
	for i := range n {
		list = append(list, fmt.Sprintf("name%d", i))
	}
	return strings.Join(list, ",")
}

func TestParseNameList(t *testing.T) {
	for _, test := range []struct {
		name, list, err string
		elsewhere       bool // only among the methods it is refused
	}{
		{name: "empty"},
		{name: "one", list: "a"},
		{name: "two", list: "a,b"},
		{name: "prefixes of each other", list: "a,ab,abc"},
		{name: "another case is another name", list: "a,A"},
		{name: "every printable character", list: "!\"#$%&'()*+-./:;<=>?@[]^_`{|}~"},
		{name: "64 characters", list: strings.Repeat("x", 64)},
		{name: "65 characters", list: "a," + strings.Repeat("x", 65), err: "a name of 65 characters"},
		{name: "40 names", list: names(40)},
		{name: "41 names", list: names(41), err: "41 names"},
		{name: "a comma", list: ",", err: "an empty name"},
		{name: "an empty name first", list: ",a", err: "an empty name"},
		{name: "an empty name last", list: "a,", err: "an empty name"},
		{name: "an empty name between", list: "a,,b", err: "an empty name"},
		{name: "twice", list: "a,b,a", err: `it lists the name "a" twice`, elsewhere: true},
		{name: "twice, one after the other", list: "a,a", err: `it lists the name "a" twice`, elsewhere: true},
		{name: "40 times", list: strings.Repeat("a,", 39) + "a", err: `it lists the name "a" twice`, elsewhere: true},
		{name: "41 times", list: strings.Repeat("a,", 40) + "a", err: "41 names"},
		{name: "NUL", list: "a\x00b", err: `the name "a\x00b" contains characters`},
		{name: "NUL alone", list: "\x00", err: "contains characters"},
		{name: "a final NUL", list: "a,b\x00", err: "contains characters"},
		{name: "space", list: "a b", err: "contains characters"},
		{name: "space after the comma", list: "a, b", err: "contains characters"},
		{name: "tab", list: "a\tb", err: "contains characters"},
		{name: "line feed", list: "a\n", err: "contains characters"},
		{name: "escape", list: "\x1b[2J", err: `"\x1b[2J" contains characters`},
		{name: "DEL", list: "a\x7f", err: "contains characters"},
		{name: "the high bit", list: "a\x80", err: "contains characters"},
		{name: "UTF-8", list: "é", err: "contains characters"},
	} {
		t.Run(test.name, func(t *testing.T) {
			for side, parse := range bothSides {
				for i := range nameLists {
					init, err := parse(initPayload(i, test.list, 0))
					judged := i == 0 || side == "server" && !test.elsewhere
					switch {
					case !judged && err != nil:
						t.Errorf("as the %s's list %d: error %v", side, i+1, err)
					case judged && test.err == "" && err != nil:
						t.Errorf("as the %s's list %d: error %v", side, i+1, err)
					case judged && test.err != "" && (err == nil || !strings.Contains(err.Error(), test.err) || !printable(err.Error()) ||
						!strings.Contains(err.Error(), fmt.Sprintf("name-list %d: ", i+1))):
						t.Errorf("as the %s's list %d: error %v, want one with %q", side, i+1, err, test.err)
					case i == 0 && err == nil && strings.Join(init.methods, ",") != test.list:
						t.Errorf("the %s's methods are %q", side, init.methods)
					}
				}
			}
		})
	}
}

// libssh 0.10: what a client means by its lists of ciphers is its own business.
func TestClientsCiphersEndInAComma(t *testing.T) {
	if _, err := parseClientInit(initPayload(2, "aes256-gcm@openssh.com,aes128-ctr,", 0)); err != nil {
		t.Error(err)
	}
	if _, err := parseServerInit(initPayload(2, "aes256-gcm@openssh.com,aes128-ctr,", 0)); err == nil {
		t.Error("a server's are accepted")
	}
}

// The accepted methods, spelled out again: a change to either list must be deliberate.
var (
	gexMethod     = "diffie-hellman-group-exchange-sha256"
	singleMethods = []string{
		"curve25519-sha256",
		"curve25519-sha256@libssh.org",
		"curve448-sha512",
		"diffie-hellman-group14-sha1",
		"diffie-hellman-group14-sha256",
		"diffie-hellman-group15-sha512",
		"diffie-hellman-group16-sha512",
		"diffie-hellman-group17-sha512",
		"diffie-hellman-group18-sha512",
		"ecdh-sha2-nistp256",
		"ecdh-sha2-nistp384",
		"ecdh-sha2-nistp521",
		"mlkem1024nistp384-sha384",
		"mlkem768nistp256-sha256",
		"mlkem768x25519-sha256",
		"sntrup761x25519-sha512",
		"sntrup761x25519-sha512@openssh.com",
	}
)

func TestEveryMethodIsAccepted(t *testing.T) {
	if have := slices.Sorted(slices.Values(singleReply)); !slices.Equal(have, singleMethods) {
		t.Errorf("the methods with a single reply are %q", have)
	}
	for _, name := range append([]string{gexMethod}, singleMethods...) {
		want := []round{{30, 31}}
		if name == gexMethod {
			want = []round{{34, 31}, {32, 33}}
		}
		got, err := negotiate(&kexInit{methods: []string{name}}, &kexInit{methods: []string{"other", name}})
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("%s: steps %v, error %v, want %v", name, got, err, want)
		}
	}
}

func TestMethodsThatAreRefused(t *testing.T) {
	for _, name := range []string{
		"gss-group14-sha256-toWM5Slw5Ew8Mqkay+al2g==", "gss-gex-sha1-toWM5Slw5Ew8Mqkay+al2g==", "gss-curve25519-sha256-x", "gss-nistp256-sha256-x",
		"rsa1024-sha1", "rsa2048-sha256",
		"diffie-hellman-group1-sha1", "diffie-hellman-group-exchange-sha1",
		"diffie-hellman-group14-sha256@ssh.com", "diffie-hellman-group-exchange-sha256@ssh.com", "diffie-hellman-group-exchange-sha512@ssh.com",
		"ext-info-c", "ext-info-s", "kex-strict-c-v00@openssh.com", "kex-strict-s-v00@openssh.com",
		"ecmqv-sha2", "ecdh-sha2-1.3.132.0.10", "kexguess2@matt.ucc.asn.au", "sm2kep-sha2-nistp256", "none", "unknown",
		// exactly the names, nothing like them
		"Curve25519-sha256", "curve25519-sha25", "curve25519-sha256@libssh.or", "curve25519-sha256@example.com", "xcurve25519-sha256",
	} {
		// It does not help that both also have a good method: the client's order decides.
		both := &kexInit{methods: []string{name, "curve25519-sha256"}}
		steps, err := negotiate(both, both)
		if err == nil || !strings.Contains(err.Error(), `"`+name+`"`) {
			t.Errorf("%s: steps %v, error %v", name, steps, err)
		}
	}
}

func TestNegotiationTakesTheClientsOrder(t *testing.T) {
	for _, test := range []struct {
		client, server string
		rounds         []round
		err            string
	}{
		{"curve25519-sha256," + gexMethod, gexMethod + ",curve25519-sha256", []round{{30, 31}}, ""},
		{gexMethod + ",curve25519-sha256", "curve25519-sha256," + gexMethod, []round{{34, 31}, {32, 33}}, ""},
		{"unknown,ext-info-c," + gexMethod, gexMethod, []round{{34, 31}, {32, 33}}, ""},
		{"curve25519-sha256,rsa2048-sha256", "rsa2048-sha256,curve25519-sha256", []round{{30, 31}}, ""},
		// What only the server offers does not matter; the first name in common does.
		{"rsa2048-sha256,curve25519-sha256", "curve25519-sha256,rsa2048-sha256", nil, `"rsa2048-sha256" is not one that clever-ssh can check`},
		{"curve25519-sha256,ext-info-c", "ext-info-c", nil, `"ext-info-c"`},
		{"curve25519-sha256", "curve448-sha512,rsa2048-sha256", nil, `no key exchange method in common: the server offers "curve448-sha512,rsa2048-sha256"`},
		{"curve25519-sha256", "", nil, `no key exchange method in common: the server offers ""`},
		{"", "curve25519-sha256", nil, "no key exchange method in common"},
	} {
		client, err := parseClientInit(methodsInit(test.client, false))
		if err != nil {
			t.Fatal(err)
		}
		server, err := parseServerInit(methodsInit(test.server, false))
		if err != nil {
			t.Fatal(err)
		}
		got, err := negotiate(client, server)
		if !slices.Equal(got, test.rounds) || (err == nil) != (test.err == "") || err != nil && !strings.Contains(err.Error(), test.err) {
			t.Errorf("client %q, server %q: rounds %v, error %v, want %v %q", test.client, test.server, got, err, test.rounds, test.err)
		}
	}
}

func FuzzKexInit(f *testing.F) {
	good := initPayload(-1, "", 0)
	for _, seed := range [][]byte{
		nil, good, good[:len(good)-1], append(good[:len(good):len(good)], 0), initPayload(0, names(40), 1), initPayload(0, names(41), 1),
		initPayload(3, "a,,b", 2), initPayload(3, "a,a", 0), initPayload(0, "a,a", 0), initPayload(1, "a,a", 0), initPayload(2, "a,", 0), initPayload(9, "a\x00", 0), initPayload(5, strings.Repeat("x", 64), 0),
		initPayload(5, strings.Repeat("x", 65), 0),
	} {
		f.Add(seed)
	}
	eachRecorded(f, func(m recorded) {
		if m.number == msgKexInit {
			f.Add(m.payload())
		}
	})
	f.Fuzz(func(t *testing.T, payload []byte) {
		for side, parse := range bothSides {
			got, err := parse(payload)
			fine := likeAnyOther(payload, side == "client")
			if err != nil {
				if !printable(err.Error()) {
					t.Errorf("the error %q is not printable", err)
				}
				if fine {
					t.Errorf("the %s's %q is refused: %v", side, payload, err)
				}
				continue
			}
			if !fine {
				t.Fatalf("the %s's %q is accepted", side, payload)
			}
			var want otherKexInit
			if err := ssh.Unmarshal(payload, &want); err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(got.methods, want.Lists0) || got.guessFollows != want.Follows {
				t.Errorf("the %s's %+v, want %+v", side, got, want)
			}
		}
	})
}

// otherKexInit is a KEXINIT as another implementation reads it.
type otherKexInit struct {
	Cookie                                                                         [16]byte `sshtype:"20"`
	Lists0, Lists1, Lists2, Lists3, Lists4, Lists5, Lists6, Lists7, Lists8, Lists9 []string
	Follows                                                                        bool
	Reserved                                                                       uint32
}

// likeAnyOther reports whether another implementation reads a KEXINIT, writes it back unchanged, and finds nothing
// unusual in it; for a client's KEXINIT, only in its methods.
func likeAnyOther(payload []byte, client bool) bool {
	var m otherKexInit
	if err := ssh.Unmarshal(payload, &m); err != nil {
		return false
	}
	if len(slices.Compact(slices.Sorted(slices.Values(m.Lists0)))) != len(m.Lists0) {
		return false
	}
	judged := [][]string{m.Lists0, m.Lists1, m.Lists2, m.Lists3, m.Lists4, m.Lists5, m.Lists6, m.Lists7, m.Lists8, m.Lists9}
	if client {
		judged = judged[:1]
	}
	for _, list := range judged {
		if len(list) > 40 {
			return false
		}
		for _, name := range list {
			if name == "" || len(name) > 64 || !printable(name) || strings.ContainsAny(name, " ,") {
				return false
			}
		}
	}
	again := ssh.Marshal(&m)
	boolean := len(payload) - 5
	again[boolean] = payload[boolean] // any value but 0 means true
	return bytes.Equal(again, payload)
}
