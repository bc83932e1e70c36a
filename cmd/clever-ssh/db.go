package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"text/tabwriter"

	"clever-ssh/bridge"
	"clever-ssh/cmd/clever-ssh/internal/database"
	"clever-ssh/cmd/clever-ssh/internal/ui"
	"clever-ssh/config"
	"clever-ssh/internal/quote"

	"github.com/urfave/cli/v2"
)

var dbCommand = &cli.Command{
	Name:      "db",
	Usage:     "open a port to an application's database",
	UsageText: "db ALIAS [NAME] [--port N] [--show | --exec PROGRAM [ARGS]]",
	Description: `    clever-ssh db web.clever
    clever-ssh db web.clever --exec psql
    clever-ssh db web.clever redis --exec redis-cli --bigkeys
    clever-ssh db web.clever database --port 5433 --show

Finds the application's databases in the instance's environment, opens a port on
127.0.0.1 that leads to one of them, and prints its URL. Ctrl-C ends it.

With --exec it runs a program instead, and ends with it. The program finds the
password in its environment, and the database there (psql) or in its arguments
(redis-cli, mysql).

NAME is postgresql, mysql, redis, mongodb, elasticsearch or kv for an add-on,
with -direct for its direct address; or a variable, with or without its _URL
or _URI: database for DATABASE_URL. Without a name, db uses the only database,
or the only one that fits the program. If there are several, it lists them.`,
	Flags: []cli.Flag{
		verboseFlag,
		&cli.IntFlag{Name: "port", Usage: "listen on port `N`", DefaultText: "any free one"},
		&cli.BoolFlag{Name: "show", Usage: "print the password in the URL"},
		&cli.StringFlag{Name: "exec", Usage: "run a `PROGRAM`; the rest of the line is its own"},
	},
	SkipFlagParsing: true,
	Action: func(c *cli.Context) error {
		w, err := parseDB(c.Args().Slice(), c.Command)
		switch {
		case err != nil:
			return err
		case w.help:
			return cli.ShowSubcommandHelp(c)
		case len(w.program) > 0:
			return withStatus(openDatabase(w))
		}
		err = openDatabase(w)
		var status ui.ExitStatus
		if errors.As(err, &status) && status == bridge.StatusFailed { // no command ran that could have this status
			return ui.ExitStatus(ui.ExitFailed)
		}
		return err
	},
}

// wantedDB is what a command line of db asks for.
type wantedDB struct {
	alias, name string
	port        int
	show, help  bool
	program     []string // with its arguments; none without --exec
}

// parseDB reads the arguments of db. The options of db may be anywhere before --exec, and everything after that
// belongs to the program.
func parseDB(words []string, c *cli.Command) (w wantedDB, err error) {
	usage := func(what string) (wantedDB, error) {
		return w, ui.Usagef("%s: clever-ssh db web.clever --exec psql", what)
	}
	var rest []string
	for ; len(words) > 0 && w.program == nil; words = words[1:] {
		option, value, joined := strings.Cut(words[0], "=")
		switch option = strings.TrimLeft(option, "-"); {
		case len(words[0]) < 2 || words[0][0] != '-':
			rest = append(rest, words[0])
		case words[0] == "--":
			return usage("a program comes after --exec")
		case option == "help" || option == "h":
			w.help = true
			return w, nil
		case option == "port" || option == "exec":
			if !joined {
				if len(words) == 1 {
					return w, flagError(errors.New("flag needs an argument: -"+option), c)
				}
				words = words[1:]
				value = words[0]
			}
			if option == "exec" {
				w.program = append([]string{value}, words[1:]...)
			} else if w.port, err = strconv.Atoi(value); err != nil || w.port < 0 || w.port > 65535 {
				return w, ui.Usagef("--port must be a number from 0 to 65535")
			}
		case joined && flagOf(c, option) != nil:
			return w, ui.Usagef("--%s takes no value; see clever-ssh db --help", option)
		case option == "show":
			w.show = true
		case option == "verbose" || option == "v":
			ui.Steps = os.Stderr
		default:
			return w, flagError(errors.New("flag provided but not defined: -"+option), c)
		}
	}
	switch {
	case len(rest) == 0:
		return usage("db takes an alias")
	case len(rest) > 2:
		return usage("db takes an alias and the name of one database; a program comes after --exec")
	case len(w.program) > 0 && w.program[0] == "":
		return usage("--exec takes a program")
	case len(w.program) > 0 && w.show:
		return w, ui.Usagef("--show prints a password, and --exec gives it to a program: use one or the other")
	}
	w.alias = rest[0]
	if len(rest) == 2 {
		w.name = rest[1]
	}
	return w, nil
}

