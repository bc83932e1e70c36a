package database

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"
	"unicode"

	"clever-ssh/bridge"
)

// environment joins variables in the form in which an instance prints them.
func environment(variables ...string) []byte {
	var b strings.Builder
	for _, v := range variables {
		b.WriteString(v + "\x00")
	}
	return []byte(b.String())
}

// shown is all that a database says of itself.
func shown(d *Database) string {
	s := fmt.Sprintf("%s %s %s %s:%s/%s", d.Name, d.Kind, d.Address(), d.User, d.Password, d.Base)
	if d.TLS != AnyTLS {
		s += fmt.Sprintf(" tls%d", d.TLS)
	}
	if d.channelBinding {
		s += " binding"
	}
	if d.authSource != "" {
		s += " in " + d.authSource
	}
	if len(d.LeftOut) > 0 {
		s += " without " + strings.Join(d.LeftOut, ",")
	}
	return s
}

func TestFind(t *testing.T) {
	postgres := []string{"POSTGRESQL_ADDON_HOST=b.example", "POSTGRESQL_ADDON_PORT=5433", "POSTGRESQL_ADDON_DB=b", "POSTGRESQL_ADDON_USER=u", "POSTGRESQL_ADDON_PASSWORD=p", "POSTGRESQL_ADDON_VERSION=15"}
	for _, c := range []struct {
		title     string
		variables []string
		want      []string
	}{
		{"nothing", []string{"HOME=/home/bas", "PATH=/bin", "X", "=x", "A-URL=postgres://h/", "DATABASE_URL="}, nil},
		{"an add-on without a URL", postgres, []string{"postgresql postgresql b.example:5433 u:p/b"}},
		{"with one", append(postgres, "POSTGRESQL_ADDON_URI=postgresql://u:p@b.example:5433/b", "DATABASE_URL=postgres://u:p@B.example:5433/b?sslmode=require"),
			[]string{"postgresql postgresql b.example:5433 u:p/b tls1"}},
		{"with the URL of another", append(postgres, "DATABASE_URL=postgres://u:other@b.example:5433/b"),
			[]string{"database postgresql b.example:5433 u:other/b", "postgresql postgresql b.example:5433 u:p/b"}},
		{"with a direct address", append(postgres, "POSTGRESQL_ADDON_DIRECT_HOST=10.1.2.3", "POSTGRESQL_ADDON_DIRECT_PORT=5999", "POSTGRESQL_ADDON_DIRECT_URI=postgresql://u:p@10.1.2.3:5999/b"),
			[]string{"postgresql postgresql b.example:5433 u:p/b", "postgresql-direct postgresql 10.1.2.3:5999 u:p/b"}},
		{"a direct URL alone", []string{"POSTGRESQL_ADDON_DIRECT_URI=postgresql://u:p@10.1.2.3:5999/b"}, []string{"postgresql-direct postgresql 10.1.2.3:5999 u:p/b"}},
		{"a URL that is none beside good variables", append(postgres, "POSTGRESQL_ADDON_URI=postgresql://u:p#q@b.example:5433/b"), []string{"postgresql postgresql b.example:5433 u:p/b"}},
		{"MySQL", []string{"MYSQL_ADDON_HOST=m.example", "MYSQL_ADDON_DB=d", "MYSQL_ADDON_USER=u", "MYSQL_ADDON_PASSWORD=p"}, []string{"mysql mysql m.example:3306 u:p/d"}},
		{"Redis", []string{"REDIS_HOST=r.example", "REDIS_PORT=3000", "REDIS_PASSWORD=p", "REDIS_URL=redis://:p@r.example:3000", "REDIS_CLI_URL=redis://p@r.example:3000"}, []string{"redis redis r.example:3000 :p/0"}},
		{"Redis of two users", []string{"A_URL=redis://default:p@r.example", "B_URL=redis://u:p@r.example/1"}, []string{"a redis r.example:6379 :p/0", "b redis r.example:6379 u:p/1"}},
		{"Materia KV", []string{"KV_HOST=k.example", "KV_PORT=6378", "KV_TOKEN=t", "REDIS_HOST=k.example", "REDIS_PORT=6378", "REDIS_PASSWORD=t"}, []string{"redis redis k.example:6378 :t/ tls3"}},
		{"somebody else's KV", []string{"KV_HOST=k.example", "KV_PORT=6378"}, nil},
		{"MongoDB", []string{"MONGODB_ADDON_URI=mongodb://u:p@m.example:27017/b?replicaSet=rs0&authSource=admin&tlsAllowInvalidCertificates=true", "MONGODB_ADDON_HOST=m.example"},
			[]string{"mongodb mongodb m.example:27017 u:p/b in admin without tlsAllowInvalidCertificates"}},
		{"Elasticsearch", []string{"ES_ADDON_HOST=e.example", "ES_ADDON_USER=u", "ES_ADDON_PASSWORD=p", "ES_ADDON_URI=https://u:p@e.example", "ES_ADDON_KIBANA_HOST=k.example"},
			[]string{"elasticsearch elasticsearch e.example:443 u:p/ tls3"}},
		{"anything with a host and a port", []string{"QUEUE_URI=amqps://u:p@q.example:5671/v%2Fh", "SITE_URL=https://w.example:8443/", "LIVE_URL=wss://w.example:1", "NEWS_URL=nats://n.example", "LIB_URI=file:///etc/passwd", "TEXT_URL=hello", "JDBC_URL=jdbc:postgresql://h:1/b"},
			[]string{"queue amqps q.example:5671 u:p/v/h"}},
		{"a driver in the scheme, IPv6", []string{"DATABASE_URL=POSTGRESQL+psycopg2://u:p@[2001:db8::1]:5432/b"}, []string{"database postgresql [2001:db8::1]:5432 u:p/b"}},
		{"escapes", []string{"DATABASE_URL=mysql://u%40x:p%2F%3A%20@h/b"}, []string{"database mysql h:3306 u@x:p/: /b"}},
		{"two names that are one", []string{"REDIS_HOST=a.example", "REDIS_URL=redis://b.example"}, []string{"redis redis a.example:6379 :/", "redis-2 redis b.example:6379 :/0"}},
		{"what asks for security counts", []string{"A_URL=postgres://h/b?sslmode=verify-full&channel_binding=require", "B_URL=postgres://h/b?sslmode=disable", "C_URL=mysql://h/b?ssl-mode=VERIFY_CA", "D_URL=mysql://h2/b?useSSL=true", "E_URL=mongodb://h/b?tls=true"},
			[]string{"a postgresql h:5432 :/b tls3 binding", "c mysql h:3306 :/b tls2", "d mysql h2:3306 :/b tls1", "e mongodb h:27017 :/b tls3"}},
		{"what leads elsewhere on this machine does not", []string{"DATABASE_URL=postgres://h/b?host=/tmp&hostaddr=192.0.2.1&port=1&passfile=/x&service=s&servicefile=/x&sslcert=/x&sslkey=/x&sslrootcert=/x&options=-c%20x&dbname=y&user=z"},
			[]string{"database postgresql h:5432 :/b without dbname,host,hostaddr,options,passfile,port,service,servicefile"}},
	} {
		found, err := Find(environment(c.variables...))
		if err != nil {
			t.Errorf("%s: %v", c.title, err)
			continue
		}
		var got []string
		for _, d := range found.Databases {
			got = append(got, shown(d))
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s:\n%q, want\n%q", c.title, got, c.want)
		}
	}
}

