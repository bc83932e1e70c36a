package database

import (
	"errors"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"clever-ssh/bridge"
)

// schemes are the schemes of the known kinds.
var schemes = map[string]struct {
	kind Kind
	tls  TLS
}{
	"postgresql": {PostgreSQL, AnyTLS}, "postgres": {PostgreSQL, AnyTLS},
	"mysql": {MySQL, AnyTLS}, "mariadb": {MySQL, AnyTLS},
	"redis": {Redis, AnyTLS}, "rediss": {Redis, Verified}, "valkey": {Redis, AnyTLS}, "valkeys": {Redis, Verified},
	"mongodb": {MongoDB, AnyTLS},
}

// usualPorts are the ports of servers whose URLs name none.
var usualPorts = map[Kind]uint16{PostgreSQL: 5432, MySQL: 3306, Redis: 6379, MongoDB: 27017, Elasticsearch: 443}

const (
	maxURL      = 8 << 10
	maxWord     = 1 << 10 // for a user, a password or a name
	maxLeftOut  = 8
	maxVariable = 100
)

var (
	errNotURL = errors.New("it is not a valid URL")
	errWeb    = errors.New("it is a web address")
	errNoPort = errors.New("it names no port")
	errHost   = errors.New("it names no host, or more than one")
	errWord   = errors.New("its user name or password is not valid")
	errBase   = errors.New("its database name is not valid")
	errTLS    = errors.New("its TLS settings are not supported")
)

// parseURL reads a database's URL. The errors do not quote it: it may hold a password.
func parseURL(text string, web bool) (*Database, error) {
	scheme, rest, ok := strings.Cut(text, "://")
	if !ok || len(text) > maxURL || !isText(text) {
		return nil, errNotURL
	}
	d := new(Database)
	if err := d.setScheme(strings.ToLower(scheme), web); err != nil {
		return nil, err
	}
	// Not every Go's url.Parse accepts several hosts.
	authority := rest[:strings.IndexAny(rest+"/", "/?#")]
	if strings.Contains(authority[strings.LastIndexByte(authority, '@')+1:], ",") {
		return nil, errHost
	}
	u, err := url.Parse("x://" + rest)
	if err != nil || u.Fragment != "" {
		return nil, errNotURL
	}
	port := u.Port()
	if port == "" && usualPorts[d.Kind] != 0 {
		port = strconv.Itoa(int(usualPorts[d.Kind]))
		if d.Kind == Elasticsearch && d.TLS == AnyTLS {
			port = "80"
		}
	}
	if err := d.setAddress(u.Hostname(), port); err != nil {
		return nil, err
	}
	password, hasPassword := u.User.Password()
	user := u.User.Username()
	if d.Kind == Redis && !hasPassword { // so redis-cli has it
		user, password = "", user
	}
	if err := d.setLogin(user, password, strings.TrimPrefix(u.Path, "/")); err != nil {
		return nil, err
	}
	if d.Kind == Redis && d.Base == "" {
		d.Base = "0"
	}
	query, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return nil, errNotURL
	}
	for _, name := range slices.Sorted(maps.Keys(query)) {
		values := query[name]
		if err := d.setParameter(name, values[len(values)-1]); err != nil {
			return nil, err
		}
	}
	return d, nil
}

// setScheme sets what a URL's scheme tells. web says whether the scheme of a web server is that of a database.
func (d *Database) setScheme(scheme string, web bool) error {
	base, driver, hasDriver := strings.Cut(scheme, "+")
	known, ok := schemes[base]
	switch {
	case hasDriver && driver == "srv":
		return errNoPort
	case ok: // as in postgresql+psycopg2
		d.Kind, d.TLS = known.kind, known.tls
	case scheme == "http" || scheme == "https" || scheme == "ws" || scheme == "wss":
		if !web {
			return errWeb
		}
		d.Kind = Elasticsearch
		if scheme == "https" {
			d.TLS = Verified
		}
	case !isScheme(scheme):
		return errNotURL
	default:
		d.Kind = Kind(scheme)
	}
	return nil
}

func isScheme(s string) bool {
	for _, c := range []byte(s) {
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && strings.IndexByte("+.-", c) < 0 {
			return false
		}
	}
	return s != "" && len(s) <= 32 && s[0] >= 'a' && s[0] <= 'z'
}

// setAddress sets a host and a port, in the form in which the bridge connects to them.
func (d *Database) setAddress(host, port string) error {
	if port == "" {
		return errNoPort
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		return errNoPort
	}
	if err := bridge.CheckDestination(host, uint32(n)); err != nil {
		return errHost
	}
	d.Host, d.Port = strings.ToLower(host), uint16(n)
	return nil
}

// setLogin sets a user, a password and the name of a database on the server.
func (d *Database) setLogin(user, password, base string) error {
	if !isText(user) || !isText(password) || len(user) > maxWord || len(password) > maxWord {
		return errWord
	}
	if !d.isBase(base) {
		return errBase
	}
	if d.Kind == Redis && user == "default" { // a password alone means this user too
		user = ""
	}
	d.User, d.Password, d.Base = user, password, base
	return nil
}

// isBase accepts the names of databases. libpq takes a name with a = for parameters, which may name a file, and
// one with :// for a URL.
func (d *Database) isBase(s string) bool {
	switch {
	case len(s) > maxWord || !isText(s) || strings.HasPrefix(s, "-"):
		return false
	case d.Kind == Redis:
		return strings.Trim(s, "0123456789") == ""
	case isKnown(d.Kind):
		return !strings.ContainsFunc(s, func(r rune) bool {
			return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune("_-.$", r)
		})
	}
	return true
}

// isKnown reports whether a kind is known.
func isKnown(k Kind) bool { return usualPorts[k] != 0 }

// setParameter uses a parameter of a URL if it adds security, or if it says which database knows the user.
func (d *Database) setParameter(name, value string) error {
	plain := strings.ToLower(strings.NewReplacer("-", "", "_", "").Replace(name))
	mode := strings.ToLower(strings.ReplaceAll(value, "_", "-"))
	yes := mode == "true" || mode == "1" || mode == "yes"
	sql := d.Kind == PostgreSQL || d.Kind == MySQL
	switch {
	case sql && plain == "sslmode":
		asked, ok := map[string]TLS{"": AnyTLS, "disable": AnyTLS, "disabled": AnyTLS, "allow": AnyTLS, "prefer": AnyTLS, "preferred": AnyTLS, "require": Encrypted,
			"required": Encrypted, "verify-ca": VerifiedCA, "verify-full": Verified, "verify-identity": Verified}[mode]
		if !ok {
			return errTLS
		}
		d.TLS = max(d.TLS, asked)
		return nil
	case sql && (plain == "ssl" || plain == "usessl") && yes:
		d.TLS = max(d.TLS, Encrypted)
		return nil
	case (d.Kind == MySQL || d.Kind == MongoDB) && (plain == "tls" || plain == "ssl") && yes:
		d.TLS = Verified
		return nil
	case d.Kind == PostgreSQL && plain == "channelbinding" && mode == "require":
		d.channelBinding = true
		return nil
	case d.Kind == MongoDB && plain == "authsource" && d.isBase(value):
		d.authSource = value
		return nil
	case d.Kind == MongoDB && (plain == "replicaset" || plain == "directconnection"):
		return nil // the URL has its own
	}
	if len(d.LeftOut) < maxLeftOut {
		d.LeftOut = append(d.LeftOut, name[:min(len(name), 40)])
	}
	return nil
}

// isText accepts text without control characters.
func isText(s string) bool {
	return utf8.ValidString(s) && !strings.ContainsFunc(s, unicode.IsControl)
}