// openDatabase opens the port, and keeps it open until somebody interrupts, or the program has ended.
func openDatabase(w wantedDB) error {
	ignoreSignals()
	s, a, err := resolve(w.alias)
	switch {
	case err != nil:
		return err
	case a.Instance == config.AllInstances:
		return ui.HintSession(&bridge.AllError{What: "a database"}, a)
	}
	kind, path := database.Kind(""), ""
	if len(w.program) > 0 { // before anybody has to wait, or to enter a passphrase
		kind = database.KindOf(w.program[0])
		if path, err = findProgram(w.program[0]); err != nil {
			return err
		}
	}
	ctx, stop := ui.UntilInterrupted()
	defer stop()
	l, err := listenForDatabase(w.port) // before anybody logs in, too
	if err != nil {
		return err
	}
	defer l.Close()
	o, inner, done, err := reach(ctx, s, a)
	if err != nil {
		return err
	}
	defer done()
	found, err := database.Read(ctx, o, ui.Step)
	if err != nil {
		return failed(ctx, o, err)
	}
	d, err := found.Choose(w.name, kind)
	if several := new(database.SeveralError); errors.As(err, &several) {
		again := "clever-ssh db " + a.Plain() + " " + several.Databases[0].Name
		if path != "" {
			return ui.Hint(err, "type: "+again+" --exec "+quote.Args(w.program))
		}
		return listDatabases(found, again)
	} else if err != nil {
		return hintNone(err, found, a)
	}
	ui.Step("%s is %s at %s", d.Name, d.Kind, d.Address())
	serve := func(ctx context.Context) { serveDatabase(ctx, l, d, o, a) }
	port := uint16(l.Addr().(*net.TCPAddr).Port)
	if path == "" {
		sayOpen(d, port, w, a)
		serve(ctx)
		return nil
	}
	if err := d.Unfit(path); err != nil {
		return ui.Hint(err, "to open only the port: clever-ssh db "+a.Plain()+" "+d.Name)
	}
	inner.LeaveTerminal()
	signals := make(chan os.Signal, 8)
	leaveSignals(signals)
	if ctx.Err() != nil {
		return ui.ExitStatus(interrupted)
	}
	stop() // from here on, Ctrl-C belongs to the program
	if d.Asks(path) {
		ui.Note(os.Stderr, "%s asks for the password; see it with: clever-ssh db %s %s --show", w.program[0], a.Plain(), d.Name)
	}
	return runBeside(serve, databaseProgram(w.program, path, d, port), signals)
}

// listenForDatabase opens the port at 127.0.0.1, or any free one if it is 0.
func listenForDatabase(port int) (*net.TCPListener, error) {
	l, err := database.Listen(port)
	if err == nil {
		return l, nil
	}
	if op := new(net.OpError); errors.As(err, &op) {
		err = fmt.Errorf("cannot listen on 127.0.0.1:%d: %w", port, op.Err)
	}
	return nil, ui.Hint(err, "is another program listening there? Without --port, db takes any free port")
}

// databaseProgram returns the command that runs a program, found at path, with the database.
func databaseProgram(program []string, path string, d *database.Database, port uint16) *exec.Cmd {
	cmd := exec.Command(path, append(d.Args(path, port), program[1:]...)...)
	cmd.Args[0] = program[0]
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.Env = d.Environment(os.Environ(), path, port)
	return cmd
}

// runBeside runs a program while the port is served.
func runBeside(serve func(context.Context), cmd *exec.Cmd, signals <-chan os.Signal) error {
	ctx, stop := context.WithCancel(context.Background())
	var serving sync.WaitGroup
	serving.Go(func() { serve(ctx) })
	defer serving.Wait()
	defer stop()
	return runProgram(cmd, signals)
}

