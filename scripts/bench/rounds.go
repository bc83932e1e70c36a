package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"
)

// contender is one way to connect, or one program to start.
type contender struct {
	name    string
	command []string // the ProxyCommand, or the program; empty for ssh's own connection
	rival   bool     // a helper that is not ours
}

// patience bounds one turn: a helper that hangs is left out, but not the others.
const patience = 10 * time.Minute

// measurement measures one contender once. It returns a value for each table; a contender may lack the last ones.
type measurement func(context.Context, contender) ([]float64, error)

// rounds lets the contenders take turns. Each round begins with another one, so that drift affects all alike. A rival
// that fails is left out; the others must not fail. At the end it prints the tables, in which the first contender is
// the base.
func (b *bench) rounds(what string, times int, list []contender, once measurement, tables ...*table) error {
	fmt.Fprintf(os.Stderr, "measuring %s ...\n", what)
	taken := make([][][]float64, len(list)) // by contender, round and table
	failed := make([]bool, len(list))
	for begin, i := time.Now(), 0; i < times; i++ {
		for j := range list {
			k := (i + j) % len(list)
			if failed[k] {
				continue
			}
			values, err := b.turn(list[k], once)
			switch {
			case b.ctx.Err() != nil:
				return errors.New("interrupted")
			case err != nil && !list[k].rival:
				return fmt.Errorf("%s: %s: %w", what, list[k].name, err)
			case err != nil:
				fmt.Fprintf(os.Stderr, "bench: %s: %s is left out: %v\n", what, list[k].name, err)
				failed[k] = true
			}
			taken[k] = append(taken[k], values)
		}
		if left := time.Since(begin) * time.Duration(times-1); i == 0 && left > 10*time.Second {
			fmt.Fprintf(os.Stderr, "    about %v to go\n", left.Round(time.Second))
		}
	}
	for k, c := range list {
		for n, t := range tables {
			if failed[k] || n >= len(taken[k][0]) {
				continue
			}
			s := &series{contender: c}
			for _, values := range taken[k] {
				s.values = append(s.values, values[n])
			}
			t.rows = append(t.rows, s)
		}
	}
	for _, t := range tables {
		t.print(list[0].name)
	}
	return nil
}

// turn measures a contender once, and adds to an error what it said on stderr.
func (b *bench) turn(c contender, once measurement) ([]float64, error) {
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	time.Sleep(20 * time.Millisecond) // the previous one's server and helper have yet to end
	b.stderr.Truncate(0)
	values, err := once(ctx, c)
	if err != nil {
		said, _ := os.ReadFile(b.stderr.Name())
		err = fmt.Errorf("%w\n%s", err, said)
	}
	return values, err
}
