package clevertools

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"clever-ssh/internal/atomicfile"
	"clever-ssh/internal/pattern"
	"clever-ssh/internal/quote"
)

// The defaults of clever-tools. The consumer pair identifies the program that asks; clever-tools publishes it and
// says that it is not a secret.
const (
	defaultAPI     = "https://api.clever-cloud.com"
	defaultBridge  = "https://api-bridge.clever-cloud.com"
	consumerKey    = "T5nFjKeHH4AIlEveuGhB5S3xg8T19e"
	consumerSecret = "MgVMqTr6fWlf2M0tkC2MXOnhfqBWDT"
)

// Login is how clever-tools logs in to the API: with a token and its secret, or with an API token alone.
type Login struct {
	Source string   // where it comes from, for a message
	File   string   // the file that holds it; empty if the environment does
	Email  string   // whose account it is, if the file says so; may be any text
	API    *url.URL // where it is used: https, except on this machine

	// Foreign says that the API is neither Clever Cloud's nor on this machine. A person must see where the login
	// goes.
	Foreign bool

	ConsumerKey, ConsumerSecret Secret
	Token, TokenSecret          Secret
	APIToken                    Secret // if it is not empty, only it counts
}

// ErrNoLogin says that clever-tools is not logged in.
var ErrNoLogin = errors.New("clever-tools is not logged in")

// ErrRefused says that the API refuses the login.
var ErrRefused = errors.New("the API rejects your clever-tools login: it has expired or was revoked")

// profile is the part of a profile in clever-tools.json that is used here.
type profile struct {
	alias, email                string
	token, secret               Secret
	gateway, api, bridge        string // overrides
	consumerKey, consumerSecret Secret // overrides too
}

// environmentLogsIn reports whether the environment holds a token and its secret. They act as a profile of their own,
// ahead of those in the file and without overrides.
func environmentLogsIn() bool {
	_, token := os.LookupEnv("CLEVER_TOKEN")
	_, secret := os.LookupEnv("CLEVER_SECRET")
	return token && secret
}

// loginFile returns where clever-tools keeps its login, given its own folder.
func loginFile(folder string) string {
	if path, set := os.LookupEnv("CONFIGURATION_FILE"); set {
		return path
	}
	return filepath.Join(folder, "clever-tools.json")
}

// FindLogin returns the login that clever-tools would use, given its own folder. The error is ErrNoLogin if there is
// no login.
//
// The order is that of clever-tools: CLEVER_TOKEN with CLEVER_SECRET, the active profile of its file,
// CLEVER_API_TOKEN. The environment overrides what the profile says about the API.
func FindLogin(folder string) (*Login, error) {
	l, p := &Login{}, profile{}
	if environmentLogsIn() {
		l.Source = "$CLEVER_TOKEN"
		p.token, p.secret = NewSecret(os.Getenv("CLEVER_TOKEN")), NewSecret(os.Getenv("CLEVER_SECRET"))
	} else {
		path := loginFile(folder)
		var err error
		if p, err = readProfile(path); err != nil {
			return nil, err
		}
		l.File, l.Email, l.Source = path, p.email, quote.Line(path)
		if p.alias != "" {
			l.Source = fmt.Sprintf("profile %.64q in %s", p.alias, quote.Line(path))
		}
	}
	var err error
	if !p.token.IsEmpty() && !p.secret.IsEmpty() {
		l.Token, l.TokenSecret = p.token, p.secret
		l.ConsumerKey = or(os.Getenv("OAUTH_CONSUMER_KEY"), p.consumerKey, consumerKey)
		l.ConsumerSecret = or(os.Getenv("OAUTH_CONSUMER_SECRET"), p.consumerSecret, consumerSecret)
		l.API, l.Foreign, err = chooseAPI("API_HOST", p.api, defaultAPI)
	} else {
		l = &Login{Source: "$CLEVER_API_TOKEN", APIToken: NewSecret(os.Getenv("CLEVER_API_TOKEN"))}
		if l.APIToken.IsEmpty() {
			return nil, ErrNoLogin
		}
		l.API, l.Foreign, err = chooseAPI("AUTH_BRIDGE_HOST", p.bridge, defaultBridge)
	}
	if err != nil {
		return nil, err
	}
	for _, s := range []Secret{l.ConsumerKey, l.ConsumerSecret, l.Token, l.TokenSecret, l.APIToken} {
		if !isToken(s.Reveal()) {
			return nil, fmt.Errorf("the token in %s contains characters that are not valid in a token", l.Source)
		}
	}
	return l, nil
}

// longestToken bounds a token, in bytes.
const longestToken = 4096

