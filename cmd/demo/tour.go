package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// takeTour shows what the gateway alone cannot do: a command, a file and a tunnel.
func (h *home) takeTour() error {
	if err := os.WriteFile(filepath.Join(h.folder, "hello.txt"), []byte("hello from your machine\n"), 0o600); err != nil {
		return err
	}
	for _, args := range [][]string{
		{"ssh", "web.clever", "echo this is instance $INSTANCE_NUMBER of $APP_ID"},
		{"scp", "hello.txt", "web.clever:"},
		{"ssh", "web.clever", "cat hello.txt"},
	} {
		show(args)
		cmd := attached(h.command(h.withConfig(args)...))
		cmd.Dir = h.folder
		if err := cmd.Run(); err != nil {
			return fmt.Errorf("%s: %w", typed(args), err)
		}
	}
	return h.openTunnel()
}

// openTunnel opens a tunnel to a port of the instance, and shows what comes through it.
func (h *home) openTunnel() error {
	far, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	defer far.Close()
	farPort := far.Addr().(*net.TCPAddr).Port
	go func() {
		for {
			conn, err := far.Accept()
			if err != nil {
				return
			}
			fmt.Fprintf(conn, "hello from port %d of the instance\n", farPort)
			conn.Close()
		}
	}()
	near, err := net.Listen("tcp", "127.0.0.1:0") // to find a free port
	if err != nil {
		return err
	}
	port := near.Addr().(*net.TCPAddr).Port
	near.Close()

	tunnel := []string{"ssh", "-N", "-L", fmt.Sprintf("%d:localhost:%d", port, farPort), "web.clever"}
	show(tunnel)
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	args := h.withConfig(tunnel)
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	cmd.Env, cmd.Stdout, cmd.Stderr = h.env, os.Stdout, os.Stderr
	if err := cmd.Start(); err != nil {
		return err
	}
	defer cmd.Wait()
	defer cancel()
	for ctx.Err() == nil {
		heard, err := hear(port)
		if err == nil && heard != "" {
			fmt.Printf("(localhost:%d says: %s)\n", port, heard)
			return nil
		}
		time.Sleep(50 * time.Millisecond)
	}
	return fmt.Errorf("%s: nothing came through the tunnel", typed(tunnel))
}

// hear returns the line that a port of this machine says.
func hear(port int) (string, error) {
	conn, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", port))
	if err != nil {
		return "", err
	}
	defer conn.Close()
	text, err := io.ReadAll(conn)
	return string(text[:max(len(text)-1, 0)]), err
}
