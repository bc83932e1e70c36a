package openssh

import (
	"context"
	"os"
	"strings"
	"time"

	"golang.org/x/crypto/ssh/agent"
)

// agentPatience bounds the talk with an agent, which may be at the other end of a forwarded connection.
const agentPatience = 2 * time.Second

// AgentPath returns the place where ssh looks for the agent (ssh_config(5), IdentityAgent), given the output of
// ssh -G; empty if ssh uses no agent.
func AgentPath(options string) string {
	option := strings.Trim(Option(options, "identityagent"), `"`)
	switch {
	case option == "" || option == "SSH_AUTH_SOCK":
		if path := os.Getenv("SSH_AUTH_SOCK"); path != "" {
			return path
		}
		return DefaultAgent
	case option == "none":
		return ""
	case strings.HasPrefix(option, "$"):
		return os.Getenv(strings.Trim(option, "${}"))
	}
	path, _ := expandTokens(option, options)
	return path
}

// ListAgent asks the agent at a path for its keys. The error says so if no answer comes in time.
func ListAgent(ctx context.Context, path string) ([]*agent.Key, error) {
	ctx, cancel := WithPatience(ctx, agentPatience)
	defer cancel()
	type answer struct {
		keys []*agent.Key
		err  error
	}
	done := make(chan answer, 1)
	go func() {
		conn, err := dialAgent(path)
		if err != nil {
			done <- answer{nil, err}
			return
		}
		defer conn.Close()
		defer context.AfterFunc(ctx, func() { conn.Close() })() // for an agent that never answers
		keys, err := agent.NewClient(conn).List()
		done <- answer{keys, err}
	}()
	select {
	case a := <-done:
		if a.err == nil || ctx.Err() == nil { // or the connection was closed because of ctx
			return a.keys, a.err
		}
	case <-ctx.Done():
	}
	return nil, context.Cause(ctx)
}
