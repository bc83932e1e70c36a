package main

import (
	"context"
	"fmt"
	"time"

	"clever-ssh/internal/test/gateway"
)

// stepTime is how long each state of a deployment lasts: long enough to read the screen.
const stepTime = 4 * time.Second

// watchDeployment deploys an application with two instances and makes a build fail. At each step it shows what
// instances there are and where commands go.
func (h *home) watchDeployment(g *gateway.Gateway) error {
	steps := make(chan string)
	d := &gateway.Deployment{Gateway: g, Application: "app_pair", Step: stepTime}
	if err := d.Start(2); err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	d.Told = func(what string) {
		select {
		case steps <- what:
		case <-ctx.Done():
		}
	}
	deployed := make(chan error, 1)
	go func() {
		err := d.Deploy(ctx, 2)
		if err == nil {
			err = d.FailBuild(ctx)
		}
		deployed <- err
	}()
	for {
		select {
		case what := <-steps:
			fmt.Printf("\n-- %s\n", what)
			time.Sleep(stepTime / 4) // by then the list has changed
			for _, args := range [][]string{
				{h.program, "instances", "pair.clever"},
				{"ssh", "pair.clever", "echo this is $INSTANCE_ID"},
				{"ssh", "all.pair.clever", "echo this is $INSTANCE_ID"},
			} {
				show(args)
				if args[0] != h.program {
					args = h.withConfig(args)
				}
				if err := attached(h.command(args...)).Run(); err != nil {
					return err
				}
			}
		case err := <-deployed:
			if err == nil {
				fmt.Println("\ndemo: no command failed")
			}
			return err
		}
	}
}
