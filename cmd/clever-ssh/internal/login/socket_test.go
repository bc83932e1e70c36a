package login

import (
	"testing"

	"clever-ssh/config"
)

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