// Databases that look hostile are skipped, with a reason that quotes nothing.
func TestFindPasses(t *testing.T) {
	for text, want := range map[string]error{
		"postgres://u:p@/run/postgresql:5432/b": errHost, "postgres:///b?host=/tmp": errHost, "postgres://u:p@a,b/c": errHost, "postgres://u:p@a:1,b:2/c": errHost,
		"postgres://-e/b": errHost, "postgres://$(id)/b": errHost, "postgres://h%20h/b": errNotURL, "postgres://[fe80::1%25lo]/b": errHost, "postgres://@abstract/b": nil,
		"postgres://h:0/b": errHost, "postgres://h:65536/b": errNoPort, "postgres://h:x/b": errNotURL, "postgres://h:-1/b": errNotURL,
		"postgres://h/host=evil": errBase, "postgres://h/x%20passfile=y": errBase, "postgres://h/postgres:%2F%2Fevil": errBase, "postgres://h/-x": errBase, "postgres://h/a%0Ab": errBase,
		"postgres://h/a%00b": errBase, "postgres://a%1b:p@h/b": errWord, "postgres://a:p%00@h/b": errWord, "postgres://a:%ff@h/b": errWord, "postgres://\x1b[2J@h/b": errNotURL,
		"redis://h/x": errBase, "redis://h/-1": errBase, "mongodb+srv://h/b": errNoPort, "nats://h": errNoPort, "postgres://h/b#f": errNotURL, "://h": errNotURL, "1x://h:1": errNotURL,
		"postgres://" + strings.Repeat("u", maxWord+1) + "@h/b": errWord, "postgres://h/" + strings.Repeat("u", maxURL): errNotURL, "postgres://h/b?sslmode=maybe": errTLS, "postgres://h/b?a=%zz": errNotURL,
	} {
		found, err := Find(environment("DATABASE_URL=" + text))
		if err != nil {
			t.Fatal(err)
		}
		switch {
		case want == nil && len(found.Databases) != 1:
			t.Errorf("%.60q: %v", text, found.Passed)
		case want != nil && (len(found.Databases) != 0 || len(found.Passed) != 1 || found.Passed[0].Why != want):
			t.Errorf("%.60q: %v, %v, want %v", text, found.Databases, found.Passed, want)
		}
	}
	var many []string
	for i := range maxDatabases + 1 {
		many = append(many, fmt.Sprintf("V%d_URL=redis://h%d", i, i))
	}
	for _, c := range [][]byte{environment(many...), []byte("A_URL=redis://h"), environment("A=" + strings.Repeat("x", MaxEnvironment))} {
		if found, err := Find(c); err == nil {
			t.Errorf("%.40q: %v", c, found)
		}
	}
}

