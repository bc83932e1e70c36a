// Package database finds the databases that an instance's environment names, chooses one, and lets a program on
// this machine reach it through a local port.
//
// The instance may be hostile. From its data the package takes only hosts, ports, names and passwords, each
// checked as strictly as possible, and the few parameters of a URL that ask for more security. None of them
// becomes a path, a file, an option or the name of a variable here. A password is in a database's URL if the
// caller wants it there, and in the environment of the program; nowhere else.
package database

import (
	"net"
	"strconv"
	"strings"
)

// Kind is the protocol of a database: the scheme of its URLs, without TLS.
type Kind string

// The kinds whose programs and URLs are known. For other kinds, the package uses the scheme of their URLs.
const (
	PostgreSQL    Kind = "postgresql"
	MySQL         Kind = "mysql"
	Redis         Kind = "redis"
	MongoDB       Kind = "mongodb"
	Elasticsearch Kind = "elasticsearch"
)

// Database is a database that an instance can connect to.
type Database struct {
	Name      string   // what a person calls it
	Kind      Kind     //
	Host      string   // a host name or an IP address
	Port      uint16   //
	User      string   // may be empty, as the next two
	Password  string   //
	Base      string   // its name or number on the server
	TLS       TLS      // as its URL requires
	Direct    bool     // it is the server behind a proxy, which is another database
	Variables []string // the variables that name it
	LeftOut   []string // parameters of their URLs that were ignored

	channelBinding bool   // PostgreSQL must use it
	authSource     string // the database that knows the user, for MongoDB
}

// TLS is what a connection requires, from the least to the most.
type TLS int

const (
	AnyTLS    TLS = iota // what the client does by itself
	Encrypted            // TLS, whoever answers
	VerifiedCA
	Verified // with a certificate for the host
)

// Address returns the server's address as the instance knows it.
func (d *Database) Address() string {
	return net.JoinHostPort(d.Host, strconv.Itoa(int(d.Port)))
}

// local is where the ports are.
const local = "127.0.0.1"

// URL returns a URL for programs on this machine, which leads through a local port, with the password or
// without. Whatever it contains, a shell sees only one word, except for the & between parameters.
func (d *Database) URL(port uint16, password bool) string {
	scheme, host := string(d.Kind), local
	var parameters []string
	switch d.Kind {
	case PostgreSQL:
		if d.TLS == Verified { // libpq compares the certificate with host, and connects to hostaddr
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
		parameters = append(parameters, "directConnection=true") // the other members of a set cannot be reached
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

// NameUnchecked reports whether the certificate of the database's server is for a host that the URL does not
// name. A client that compares the two needs to be told the right name.
func (d *Database) NameUnchecked() bool { return d.TLS == Verified && d.Kind != PostgreSQL }

// sslModes are PostgreSQL's names.
var sslModes = []string{AnyTLS: "prefer", Encrypted: "require", VerifiedCA: "verify-ca", Verified: "verify-full"}

// escape escapes a part of a URL. It escapes more characters than URLs require: people paste URLs into shells.
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
