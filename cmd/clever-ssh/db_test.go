//go:build unix

package main

import (
	"bufio"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"clever-ssh/internal/quote"
)

// dbHome returns a home whose application has an environment.
func dbHome(t *testing.T, environment map[string]string) *home {
	t.Helper()
	h, _, _ := programHome(t)
	setEnvironment(t, h, environment)
	return h
}

func setEnvironment(t *testing.T, h *home, environment map[string]string) {
	t.Helper()
	var profile strings.Builder
	for name, value := range environment {
		profile.WriteString("export " + name + "=" + quote.POSIX(value) + "\n")
	}
	cmd := h.command("clever-ssh", "exec", "web.clever", "cat >.bash_profile")
	cmd.Stdin = strings.NewReader(profile.String())
	runs(t, cmd)
}

// postgresEnvironment returns the environment of a PostgreSQL add-on.
func postgresEnvironment(s dbServer) map[string]string {
	return map[string]string{
		"POSTGRESQL_ADDON_HOST": "localhost", "POSTGRESQL_ADDON_PORT": fmt.Sprint(s.port), "POSTGRESQL_ADDON_DB": "postgres", "POSTGRESQL_ADDON_USER": dbUser,
		"POSTGRESQL_ADDON_PASSWORD": dbPassword, "POSTGRESQL_ADDON_URI": urlOf("postgresql", "localhost", s.port, "/postgres"),
	}
}

func urlOf(scheme, host string, port int, path string) string {
	return fmt.Sprintf("%s://%s@%s:%d%s", scheme, url.UserPassword(dbUser, dbPassword), host, port, path)
}

// dbPort starts db without a program, and returns the URL that it prints.
func dbPort(t *testing.T, h *home, args ...string) (cmd *exec.Cmd, printed string, said *lines) {
	t.Helper()
	said = &lines{}
	cmd = h.command("clever-ssh", append([]string{"db"}, args...)...)
	cmd.Stderr = said
	out, err := cmd.StdoutPipe()
	must(t, err)
	must(t, cmd.Start())
	t.Cleanup(func() {
		cmd.Process.Signal(syscall.SIGTERM)
		cmd.Wait()
	})
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatalf("it prints %q, %v\n%s", line, err, said)
	}
	return cmd, strings.TrimSuffix(line, "\n"), said
}

// A port leads psql to the database, with the printed URL and with the environment of --exec.
func TestDBPostgreSQL(t *testing.T) {
	t.Parallel()
	s := startPostgreSQL(t)
	h := dbHome(t, postgresEnvironment(s))
	// Databases in the person's own environment do not mislead psql.
	h.env = append(h.env, "PGHOST=nosuch.invalid", "PGHOSTADDR=192.0.2.1", "PGSERVICE=nosuch", "PGPORT=1", "PGUSER=me", "PGDATABASE=mine", "DATABASE_URL=postgres://nosuch.invalid", "PGSSLROOTCERT="+s.ca)

	query := "select current_user, current_database(), ssl from pg_stat_ssl where pid = pg_backend_pid()"
	psql := func(url string, env ...string) *exec.Cmd {
		cmd := exec.Command("psql", url, "-XAtc", query)
		cmd.Env = append(os.Environ(), env...)
		return cmd
	}
	const want = "owner|postgres|t\n"
	cmd, printed, said := dbPort(t, h, "web.clever")
	if !regexp.MustCompile(`^postgresql://owner@127\.0\.0\.1:\d+/postgres$`).MatchString(printed) {
		t.Errorf("it prints %q", printed)
	}
	if got := runs(t, psql(printed, "PGPASSWORD="+dbPassword)); got != want {
		t.Errorf("%q", got)
	}
	said.await(t, fmt.Sprintf(`^clever-ssh: 127\.0\.0\.1:\d+ leads to postgresql, localhost:%d; Ctrl-C ends it\nclever-ssh: the database needs a password: `, s.port))
	must(t, cmd.Process.Signal(os.Interrupt))
	if err := cmd.Wait(); err != nil {
		t.Errorf("it ends with %v", err)
	}
	if out, err := psql(printed, "PGPASSWORD="+dbPassword).CombinedOutput(); err == nil || !strings.Contains(string(out), "refused") {
		t.Errorf("the port is still there: %v, %s", err, out)
	}

	port := freePort(t)
	_, printed, _ = dbPort(t, h, "--show", "web.clever", "postgresql_addon_uri", "--port", fmt.Sprint(port))
	if !strings.HasPrefix(printed, "postgresql://owner:") || !strings.HasSuffix(printed, fmt.Sprintf("@127.0.0.1:%d/postgres", port)) {
		t.Errorf("it prints %q", printed)
	}
	if got := runs(t, psql(printed)); got != want {
		t.Errorf("%q", got)
	}
	if got := runs(t, exec.Command("sh", "-c", "psql "+printed+` -XAtc "select 1"`)); got != "1\n" { // as it is pasted
		t.Errorf("%q", got)
	}

	if got := runs(t, h.command("clever-ssh", "db", "web.clever", "--exec", "psql", "-XAtc", query)); got != want {
		t.Errorf("%q", got)
	}
	if got := runs(t, h.command("clever-ssh", "db", "web.run.clever", "postgresql", "--exec", "pg_dump", "--schema-only")); !strings.Contains(got, "PostgreSQL database dump complete") {
		t.Errorf("%q", got)
	}
	// Any other program gets a URL.
	if got := runs(t, h.command("clever-ssh", "db", "web.clever", "--exec", "sh", "-c", `psql "$DATABASE_URL" -XAtc "$1"`, "sh", query)); got != want {
		t.Errorf("%q", got)
	}
	for command, want := range map[string]int{`psql -XAtc "select nosuch"`: 1, "exit 7": 7, "kill -TERM $$": 128 + 15, "kill -PIPE $$": 128 + 13} {
		cmd := h.command("clever-ssh", "db", "web.clever", "--exec", "sh", "-c", command)
		cmd.Run()
		if got := cmd.ProcessState.ExitCode(); got != want {
			t.Errorf("%s: exit status %d, want %d", command, got, want)
		}
	}
}