func TestURL(t *testing.T) {
	for text, want := range map[string]string{
		"postgres://u:p@h/b":                      "postgresql://u:p@127.0.0.1:7/b",
		"postgres://h":                            "postgresql://127.0.0.1:7",
		"postgres://:p@h/b":                       "postgresql://:p@127.0.0.1:7/b",
		"postgres://h/b?sslmode=require":          "postgresql://127.0.0.1:7/b?sslmode=require",
		"postgres://h/b?sslmode=verify-ca":        "postgresql://127.0.0.1:7/b?sslmode=verify-ca",
		"postgres://h/b?sslmode=verify-full":      "postgresql://h:7/b?hostaddr=127.0.0.1&sslmode=verify-full",
		"postgres://[::1]/b?sslmode=verify-full":  "postgresql://[::1]:7/b?hostaddr=127.0.0.1&sslmode=verify-full",
		"postgres://h/b?channel_binding=require":  "postgresql://127.0.0.1:7/b?channel_binding=require",
		"mysql://u;reboot;:$(id)&%60x%60'%22@h/b": "mysql://u%3Breboot%3B:%24%28id%29%26%60x%60%27%22@127.0.0.1:7/b",
		"mysql://h/b?sslMode=VERIFY_IDENTITY":     "mysql://127.0.0.1:7/b?ssl-mode=VERIFY_IDENTITY",
		"redis://p@h":                             "redis://:p@127.0.0.1:7/0",
		"rediss://u:p@h/4":                        "rediss://u:p@127.0.0.1:7/4",
		"mongodb://u:p@h":                         "mongodb://u:p@127.0.0.1:7/?directConnection=true",
		"mongodb://u:p@h/b?authSource=a&ssl=true": "mongodb://u:p@127.0.0.1:7/b?directConnection=true&authSource=a&tls=true",
		"amqp://u:p@h:1/a%20b;c":                  "amqp://u:p@127.0.0.1:7/a%20b%3Bc",
	} {
		d, err := parseURL(text, false)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if got := d.URL(7, true); got != want {
			t.Errorf("%s: %s, want %s", text, got, want)
		}
		if got := d.URL(7, false); d.Password != "" && strings.Contains(got, escape(d.Password)+"@") {
			t.Errorf("%s: %s has the password", text, got)
		}
	}
}

func TestChoose(t *testing.T) {
	find := func(variables ...string) *Found {
		found, err := Find(environment(variables...))
		if err != nil {
			t.Fatal(err)
		}
		return found
	}
	several := find("POSTGRESQL_ADDON_HOST=p", "POSTGRESQL_ADDON_DIRECT_HOST=p2", "DATABASE_URL=postgres://p/", "CACHE_URL=redis://c", "OTHER_URL=redis://d")
	direct := find("POSTGRESQL_ADDON_HOST=p", "POSTGRESQL_ADDON_DIRECT_HOST=p2")
	for _, c := range []struct {
		found *Found
		name  string
		kind  Kind
		want  string
	}{
		{several, "", "", "there are 3 databases: cache, other, postgresql; name one"},
		{several, "", PostgreSQL, "postgresql"},
		{several, "", Redis, "there are 2 databases: cache, other; name one"},
		{several, "", MySQL, "the environment on the instance names no mysql database; there is cache, other, postgresql, postgresql-direct"},
		{several, "postgresql", "", "postgresql"},
		{several, "PostgreSQL-Direct", "", "postgresql-direct"},
		{several, "DATABASE_URL", "", "postgresql"},
		{several, "database", "", "postgresql"},
		{several, "other", PostgreSQL, "other"}, // Unfit says the rest
		{several, "redis", "", "there are 2 databases: cache, other; name one"},
		{several, "x\x1b", "", `the environment on the instance names no database "x\x1b"; there is cache, other, postgresql, postgresql-direct`},
		{direct, "", "", "postgresql"},
		{find("CACHE_URL=redis://c"), "redis", "", "cache"},
		{find("CACHE_URL=redis://c"), "", "", "cache"},
		{find(), "", "", "the environment on the instance names no database"},
	} {
		d, err := c.found.Choose(c.name, c.kind)
		got := ""
		if err != nil {
			got = err.Error()
		} else {
			got = d.Name
		}
		if got != c.want {
			t.Errorf("%q %q: %s, want %s", c.name, c.kind, got, c.want)
		}
	}
}

