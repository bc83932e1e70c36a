package database

import (
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// client is a program that is known to be for one kind of database.
type client struct {
	kind    Kind
	args    func(d *Database, port uint16) []string // before the user's own; nil if the environment is enough
	install string                                  // where to get it
}

const (
	fromPostgreSQL = "it comes with PostgreSQL's client: postgresql-client on Debian, libpq with Homebrew"
	fromMySQL      = "it comes with the client of MySQL or MariaDB: mariadb-client on Debian, mysql-client with Homebrew"
	fromRedis      = "it comes with Redis: redis-tools on Debian, redis with Homebrew"
)

// clients are known by the names of their programs.
var clients = map[string]client{
	"psql": {PostgreSQL, nil, fromPostgreSQL}, "pg_dump": {PostgreSQL, nil, fromPostgreSQL}, "pg_restore": {PostgreSQL, nil, fromPostgreSQL},
	"pg_isready": {PostgreSQL, nil, fromPostgreSQL}, "vacuumdb": {PostgreSQL, nil, fromPostgreSQL}, "pgbench": {PostgreSQL, nil, fromPostgreSQL},
	"pgcli": {PostgreSQL, nil, "see https://www.pgcli.com"},

	"mysql": {MySQL, mysqlArgs, fromMySQL}, "mariadb": {MySQL, mysqlArgs, fromMySQL},
	"mysqldump": {MySQL, mysqlLogin, fromMySQL}, "mariadb-dump": {MySQL, mysqlLogin, fromMySQL},

	"redis-cli": {Redis, redisArgs, fromRedis}, "valkey-cli": {Redis, redisArgs, "it comes with Valkey: valkey-tools on Debian, valkey with Homebrew"},

	"mongosh": {MongoDB, mongoArgs, "see https://www.mongodb.com/docs/mongodb-shell/install"},
}

// clientOf returns what we know about a program.
func clientOf(program string) client {
	return clients[strings.TrimSuffix(strings.ToLower(filepath.Base(program)), ".exe")]
}

// KindOf returns the kind of database that a program is for, or "" if it is not known.
func KindOf(program string) Kind { return clientOf(program).kind }

// Clients lists the known programs.
func Clients() []string {
	var names []string
	for name := range clients {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// Install says where to get a program, or returns "" if we do not know.
func Install(program string) string { return clientOf(program).install }

// Unfit returns the reason why a program cannot reach a database in the way that its variables require; nil if
// it can.
func (d *Database) Unfit(program string) error {
	switch kind := KindOf(program); {
	case kind != "" && kind != d.Kind:
		return fmt.Errorf("%s is for %s, and %s is %s", filepath.Base(program), kind, d.Name, d.Kind)
	case !isKnown(d.Kind): // DATABASE_URL might then have the scheme of a local file
		return fmt.Errorf("no program finds a database of the kind %s in its environment", d.Kind)
	case kind == MySQL && d.TLS != AnyTLS: // the two families of clients share no option for that
		return fmt.Errorf("%s asks for TLS, and %s would connect to %s, where it cannot check that it talks to %s", d.Variables[0], filepath.Base(program), local, d.Host)
	}
	return nil
}

// Asks reports whether a program asks for the password, because it takes none from its environment.
func (d *Database) Asks(program string) bool { return KindOf(program) == MongoDB && d.User != "" }

// Args returns the arguments that a program needs before the user's own. None of them is secret: others can see
// them.
func (d *Database) Args(program string, port uint16) []string {
	if args := clientOf(program).args; args != nil {
		return args(d, port)
	}
	return nil
}

// mysqlLogin has the client read no my.cnf: a password there takes precedence over MYSQL_PWD, and would be
// given to the instance's server.
func mysqlLogin(d *Database, port uint16) []string {
	args := []string{"--no-defaults", "--host=" + local, "--port=" + strconv.Itoa(int(port)), "--protocol=tcp"}
	if d.User != "" {
		args = append(args, "--user="+d.User)
	}
	return args
}

// mysqlArgs makes the client refuse to send local files, which the server may ask for.
func mysqlArgs(d *Database, port uint16) []string {
	args := append(mysqlLogin(d, port), "--local-infile=0")
	if d.Base != "" {
		args = append(args, "--database="+d.Base)
	}
	return args
}

// redisArgs makes redis-cli ask the server for the right host's certificate. redis-cli checks who signed it,
// but no name.
func redisArgs(d *Database, port uint16) []string {
	args := []string{"-h", local, "-p", strconv.Itoa(int(port))}
	if d.User != "" {
		args = append(args, "--user", d.User)
	}
	if d.Base != "" && d.Base != "0" {
		args = append(args, "-n", d.Base)
	}
	if d.TLS != AnyTLS {
		args = append(args, "--tls", "--sni", d.Host)
	}
	return args
}

func mongoArgs(d *Database, port uint16) []string {
	args := []string{"--host=" + local, "--port=" + strconv.Itoa(int(port))}
	if d.User != "" {
		source := d.authSource
		if source == "" {
			source = d.Base
		}
		args = append(args, "--username="+d.User) // in one word, or it might become an option of its own
		if source != "" {
			args = append(args, "--authenticationDatabase="+source)
		}
	}
	if d.TLS != AnyTLS {
		args = append(args, "--tls")
	}
	return args
}

// Environment returns the environment of a program that should reach the database, made from this process's
// own. Nothing in it leads the program elsewhere, and it gives none of the user's own passwords to the
// instance's server.
func (d *Database) Environment(own []string, program string, port uint16) []string {
	number := strconv.Itoa(int(port))
	set := map[string]string{"DATABASE_URL": d.URL(port, true)}
	switch d.Kind {
	case PostgreSQL:
		mode := d.TLS
		for stronger, name := range sslModes {
			if lookup(own, "PGSSLMODE") == name {
				mode = max(mode, TLS(stronger))
			}
		}
		if mode != AnyTLS {
			set["PGSSLMODE"] = sslModes[mode]
		}
		if d.channelBinding {
			set["PGCHANNELBINDING"] = "require"
		}
		// libpq connects to PGHOSTADDR, and uses the host's name for TLS. Other libraries know only PGHOST.
		set["PGHOST"], set["PGHOSTADDR"], set["PGPORT"] = local, local, number
		if mode == Verified || KindOf(program) == PostgreSQL {
			set["PGHOST"] = d.Host
		}
		set["PGUSER"], set["PGPASSWORD"], set["PGDATABASE"] = d.User, d.Password, d.Base
		set["PGSERVICE"] = ""           // comes before all of these
		set["PGPASSFILE"] = noFile      // the user's may have a password for that host, or for any
		set["PGGSSENCMODE"] = "disable" // the user's ticket for that host could be passed on to it
		set["PGKRBSRVNAME"] = "none"    // and libpq before 16 does not know the next variable
		if own := lookup(own, "PGREQUIREAUTH"); own == "" || strings.Contains(own, "!") {
			set["PGREQUIREAUTH"] = "!gss,!sspi"
		}
	case MySQL:
		set["MYSQL_HOST"], set["MYSQL_TCP_PORT"], set["MYSQL_PWD"] = local, number, d.Password
		set["MYSQL_TEST_LOGIN_FILE"] = noFile // --no-defaults does not keep ~/.mylogin.cnf from being read
	case Redis:
		set["REDISCLI_AUTH"] = d.Password
	}
	environment := slices.DeleteFunc(slices.Clone(own), func(variable string) bool {
		name, _, _ := strings.Cut(variable, "=")
		_, ours := set[strings.ToUpper(name)]
		return ours
	})
	for name, value := range set {
		if value != "" {
			environment = append(environment, name+"="+value)
		}
	}
	return environment
}

// noFile is a path that libpq silently ignores: it complains about something that is not a file, but not about
// a file that does not exist.
const noFile = "/dev/null/none"

func lookup(environment []string, name string) string {
	for _, variable := range environment {
		if value, ok := strings.CutPrefix(variable, name+"="); ok {
			return value
		}
	}
	return ""
}
