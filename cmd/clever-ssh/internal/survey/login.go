package survey

import (
	"context"
	"errors"
	"slices"

	"clever-ssh/cmd/clever-ssh/internal/login"
	"clever-ssh/cmd/clever-ssh/internal/ui"
)

// loginProbes returns the probes of what a login shows. They only read what came.
func loginProbes() group {
	return group{title: "The login", unless: func(s *survey) string {
		if !s.trusted {
			return "no host key is pinned"
		}
		return ""
	}, members: []probe{
		{name: "login", expects: "with one of your keys", depends: "everything", see: seeLogin},
		{name: "methods", expects: "publickey, password", see: seeMethods,
			depends: "the entries offer keys and nothing else"},
		{name: "RSA keys of users", expects: "with SHA-2", see: seeUserRSA,
			depends: "an RSA key of yours logs in only if ssh knows that the gateway takes SHA-2"},
		{name: "banner", expects: "none", depends: "ssh shows it before each command, on stderr", see: seeBanner},
	}}
}

func seeLogin(_ context.Context, s *survey) seen {
	switch {
	case s.conn != nil:
		return judge(true, "in %s, %s offered", ui.Milliseconds(s.loginTook), ui.Counted(s.login.offered, "key"))
	case errors.Is(s.loginErr, login.ErrNoSharing):
		return skip("this ssh cannot share a login, and each probe would need one of its own")
	case s.login.denied:
		return judge(false, "denied")
	}
	return judge(false, "it failed")
}

func seeMethods(_ context.Context, s *survey) seen {
	if s.login.methods == nil {
		return skip("ssh was not told")
	}
	asWanted := slices.Contains(s.login.methods, "publickey") && len(s.login.methods) <= 2
	for _, m := range s.login.methods {
		asWanted = asWanted && (m == "publickey" || m == "password")
	}
	return judge(asWanted, "%s", listed(s.login.methods)).with(s.login.raw...)
}

// seeUserRSA sees whether the gateway announces SHA-2 for users' RSA keys (RFC 8308, section 3.1).
func seeUserRSA(_ context.Context, s *survey) seen {
	switch {
	case s.conn == nil:
		return skip("there was no login")
	case s.login.signature == nil:
		return judge(false, "it does not say")
	}
	sha2 := slices.DeleteFunc(slices.Clone(s.login.signature), func(name string) bool {
		return name != "rsa-sha2-256" && name != "rsa-sha2-512"
	})
	return judge(len(sha2) > 0, "%s", listed(sha2))
}

func seeBanner(_ context.Context, s *survey) seen {
	if s.apart == nil {
		return skip("there was no login")
	}
	return judge(len(s.apart.Banner) == 0, "%s", orNone(len(s.apart.Banner), "line")).with(s.apart.Banner...)
}