// Whatever an instance says, nothing that leaves this package means more than it should.
func FuzzFind(f *testing.F) {
	f.Add(environment("POSTGRESQL_ADDON_HOST=h", "POSTGRESQL_ADDON_PORT=1", "POSTGRESQL_ADDON_DB=b", "POSTGRESQL_ADDON_USER=u", "POSTGRESQL_ADDON_PASSWORD=p'\"$`"))
	f.Add(environment("DATABASE_URL=postgres://u:p%3B@h/b?sslmode=verify-full&host=/tmp&channel_binding=require"))
	f.Add(environment("A_URL=rediss://default:p@[::1]:1/2", "MONGODB_ADDON_URI=mongodb://u:p@h/b?authSource=x&tls=1", "ES_ADDON_URI=https://u:p@h/x;y"))
	f.Add(environment("MYSQL_ADDON_HOST=-h", "MYSQL_ADDON_USER=-u", "MYSQL_ADDON_DB=--help", "Q_URI=a+b.c-d://u:p@h:1/x y?z"))
	f.Fuzz(func(t *testing.T, text []byte) {
		found, err := Find(text)
		if err != nil {
			return
		}
		seen := map[string]bool{}
		for _, d := range found.Databases {
			if seen[d.Name] || strings.Trim(d.Name, "abcdefghijklmnopqrstuvwxyz0123456789_-") != "" {
				t.Errorf("the name %q", d.Name)
			}
			seen[d.Name] = true
			if err := bridge.CheckDestination(d.Host, uint32(d.Port)); err != nil {
				t.Errorf("%s: %v", d.Address(), err)
			}
			if d.Kind == PostgreSQL && strings.ContainsAny(d.Base, "=/: ") {
				t.Errorf("libpq takes %q apart", d.Base)
			}
			for _, password := range []bool{false, true} {
				printed := d.URL(1234, password)
				u, err := url.Parse(printed)
				if err != nil || u.Port() != "1234" || u.Hostname() != local && !(d.TLS == Verified && u.Query().Get("hostaddr") == local) {
					t.Errorf("%q: %v", printed, err)
				}
				if err == nil && (u.User.Username() != d.User || strings.TrimPrefix(u.Path, "/") != d.Base) {
					t.Errorf("%q is not for %q, %q", printed, d.User, d.Base)
				}
				if _, has := u.User.Password(); has != (password && d.Password != "") {
					t.Errorf("%q: the password is there: %v", printed, has)
				}
				if strings.ContainsFunc(printed, func(r rune) bool { return r > unicode.MaxASCII || strings.ContainsRune(" ;$`'\"\\|<>(){}*!#\n\x1b", r) }) {
					t.Errorf("a shell sees more than a word in %q", printed)
				}
			}
			for _, program := range Clients() {
				if d.Unfit(program) != nil {
					continue
				}
				for _, arg := range d.Args(program, 1234) {
					if strings.ContainsRune(arg, 0) || len(d.Password) > 8 && d.Password != d.User && d.Password != d.Base && d.Password != d.Host && strings.Contains(arg, d.Password) {
						t.Errorf("%s is given %q", program, arg)
					}
				}
				for _, variable := range d.Environment([]string{"HOME=/x", "PGSERVICE=x", "PGPASSWORD=mine"}, program, 1234) {
					name, _, _ := strings.Cut(variable, "=")
					if strings.ContainsRune(variable, 0) || !slices.Contains(strings.Fields(`HOME DATABASE_URL PGHOST PGHOSTADDR PGPORT PGUSER PGPASSWORD PGDATABASE PGPASSFILE
						PGGSSENCMODE PGKRBSRVNAME PGREQUIREAUTH PGSSLMODE PGCHANNELBINDING MYSQL_HOST MYSQL_TCP_PORT MYSQL_PWD MYSQL_TEST_LOGIN_FILE REDISCLI_AUTH PGSERVICE`), name) {
						t.Errorf("%s is given %q", program, variable)
					}
				}
			}
		}
		for _, p := range found.Passed {
			if !isName(p.Variable) {
				t.Errorf("the variable %q", p.Variable)
			}
		}
	})
}