// isToken reports whether a text can be a token, which goes into a header.
func isToken(text string) bool {
	odd := func(r rune) bool { return r <= ' ' || r > '~' }
	return len(text) <= longestToken && !strings.ContainsFunc(text, odd)
}

// or returns the first of these that is not empty.
func or(environment string, override Secret, standard string) Secret {
	return NewSecret(cmp.Or(environment, override.Reveal(), standard))
}

// readProfile reads the active profile of clever-tools.json; it is empty if there is none. The profile decides where
// the login is sent, so the file must belong to the account or to root, and nobody else may be able to change it.
func readProfile(path string) (profile, error) {
	text, err := readFile(path, atomicfile.ReadOwn)
	if errors.Is(err, fs.ErrNotExist) {
		return profile{}, nil
	}
	if err != nil {
		return profile{}, err
	}
	p, err := parseProfile(text)
	if err != nil {
		return profile{}, fmt.Errorf("%s does not contain clever-tools profiles", quote.Line(path)) // err may quote a secret
	}
	return p, nil
}

// parseProfile finds the active profile, which is the first, in the text of a clever-tools.json. Without version 1,
// the file is an older one with a single token and no profiles, or one that clever-tools itself would skip.
func parseProfile(text []byte) (p profile, err error) {
	if err := checkJSON(text); err != nil {
		return p, err
	}
	var version *float64
	var profiles []json.RawMessage
	if err := cmp.Or(member(text, "version", &version), member(text, "profiles", &profiles)); err != nil {
		return p, err
	}
	active := json.RawMessage(text)
	switch {
	case version == nil && profiles == nil:
	case version == nil, *version != 1, len(profiles) == 0:
		return p, nil
	default:
		active = profiles[0]
	}
	var overrides json.RawMessage
	err = cmp.Or(member(active, "alias", &p.alias), member(active, "email", &p.email),
		secretMember(active, "token", &p.token), secretMember(active, "secret", &p.secret), member(active, "overrides", &overrides))
	if err != nil || overrides == nil {
		return p, err
	}
	err = cmp.Or(member(overrides, "SSH_GATEWAY", &p.gateway), member(overrides, "API_HOST", &p.api), member(overrides, "AUTH_BRIDGE_HOST", &p.bridge),
		secretMember(overrides, "OAUTH_CONSUMER_KEY", &p.consumerKey), secretMember(overrides, "OAUTH_CONSUMER_SECRET", &p.consumerSecret))
	return p, err
}

// secretMember is member for a text that must stay hidden.
func secretMember(object json.RawMessage, key string, s *Secret) error {
	var text string
	err := member(object, key, &text)
	*s = NewSecret(text)
	return err
}

// chooseAPI returns where a login is sent: an environment variable, or the profile's own override, or the default.
// Others may have set a variable, in a repository's .envrc for example. So it may only name a host of Clever Cloud's
// or this machine, unless the profile names the host too.
func chooseAPI(variable, override, standard string) (api *url.URL, foreign bool, err error) {
	text, source := os.Getenv(variable), "$"+variable
	if text == "" {
		text, source = cmp.Or(override, standard), variable+" in the clever-tools profile"
	}
	api, err = parseAPI(text)
	if err != nil {
		return nil, false, fmt.Errorf("%s %w", source, err)
	}
	foreign = !isClever(api.Hostname()) && !isLoopback(api.Hostname())
	if own, err := parseAPI(override); foreign && (err != nil || own.Host != api.Host) {
		return nil, false, fmt.Errorf("%s is set to %.200q, which is not Clever Cloud's: your login is only sent there if your clever-tools profile names it too", source, api.Host)
	}
	return api, foreign, nil
}

// parseAPI reads the address of an API. Without encryption, only traffic within this machine is safe from other
// readers. The error does not show the address, which may hold a password.
func parseAPI(text string) (*url.URL, error) {
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Host == "" || u.User != nil || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "" ||
		!hostSafe().MatchString(u.Host):
		return nil, errors.New("is not an API address: write https://host")
	case u.Scheme != "https" && (u.Scheme != "http" || !isLoopback(u.Hostname())):
		return nil, errors.New("must begin with https://")
	}
	return &url.URL{Scheme: u.Scheme, Host: strings.ToLower(u.Host)}, nil
}

var hostSafe = pattern.New(`\A[A-Za-z0-9.:\[\]-]{1,255}\z`)

// isClever reports whether a host is one of Clever Cloud's own. Hosts below services.clever-cloud.com belong to its
// customers.
func isClever(host string) bool {
	label, ok := strings.CutSuffix(host, ".clever-cloud.com")
	return ok && label != "" && !strings.Contains(label, ".")
}

func isLoopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.IsLoopback()
}