// sslmode=verify-full keeps its meaning: the certificate is compared with the name of the server, and not with
// that of the port.
func TestDBVerifies(t *testing.T) {
	t.Parallel()
	s := startPostgreSQL(t)
	h := dbHome(t, map[string]string{
		"RIGHT_URL": urlOf("postgres", "localhost", s.port, "/postgres?sslmode=verify-full&sslrootcert=/etc/passwd"),
		"WRONG_URL": urlOf("postgres", "127.0.0.1", s.port, "/postgres?sslmode=verify-full"),
		"PLAIN_URL": urlOf("postgres", "127.0.0.1", s.port, "/template1?sslmode=disable"),
	})
	trusting := append(h.env, "PGSSLROOTCERT="+s.ca)
	run := func(env []string, name string, args ...string) (string, error) {
		cmd := h.command(name, args...)
		cmd.Env = append(cmd.Env, env...)
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	_, printed, said := dbPort(t, h, "web.clever", "right", "--show")
	if !regexp.MustCompile(`@localhost:\d+/postgres\?hostaddr=127\.0\.0\.1&sslmode=verify-full$`).MatchString(printed) {
		t.Errorf("it prints %q", printed)
	}
	said.await(t, "clever-ssh: left out of its URL: sslrootcert\n")
	if out, err := run(trusting, "psql", printed, "-XAtc", "select 1"); out != "1\n" {
		t.Errorf("%v, %q", err, out)
	}
	if out, err := run(nil, "psql", printed, "-XAtc", "select 1"); err == nil || !strings.Contains(out, "root certificate file") {
		t.Errorf("without the CA: %v, %q", err, out)
	}
	if out, err := run(trusting, "clever-ssh", "db", "web.clever", "right", "--exec", "psql", "-XAtc", "select 1"); out != "1\n" {
		t.Errorf("%v, %q", err, out)
	}
	if out, err := run(trusting, "clever-ssh", "db", "web.clever", "right", "--exec", "sh", "-c", "psql -XAtc 'select 1'"); out != "1\n" {
		t.Errorf("%v, %q", err, out)
	}
	const mismatch = `does not match host name "127.0.0.1"`
	if out, err := run(trusting, "clever-ssh", "db", "web.clever", "wrong", "--exec", "psql", "-XAtc", "select 1"); err == nil || !strings.Contains(out, mismatch) {
		t.Errorf("%v, %q", err, out)
	}
	// The user's requirement wins if the instance's is weaker.
	if out, err := run(append(trusting, "PGSSLMODE=verify-full"), "clever-ssh", "db", "web.clever", "plain", "--exec", "psql", "-XAtc", "select 1"); err == nil || !strings.Contains(out, mismatch) {
		t.Errorf("%v, %q", err, out)
	}
}

// Ctrl-C belongs to the program: psql cancels a query with it, and goes on over the same connection.
func TestDBInterrupt(t *testing.T) {
	t.Parallel()
	s := startPostgreSQL(t)
	h := dbHome(t, postgresEnvironment(s))
	term := start(t, h.command("clever-ssh", "db", "web.clever", "--exec", "psql", "-X", "-P", "pager=off"))
	term.expect(t, `postgres=# `)
	term.send(t, "select 'begin-' || pg_backend_pid();\r")
	pid := strings.TrimPrefix(term.expect(t, `begin-\d+`), "begin-")
	for range 2 {
		term.expect(t, `postgres=# `)
		term.send(t, "select pg_sleep(100);\r")
		term.expect(t, `\n`)
		awaitQuery(t, h, s)
		term.send(t, "\x03")
		term.expect(t, `canceling statement due to user request`)
	}
	term.expect(t, `postgres=# `)
	term.send(t, "select 'still-' || pg_backend_pid();\r")
	if still := strings.TrimPrefix(term.expect(t, `still-\d+`), "still-"); still != pid {
		t.Errorf("the connection is another: %s and %s", pid, still)
	}
	term.send(t, "\\q\r")
	if status := term.status(t); status != 0 {
		t.Errorf("it ends with status %d", status)
	}
}

// awaitQuery waits until the server is asleep in a query.
func awaitQuery(t *testing.T, h *home, s dbServer) {
	t.Helper()
	cmd := exec.Command("psql", urlOf("postgresql", "127.0.0.1", s.port, "/postgres"), "-XAtc",
		"do $$begin while not exists (select from pg_stat_activity where query = 'select pg_sleep(100);' and state = 'active') loop perform pg_sleep(0.01); perform pg_stat_clear_snapshot(); end loop; end$$")
	runs(t, cmd)
}

// redis-cli reaches its server, over TLS, too, where it checks who has signed the certificate.
func TestDBRedis(t *testing.T) {
	t.Parallel()
	s := startRedis(t)
	h := dbHome(t, map[string]string{
		"REDIS_HOST": "localhost", "REDIS_PORT": fmt.Sprint(s.port), "REDIS_PASSWORD": dbPassword,
		"REDIS_URL": fmt.Sprintf("redis://%s@localhost:%d", url.UserPassword("", dbPassword), s.port),
	})
	h.env = append(h.env, "REDISCLI_AUTH=mine")
	if got := runs(t, h.command("clever-ssh", "db", "web.clever", "--exec", "redis-cli", "ping")); got != "PONG\n" {
		t.Errorf("%q", got)
	}
	_, printed, _ := dbPort(t, h, "web.clever")
	byURL := exec.Command("redis-cli", "-u", printed, "ping")
	byURL.Env = append(os.Environ(), "REDISCLI_AUTH="+dbPassword)
	if got := runs(t, byURL); got != "PONG\n" {
		t.Errorf("%s: %q", printed, got)
	}

	setEnvironment(t, h, map[string]string{"CACHE_URL": urlOf("rediss", "localhost", s.tls, "/3")})
	if got := runs(t, h.command("clever-ssh", "db", "web.clever", "--exec", "redis-cli", "--cacert", s.ca, "set", "key", "value")); got != "OK\n" {
		t.Errorf("%q", got)
	}
	check := exec.Command("redis-cli", "-p", fmt.Sprint(s.port), "-n", "3", "get", "key")
	check.Env = append(os.Environ(), "REDISCLI_AUTH="+dbPassword)
	if got := runs(t, check); got != "value\n" {
		t.Errorf("another database was written to: %q", got)
	}
	cmd := h.command("clever-ssh", "db", "web.clever", "cache", "--exec", "redis-cli", "ping")
	if out, err := cmd.CombinedOutput(); err == nil || !strings.Contains(string(out), "certificate verify failed") {
		t.Errorf("without the CA: %v, %s", err, out)
	}
}

// No data of a database is in a file of the home, or in the arguments of a process.
func TestDBSecret(t *testing.T) {
	t.Parallel()
	h := dbHome(t, nil)
	const secret = "s3cretOfTheDatabase"
	setEnvironment(t, h, map[string]string{"DATABASE_URL": "mysql://owner:" + secret + "@localhost:3306/db", "OTHER_URL": "redis://:" + secret + "@localhost"})
	bin := filepath.Join(h.dir, "bin")
	must(t, os.Mkdir(bin, 0o700))
	for _, name := range []string{"mysql", "redis-cli"} {
		must(t, os.WriteFile(filepath.Join(bin, name), []byte("#!/bin/sh\nps -eo args | grep -v grep | grep s3cre[t]Of\necho \"$*\"; echo $MYSQL_PWD$REDISCLI_AUTH\n"), 0o755))
	}
	for name, want := range map[string]string{
		"mysql":     `^--no-defaults --host=127\.0\.0\.1 --port=\d+ --protocol=tcp --user=owner --local-infile=0 --database=db -e x\n` + secret + `\n$`,
		"redis-cli": `^-h 127\.0\.0\.1 -p \d+ -e x\n` + secret + `\n$`,
	} {
		cmd := h.command("clever-ssh", "db", "web.clever", "--exec", filepath.Join(bin, name), "-e", "x")
		if got := runs(t, cmd); !regexp.MustCompile(want).MatchString(got) {
			t.Errorf("%s: %q", name, got)
		}
	}
	if out, _ := exec.Command("grep", "-rl", secret, h.dir).Output(); len(out) > 0 {
		t.Errorf("it is in %s", out)
	}
}
