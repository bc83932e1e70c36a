//go:build unix

package main

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"clever-ssh/internal/test/gateway"
)

// direct returns the target of direct alias i.
func direct(i int) string { return fmt.Sprintf("app_number-%d", i) }

// Eight connections at once, first to eight direct aliases, then all to the same one, each
// reach their own target. Meanwhile ssh still reads its configuration for other hosts.
func TestManyAliasesAtOnce(t *testing.T) {
	t.Parallel()
	const many = 8
	h := testHome(t)
	keys, err := hostKeys()
	if err != nil {
		t.Fatal(err)
	}
	organisation := gateway.Organisation{Name: "Many"}
	for i := range many {
		organisation.Applications = append(organisation.Applications, gateway.Application{
			Name: direct(i), ID: direct(i),
			Instances: []gateway.Instance{{ID: fmt.Sprintf("%08d-0000-4000-8000-000000000000", i), Name: "Sleepy Ponita"}},
		})
	}
	g := &gateway.Gateway{HostKeys: keys, AnyKey: &gateway.Account{Organisations: []gateway.Organisation{organisation}}}
	if err := g.Start("127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	defer g.Close()
	h.setup(t, g)

	stop := make(chan struct{})
	var looping sync.WaitGroup
	looping.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
			}
			if out, err := h.command("ssh", "-G", "otherhost").CombinedOutput(); err != nil {
				t.Errorf("ssh -G otherhost: %v\n%s", err, out)
				return
			}
		}
	})
	for _, target := range []func(i int) string{direct, func(int) string { return direct(7) }} {
		var all sync.WaitGroup
		for i := range many {
			all.Go(func() {
				cmd := h.command("ssh", target(i)+".clever")
				cmd.Stdin = strings.NewReader("echo id=$APP_ID; exit\n")
				out, err := cmd.CombinedOutput()
				if want := "id=" + target(i) + "\r\n"; err != nil || !strings.Contains(string(out), want) {
					t.Errorf("%s: %v\n%s", target(i), err, out)
				}
			})
		}
		all.Wait()
	}
	close(stop)
	looping.Wait()
	for _, s := range g.Events().Sessions {
		if !strings.HasPrefix(s.Target, "app_number-") {
			t.Errorf("a session for %q", s.Target)
		}
	}
}
