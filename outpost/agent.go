//go:build linux

package outpost

import (
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// agent is the socket of a client's ssh-agent, in the private folder.
type agent struct {
	path  string
	there chan struct{} // closed when it listens
	once  sync.Once
	uses  int
}

const (
	agentSuffix = ".agent"
	// agentTimeout is how long a command waits for its agent's socket, which another stream asked for.
	agentTimeout = 5 * time.Second
)

// listenAgent listens at a path in a private folder. Only the name gives the path away.
func (s *server) listenAgent(name string) (*listener, error) {
	if s.options.Folder == "" {
		return nil, errors.New("no private folder for the agent's socket")
	}
	if !isAgentName(name) {
		return nil, errors.New("invalid agent name")
	}
	path := s.agentSocket(name)
	if err := makePrivate(filepath.Dir(path)); err != nil {
		return nil, err
	}
	l, err := listenUnix(path)
	if err != nil {
		return nil, err
	}
	a := s.agent(name)
	a.once.Do(func() { close(a.there) })
	return l, nil
}

// agentSocket returns the path of an agent's socket. It is in the outpost's own folder, or, if that path is too
// long, in the folder that the outpost would have in /tmp.
func (s *server) agentSocket(name string) string {
	path := filepath.Join(s.options.Folder, name+agentSuffix)
	if len(path) > maxSocketPath {
		path = filepath.Join("/tmp", ".clever-ssh-"+strconv.Itoa(os.Getuid()), name+agentSuffix)
	}
	return path
}

// agent returns the agent with a name. It may be there already or come later.
func (s *server) agent(name string) *agent {
	s.mu.Lock()
	defer s.mu.Unlock()
	a := s.agents[name]
	if a == nil {
		a = &agent{path: s.agentSocket(name), there: make(chan struct{})}
		s.agents[name] = a
	}
	a.uses++
	return a
}

func (s *server) forgetAgent(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if a := s.agents[name]; a != nil {
		if a.uses--; a.uses == 0 {
			delete(s.agents, name)
		}
	}
}

// agentPath waits for the agent with a name, and returns the path of its socket, or "" if there is none.
func (s *server) agentPath(name string, ended <-chan struct{}) string {
	if s.options.Folder == "" || !isAgentName(name) {
		return ""
	}
	a := s.agent(name)
	defer s.forgetAgent(name)
	timer := time.NewTimer(agentTimeout)
	defer timer.Stop()
	select {
	case <-a.there:
		return a.path
	case <-timer.C:
	case <-ended:
	}
	return ""
}

// isAgentName reports whether a name may belong to an agent. The name becomes part of a path.
func isAgentName(name string) bool {
	return len(name) >= 8 && len(name) <= 64 && isHex(name)
}

func isHex(text string) bool {
	return strings.Trim(text, "0123456789abcdef") == ""
}

// makePrivate makes a folder that only this account can enter, unless it exists.
func makePrivate(folder string) error {
	if err := os.Mkdir(folder, 0o700); err == nil {
		return nil
	}
	info, err := os.Lstat(folder)
	if err != nil {
		return err
	}
	status, ok := info.Sys().(*syscall.Stat_t)
	if !info.IsDir() || info.Mode().Perm()&0o077 != 0 || !ok || int(status.Uid) != os.Geteuid() {
		return errors.New("the folder for the socket is not private")
	}
	return nil
}

// removeStaleAgents removes the sockets of outposts that were killed.
func removeStaleAgents(folder string) {
	paths, _ := filepath.Glob(filepath.Join(folder, "*"+agentSuffix))
	for _, path := range paths {
		if name := strings.TrimSuffix(filepath.Base(path), agentSuffix); isAgentName(name) && isStale(path) {
			os.Remove(path)
		}
	}
}

// isStale reports whether nobody listens at the path of a stream socket. It disturbs no listener: a datagram
// socket cannot connect to it, and the kernel looks for the listener before it says so.
func isStale(path string) bool {
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return false
	}
	defer unix.Close(fd)
	return unix.Connect(fd, &unix.SockaddrUnix{Name: path}) == unix.ECONNREFUSED
}
