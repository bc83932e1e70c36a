// Package database finds the databases that an instance's environment names, chooses one, and has a program on this machine reach it
// through a port here.
//
// The instance may be hostile. Of what it says only hosts, ports, names and passwords are taken, each as strictly as it can be checked, and
// of a URL's parameters those few that ask for more security. None of them is a path, a file, an option or a variable's name here. A
// password is in a database's URL if the caller wants it there, and in the environment of the program; nowhere else.
package database

import (
	"net"
	"strconv"
	"strings"
)

// Kind is what a database speaks: the scheme of its URLs, without TLS.
type Kind string

// The kinds whose programs and URLs are known. Others are as their URLs have them.
const (
	PostgreSQL    Kind = "postgresql"
	MySQL         Kind = "mysql"
	Redis         Kind = "redis"
	MongoDB       Kind = "mongodb"
	Elasticsearch Kind = "elasticsearch"
)

// Database is one that an instance can connect to.
type Database struct {
	Name      string   // what a person calls it
	Kind      Kind     //
	Host      string   // a host name or an IP address
	Port      uint16   //
	User      string   // may be empty, as the next two
	Password  string   //
	Base      string   // its name on the server, or its number
	TLS       TLS      // what its URL asks for
	Direct    bool     // it is another one's server, past the proxy before that
	Variables []string // that name it
	LeftOut   []string // parameters of their URLs that were not taken

	channelBinding bool   // PostgreSQL's must be used
	authSource     string // MongoDB's database that knows the user
}

// TLS is what is asked of a connection, from the least to the most.
type TLS int

const (
	AnyTLS    TLS = iota // what the client does by itself
	Encrypted            // TLS, and it does not matter who answers
	VerifiedCA
	Verified // with a certificate for the host
)

// Address is the server's, as the instance knows it.
func (d *Database) Address() string {
	return net.JoinHostPort(d.Host, strconv.Itoa(int(d.Port)))
}

// local is where the ports are.
const local = "127.0.0.1"

// URL is for programs on this machine, by way of a port here, with the password or without. Whatever is in it, no shell sees more in it
// than one word, but for the & between parameters.
func (d *Database) URL(port uint16, password bool) string {
	scheme, host := string(d.Kind), local
	var parameters []string
	switch d.Kind {
	case PostgreSQL:
		if d.TLS == Verified { // libpq compares the certificate with the host, and connects to hostaddr
			host = d.Host
			parameters = append(parameters, "hostaddr="+local)
		}
		if d.TLS != AnyTLS {
			parameters = append(parameters, "sslmode="+sslModes[d.TLS])
		}
		if d.channelBinding {
			parameters = append(parameters, "channel_binding=require")
		}
	case MySQL:
		if d.TLS != AnyTLS {
			parameters = append(parameters, "ssl-mode="+[]string{Encrypted: "REQUIRED", VerifiedCA: "VERIFY_CA", Verified: "VERIFY_IDENTITY"}[d.TLS])
		}
	case Redis:
		if d.TLS != AnyTLS {
			scheme = "rediss"
		}
	case MongoDB:
		parameters = append(parameters, "directConnection=true") // the other members of a set are out of reach
		if d.authSource != "" {
			parameters = append(parameters, "authSource="+escape(d.authSource))
		}
		if d.TLS != AnyTLS {
			parameters = append(parameters, "tls=true")
		}
	case Elasticsearch:
		scheme = "http"
		if d.TLS != AnyTLS {
			scheme = "https"
		}
	}
	var b strings.Builder
	b.WriteString(scheme + "://")
	withPassword := password && d.Password != ""
	b.WriteString(escape(d.User))
	if withPassword {
		b.WriteString(":" + escape(d.Password))
	}
	if d.User != "" || withPassword {
		b.WriteString("@")
	}
	b.WriteString(net.JoinHostPort(host, strconv.Itoa(int(port))))
	if d.Base != "" || d.Kind == MongoDB {
		b.WriteString("/" + escape(d.Base))
	}
	if len(parameters) > 0 {
		b.WriteString("?" + strings.Join(parameters, "&"))
	}
	return b.String()
}

// NameUnchecked reports whether the certificate of the database's server is for a host that the URL does not name, so that a client that
// compares them finds another, unless it is told.
func (d *Database) NameUnchecked() bool { return d.TLS == Verified && d.Kind != PostgreSQL }

// sslModes are PostgreSQL's names.
var sslModes = []string{AnyTLS: "prefer", Encrypted: "require", VerifiedCA: "verify-ca", Verified: "verify-full"}

// escape writes a part of a URL. It leaves fewer characters as they are than URLs allow: people paste URLs into shells.
func escape(text string) string {
	const hex = "0123456789ABCDEF"
	var b strings.Builder
	for _, c := range []byte(text) {
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', strings.IndexByte("-._~", c) >= 0:
			b.WriteByte(c)
		default:
			b.WriteByte('%')
			b.WriteByte(hex[c>>4])
			b.WriteByte(hex[c&15])
		}
	}
	return b.String()
}
