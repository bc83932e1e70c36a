package login

import (
	"strings"
	"testing"

	"clever-ssh/cmd/clever-ssh/internal/line"
	"clever-ssh/config"
)

// The socket of a line beside the longest control socket has a path that macOS can take, and EndLine finds its
// connection.
func TestSocketOfALine(t *testing.T) {
	master := "/" + strings.Repeat("f", maxSocket-len("//")-len(socketPrefix)-sumDigits) + "/" + socketPrefix + strings.Repeat("0", sumDigits)
	for _, target := range []string{"app_facade42-cafe-babe-cafe-deadf00dbaad", "app_x", "app_y"} {
		socket := line.Socket(master, target)
		if len(master) != maxSocket || len(socket) > 103 || MasterOf(socket) != master {
			t.Errorf("%d: %s", len(socket), socket)
		}
	}
}

func TestSocketName(t *testing.T) {
	name := func(via, key string) string {
		v, err := config.ParseVia(via)
		if err != nil {
			t.Fatal(err)
		}
		g := *config.Default().Gateways[0]
		g.Via = v
		return socketName("web.clever", config.Alias{Gateway: &g, Target: "app_facade42-cafe-babe-cafe-deadf00dbaad"}, []string{"-i", key})
	}
	const proxy, other = "socks5://127.0.0.1:1080", "socks5://127.0.0.1:1081"
	first := name(proxy, "key")
	if again := name(proxy, "key"); again != first {
		t.Errorf("%s, and then %s", first, again)
	}
	if name(proxy, "/key") == name(other, "/key") || name(proxy, "/key") == name(proxy, "/key2") {
		t.Error("two ways share one connection")
	}
	t.Chdir(t.TempDir())
	if name(proxy, "key") == first {
		t.Error("a relative path means the same file everywhere")
	}
}