// runProgram runs a program to its end, and returns how it ended as a ui.ExitStatus. It passes on signals that
// only this process got.
func runProgram(cmd *exec.Cmd, signals <-chan os.Signal) error {
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("%s: %w", cmd.Args[0], ui.Cause(err))
	}
	ended := make(chan struct{})
	go func() {
		cmd.Wait()
		close(ended)
	}()
	for {
		select {
		case s := <-signals:
			if isForProgram(s) {
				cmd.Process.Signal(s)
			}
		case <-ended:
			if status := statusOf(cmd.ProcessState); status != 0 {
				return ui.ExitStatus(status)
			}
			return nil
		}
	}
}

// findProgram finds a program on this machine.
func findProgram(name string) (string, error) {
	path, err := exec.LookPath(name)
	if err == nil {
		return path, nil
	}
	err = fmt.Errorf("%s: %w", name, ui.Cause(err))
	if from := database.Install(name); from != "" {
		return "", ui.Hint(err, from)
	}
	return "", err
}

// hintNone adds hints to the error for a missing database: what else might be wanted, and why some variables do
// not name one.
func hintNone(err error, found *database.Found, a config.Alias) error {
	var lines []string
	for _, p := range found.Passed[:min(len(found.Passed), ui.MostNamed)] {
		lines = append(lines, fmt.Sprintf("%s was ignored: %v", p.Variable, p.Why))
	}
	if len(found.Databases) == 0 {
		lines = append(lines, "is an add-on linked to the application? For any other database: ssh -N -L 5432:HOST:PORT "+a.Plain())
	}
	return ui.Hint(err, lines...)
}

// listDatabases lists the databases, without passwords, and says what to type.
func listDatabases(found *database.Found, again string) error {
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 3, ' ', 0)
	fmt.Fprintln(w, "NAME\tKIND\tADDRESS\tDATABASE\tUSER")
	for _, d := range found.Databases {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", d.Name, d.Kind, d.Address(), orDash(quote.Line(d.Base)), orDash(quote.Line(d.User)))
	}
	if err := w.Flush(); err != nil {
		return err
	}
	ui.Note(os.Stderr, "name one: %s", again)
	return nil
}

// sayOpen prints the URL on stdout, and everything else on stderr.
func sayOpen(d *database.Database, port uint16, w wantedDB, a config.Alias) {
	ui.Note(os.Stderr, "127.0.0.1:%d leads to %s, %s; Ctrl-C ends it", port, d.Name, d.Address())
	if len(d.LeftOut) > 0 {
		ui.Note(os.Stderr, "left out of its URL: %s", strings.Join(d.LeftOut, ", "))
	}
	switch {
	case d.NameUnchecked() && d.Kind == database.Redis:
		ui.Note(os.Stderr, "its certificate is for another name: redis-cli --tls --sni %s -p %d", d.Host, port)
	case d.NameUnchecked() && d.Kind == database.Elasticsearch:
		ui.Note(os.Stderr, "its certificate is for another name: curl --connect-to ::127.0.0.1:%d https://%s", port, d.Address())
	case d.NameUnchecked():
		ui.Note(os.Stderr, "its certificate is for %s; a client that checks names fails", d.Host)
	}
	if d.Password != "" && !w.show {
		ui.Note(os.Stderr, "the database needs a password: --show prints it, --exec PROGRAM passes it to the program")
	}
	fmt.Println(d.URL(port, w.show))
}

// serveDatabase carries the connections to the port, until ctx is done.
func serveDatabase(ctx context.Context, l *net.TCPListener, d *database.Database, o bridge.Options, a config.Alias) {
	o.Chosen = nil // it was called when the environment was read
	tunnel := bridge.NewTunnel(o)
	defer tunnel.Close()
	carry := func(ctx context.Context, conn *net.TCPConn) error { return tunnel.Carry(ctx, conn, d.Host, d.Port) }
	database.Serve(ctx, l, carry, func(err error) {
		ui.Error(os.Stderr, fmt.Errorf("no connection to %s from the instance: %w", d.Address(), ui.HintSession(err, a)))
	})
}
