//go:build unix

package bridge

import (
	"context"
	"os"
	"testing"

	"clever-ssh/internal/test"

	"golang.org/x/crypto/ssh"
)

// connectInProcess serves a client of x/crypto/ssh in this process.
func connectInProcess(t *testing.T, o Options) *ssh.Client {
	t.Helper()
	o.HostKey = newHostKey(t)
	serverIn, clientOut, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	clientIn, serverOut, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() {
		served <- Serve(context.Background(), serverIn, serverOut, o)
		serverIn.Close()
		serverOut.Close()
	}()
	conn, channels, requests, err := ssh.NewClientConn(newPipe(clientIn, clientOut), "web", &ssh.ClientConfig{
		HostKeyCallback: ssh.FixedHostKey(o.HostKey.PublicKey()),
	})
	if err != nil {
		t.Fatal(err)
	}
	client := ssh.NewClient(conn, channels, requests)
	t.Cleanup(func() {
		client.Close()
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
	return client
}

func newHostKey(t *testing.T) ssh.Signer {
	t.Helper()
	_, signer := test.NewKey(t)
	return signer
}
