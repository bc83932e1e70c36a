package database

import (
	"slices"
	"strings"
	"testing"
)

func database(t *testing.T, url string) *Database {
	t.Helper()
	d, err := parseURL(url, false)
	if err != nil {
		t.Fatal(err)
	}
	d.Name, d.Variables = "it", []string{"IT_URL"}
	return d
}

// A program finds the database in its environment, whatever is in that already, and in arguments that are not
// secret.
func TestClients(t *testing.T) {
	const (
		noUsers = "PGGSSENCMODE=disable PGKRBSRVNAME=none PGPASSFILE=/dev/null/none PGREQUIREAUTH=!gss,!sspi "
		url     = "DATABASE_URL=postgresql://u:p@127.0.0.1:7/b"
	)
	for _, c := range []struct{ program, url, own, args, env string }{
		{"psql", "postgres://u:p@h/b", "", "", url + " " + noUsers + "PGDATABASE=b PGHOST=h PGHOSTADDR=127.0.0.1 PGPASSWORD=p PGPORT=7 PGUSER=u"},
		{"/usr/bin/psql", "postgres://h", "PGPASSWORD=mine PGSERVICE=s PGUSER=me PGOPTIONS=o pguser=x REDISCLI_AUTH=r", "",
			"DATABASE_URL=postgresql://127.0.0.1:7 PGOPTIONS=o REDISCLI_AUTH=r " + noUsers + "PGHOST=h PGHOSTADDR=127.0.0.1 PGPORT=7"},
		{"rails", "postgres://u:p@h/b", "", "", url + " " + noUsers + "PGDATABASE=b PGHOST=127.0.0.1 PGHOSTADDR=127.0.0.1 PGPASSWORD=p PGPORT=7 PGUSER=u"},
		{"rails", "postgres://h?sslmode=require", "PGSSLMODE=verify-full", "",
			"DATABASE_URL=postgresql://127.0.0.1:7?sslmode=require " + noUsers + "PGHOST=h PGHOSTADDR=127.0.0.1 PGPORT=7 PGSSLMODE=verify-full"},
		{"psql.exe", "postgres://h?sslmode=verify-ca&channel_binding=require", "PGSSLMODE=disable", "",
			"DATABASE_URL=postgresql://127.0.0.1:7?sslmode=verify-ca&channel_binding=require " + noUsers + "PGCHANNELBINDING=require PGHOST=h PGHOSTADDR=127.0.0.1 PGPORT=7 PGSSLMODE=verify-ca"},
		{"mysql", "mysql://u:p@h/b", "MYSQL_PWD=mine", "--no-defaults --host=127.0.0.1 --port=7 --protocol=tcp --user=u --local-infile=0 --database=b",
			"DATABASE_URL=mysql://u:p@127.0.0.1:7/b MYSQL_HOST=127.0.0.1 MYSQL_PWD=p MYSQL_TCP_PORT=7 MYSQL_TEST_LOGIN_FILE=/dev/null/none"},
		{"mysqldump", "mysql://-u@h/b", "MYSQL_PWD=mine", "--no-defaults --host=127.0.0.1 --port=7 --protocol=tcp --user=-u", "DATABASE_URL=mysql://-u@127.0.0.1:7/b MYSQL_HOST=127.0.0.1 MYSQL_TCP_PORT=7 MYSQL_TEST_LOGIN_FILE=/dev/null/none"},
		{"redis-cli", "redis://h", "REDISCLI_AUTH=mine", "-h 127.0.0.1 -p 7", "DATABASE_URL=redis://127.0.0.1:7/0"},
		{"redis-cli", "rediss://-u:p@h/2", "", "-h 127.0.0.1 -p 7 --user -u -n 2 --tls --sni h", "DATABASE_URL=rediss://-u:p@127.0.0.1:7/2 REDISCLI_AUTH=p"},
		{"mongosh", "mongodb://u:p@h/b?tls=true", "", "--host=127.0.0.1 --port=7 --username=u --authenticationDatabase=b --tls", "DATABASE_URL=mongodb://u:p@127.0.0.1:7/b?directConnection=true&tls=true"},
		{"sh", "redis://u:p@h:1", "HOME=/x", "", "DATABASE_URL=redis://u:p@127.0.0.1:7/0 HOME=/x REDISCLI_AUTH=p"},
	} {
		d := database(t, c.url)
		if err := d.Unfit(c.program); err != nil {
			t.Error(err)
		}
		if got := strings.Join(d.Args(c.program, 7), " "); got != c.args {
			t.Errorf("%s %s: %s, want %s", c.program, c.url, got, c.args)
		}
		env, want := d.Environment(strings.Fields(c.own), c.program, 7), strings.Fields(c.env)
		slices.Sort(env)
		slices.Sort(want)
		if !slices.Equal(env, want) {
			t.Errorf("%s %s:\n%q, want\n%q", c.program, c.url, env, want)
		}
	}
}

func TestUnfit(t *testing.T) {
	for _, c := range []struct{ program, url, want string }{
		{"psql", "redis://h", "psql is for postgresql, and it is redis"},
		{"mysql", "mysql://h?ssl-mode=VERIFY_IDENTITY", "IT_URL asks for TLS, and mysql would connect to 127.0.0.1, where it cannot check that it talks to h"},
		{"rails", "sqlite3://h:1/%2Fetc%2Fpasswd", "no program finds a database of the kind sqlite3 in its environment"},
		{"sh", "mysql://h?ssl-mode=VERIFY_IDENTITY", ""},
	} {
		got := ""
		if err := database(t, c.url).Unfit(c.program); err != nil {
			got = err.Error()
		}
		if got != c.want {
			t.Errorf("%s: %q, want %q", c.program, got, c.want)
		}
	}
}
