package database

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Found holds the databases that an environment names.
type Found struct {
	Databases []*Database
	Passed    []Passed
}

// Passed is a variable that was skipped although its name promises a database.
type Passed struct {
	Variable string
	Why      error
}

const (
	// MaxEnvironment is how large an environment may be: by default, Linux gives a program at most two million
	// bytes, including arguments.
	MaxEnvironment = 2 << 20
	// maxDatabases is how many databases an environment may name.
	maxDatabases = 100
)

// family tells how the variables of one of Clever Cloud's add-ons begin (developers.clever-cloud.com,
// "Environment variables reference").
type family struct {
	prefix   string
	name     string
	kind     Kind
	tls      TLS
	password string // the end of the name of the password's variable
}

var families = []family{
	{"POSTGRESQL_ADDON", "postgresql", PostgreSQL, AnyTLS, "PASSWORD"},
	{"MYSQL_ADDON", "mysql", MySQL, AnyTLS, "PASSWORD"},
	{"REDIS", "redis", Redis, AnyTLS, "PASSWORD"},
	{"MONGODB_ADDON", "mongodb", MongoDB, AnyTLS, "PASSWORD"},
	{"ES_ADDON", "elasticsearch", Elasticsearch, Verified, "PASSWORD"},
	{"KV", "kv", Redis, Verified, "TOKEN"}, // Materia KV, which also has Redis's variables, and requires TLS
}

// Find finds the databases in an environment. Each of its variables ends with a NUL.
func Find(environment []byte) (*Found, error) {
	variables, err := parseEnvironment(environment)
	if err != nil {
		return nil, err
	}
	f := &Found{}
	for _, family := range families {
		f.addFamily(family, variables)
	}
	for _, name := range slices.Sorted(maps.Keys(variables)) {
		if text := variables[name]; isURL(name) && text != "" {
			f.addURL(name, text)
		}
		if len(f.Databases) > maxDatabases {
			return nil, fmt.Errorf("the environment names more than %d databases", maxDatabases)
		}
	}
	slices.SortStableFunc(f.Databases, func(a, b *Database) int { return strings.Compare(a.Name, b.Name) })
	return f, nil
}

// parseEnvironment reads variables. It ignores those with a name that no shell would use.
func parseEnvironment(text []byte) (map[string]string, error) {
	if len(text) > MaxEnvironment {
		return nil, errors.New("the environment is too large")
	}
	if len(text) > 0 && text[len(text)-1] != 0 {
		return nil, errors.New("the environment was cut off")
	}
	variables := map[string]string{}
	for variable := range bytes.SplitSeq(text, []byte{0}) {
		name, value, ok := strings.Cut(string(variable), "=")
		if ok && isName(name) {
			variables[name] = value
		}
	}
	return variables, nil
}

func isName(s string) bool {
	for _, c := range []byte(s) {
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '_' {
			return false
		}
	}
	return s != "" && len(s) <= maxVariable
}

func isURL(variable string) bool {
	return strings.HasSuffix(variable, "_URL") || strings.HasSuffix(variable, "_URI")
}

// addFamily adds the database that an add-on's variables for the host, the port and so on describe.
func (f *Found) addFamily(family family, variables map[string]string) {
	of := func(names ...string) string { return variables[family.prefix+"_"+strings.Join(names, "_")] }
	password := of(family.password)
	if family.prefix == "KV" && password == "" { // KV is a short name: without the password it is somebody else's
		return
	}
	for _, direct := range []bool{false, true} {
		d := &Database{Name: family.name, Kind: family.kind, TLS: family.tls, Direct: direct}
		host, port, variable := of("HOST"), of("PORT"), family.prefix+"_HOST"
		if direct {
			d.Name += "-direct"
			host, port, variable = of("DIRECT", "HOST"), of("DIRECT", "PORT"), family.prefix+"_DIRECT_HOST"
		}
		if host == "" {
			continue
		}
		if port == "" {
			port = fmt.Sprint(usualPorts[family.kind])
		}
		err := d.setAddress(host, port)
		if err == nil {
			err = d.setLogin(of("USER"), password, of("DB"))
		}
		f.add(variable, d, err)
	}
}

// addURL adds the database in a variable that holds a URL.
func (f *Found) addURL(variable, text string) {
	stem := variable[:len(variable)-len("_URL")]
	name, direct := strings.ToLower(stem), false
	var of *family
	for _, family := range families {
		rest, ok := strings.CutPrefix(stem, family.prefix)
		if ok && (rest == "" || rest == "_CLI" || rest == "_DIRECT" || rest == "_CLI_DIRECT") {
			of = &family
			if name = family.name; strings.HasSuffix(rest, "_DIRECT") {
				name, direct = name+"-direct", true
			}
		}
	}
	d, err := parseURL(text, of != nil && of.kind == Elasticsearch)
	if err == errWeb || err == errNotURL && !strings.Contains(text, "://") {
		return
	}
	if d != nil {
		d.Name, d.Direct = name, direct
	}
	f.add(variable, d, err)
}

// add adds a database, or another variable's facts about a database that is already there.
func (f *Found) add(variable string, d *Database, err error) {
	if err != nil {
		f.Passed = append(f.Passed, Passed{variable, err})
		return
	}
	d.Variables = []string{variable}
	for _, known := range f.Databases {
		if known.same(d) {
			known.merge(d)
			return
		}
	}
	name := d.Name
	for n := 2; slices.ContainsFunc(f.Databases, func(known *Database) bool { return known.Name == d.Name }); n++ {
		d.Name = fmt.Sprintf("%s-%d", name, n)
	}
	f.Databases = append(f.Databases, d)
}

// same reports whether two databases are the same one, as far as their variables tell.
func (d *Database) same(other *Database) bool {
	one := func(a, b string) bool { return a == b || a == "" || b == "" }
	return d.Kind == other.Kind && d.Host == other.Host && d.Port == other.Port && one(d.User, other.User) && one(d.Password, other.Password) && one(d.Base, other.Base)
}

// merge takes over what another variable tells about the same database. The strictest security applies.
func (d *Database) merge(other *Database) {
	fill := func(to *string, from string) {
		if *to == "" {
			*to = from
		}
	}
	fill(&d.User, other.User)
	fill(&d.Password, other.Password)
	fill(&d.Base, other.Base)
	fill(&d.authSource, other.authSource)
	d.TLS = max(d.TLS, other.TLS)
	d.channelBinding = d.channelBinding || other.channelBinding
	d.Variables = append(d.Variables, other.Variables...)
	for _, name := range other.LeftOut {
		if !slices.Contains(d.LeftOut, name) && len(d.LeftOut) < maxLeftOut {
			d.LeftOut = append(d.LeftOut, name)
		}
	}
}
