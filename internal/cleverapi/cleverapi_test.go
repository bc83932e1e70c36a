package cleverapi

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"clever-ssh/config/clevertools"
	"clever-ssh/internal/test/api"
)

func newAPI() *api.API {
	return &api.API{
		Login: api.TestLogin,
		User:  api.Owner{ID: "user_1", Name: "Ada", Email: "ada@example.com", Applications: []api.Application{{ID: "app_1", Name: "toy"}}},
		Organisations: []api.Owner{{ID: "orga_1", Name: "Acme", Applications: []api.Application{
			{ID: "app_2", Name: "web", Instances: []api.Instance{{ID: "i-1", State: "UP"}, {ID: "i-2", State: "BUILDING", Build: true}}},
		}}},
		Keys: []api.Key{{Name: "laptop", Fingerprint: "SHA256:x"}},
	}
}

// loginTo returns a login to a server with the credentials of a fake API.
func loginTo(t *testing.T, address string, l api.Login) *clevertools.Login {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	secret := clevertools.NewSecret
	return &clevertools.Login{API: u, ConsumerKey: secret(l.ConsumerKey), ConsumerSecret: secret(l.ConsumerSecret), Token: secret(l.Token), TokenSecret: secret(l.Secret)}
}

func start(t *testing.T, a *api.API) *Client {
	a.Start()
	t.Cleanup(a.Close)
	return New(loginTo(t, a.URL(), a.Login))
}

func TestRequests(t *testing.T) {
	a := newAPI()
	c := start(t, a)
	ctx := t.Context()
	s, err := c.Summary(ctx)
	if err != nil || len(s.Owners()) != 2 || s.User.Email != "ada@example.com" {
		t.Fatalf("the user is there once, and the organisation: %+v, %v", s, err)
	}
	if o, app, ok := s.Find("app_2"); !ok || o.ID != "orga_1" || app.Name != "web" {
		t.Errorf("Find: %+v %+v %v", o, app, ok)
	}
	if _, _, ok := s.Find("app_3"); ok {
		t.Error("an application was found that is not there")
	}
	keys, err := c.Keys(ctx)
	if err != nil || !slices.Equal(keys, []Key{{"laptop", "", "SHA256:x"}}) {
		t.Errorf("keys: %+v, %v", keys, err)
	}
	for _, noV4 := range []bool{false, true} {
		a.Change(func(a *api.API) { a.NoV4 = noV4 })
		list, err := c.Instances(ctx, "orga_1", "app_2")
		if err != nil || len(list) != 2 || list[0].State != "UP" || list[1].Build == noV4 {
			t.Errorf("instances, without v4 %v: %+v, %v", noV4, list, err)
		}
	}
	var asked []string
	for _, r := range a.Requests() {
		path, _, _ := strings.Cut(r, "?")
		asked = append(asked, path)
	}
	const ofWeb = "/organisations/orga_1/applications/app_2/instances"
	want := []string{"GET /v2/summary", "GET /v2/self/keys", "GET /v4/orchestration" + ofWeb, "GET /v4/orchestration" + ofWeb, "GET /v2" + ofWeb}
	if !slices.Equal(asked, want) {
		t.Errorf("asked for %q, want %q", asked, want)
	}
}

// An empty answer is not an empty account.
func TestEmptyAnswers(t *testing.T) {
	for _, text := range []string{"{}", "null", `{"user":null,"organisations":[]}`, `{"user":{"id":""}}`} {
		a := newAPI()
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, text) }))
		t.Cleanup(server.Close)
		if s, err := New(loginTo(t, server.URL, a.Login)).Summary(t.Context()); err == nil {
			t.Errorf("%s: %+v", text, s)
		}
	}
}

// With an API token, a request shows nothing else.
func TestAPIToken(t *testing.T) {
	a := newAPI()
	c := start(t, a)
	c.login = &clevertools.Login{API: c.login.API, APIToken: clevertools.NewSecret(a.Login.APIToken)}
	if _, err := c.Summary(t.Context()); err != nil {
		t.Error(err)
	}
	c.login.APIToken = clevertools.NewSecret("another")
	if _, err := c.Summary(t.Context()); !errors.Is(err, clevertools.ErrRefused) {
		t.Error(err)
	}
}

// The signature is that of RFC 5849, section 3.4.4, encoded again for the header (section 3.5.1).
func TestAuthorization(t *testing.T) {
	l := loginTo(t, "https://api.example", api.Login{ConsumerKey: "dpf43f3p2l4k3l03", ConsumerSecret: "kd94hf93k423kf44", Token: "nnch734d00sl2jdk", Secret: "pfkkdhi9sl3r4s00"})
	want := `OAuth oauth_consumer_key="dpf43f3p2l4k3l03", oauth_token="nnch734d00sl2jdk", oauth_signature_method="PLAINTEXT", oauth_signature="kd94hf93k423kf44%26pfkkdhi9sl3r4s00"`
	if got := authorization(l); got != want {
		t.Errorf("%s\nwant\n%s", got, want)
	}
	l.TokenSecret = clevertools.NewSecret("a&b c~")
	if got := authorization(l); !strings.HasSuffix(got, `oauth_signature="kd94hf93k423kf44%26a%2526b%2520c~"`) {
		t.Error(got)
	}
}

// Whatever the API does, the error says what it is, on one line and in time, and shows nothing of the login.
func TestFailures(t *testing.T) {
	for fail, want := range map[api.Failure]string{
		"401":         "rejects your clever-tools login",
		"404":         "HOST answered 404, Not Found",
		"429":         "HOST answered 429, too many requests",
		"500":         "HOST answered 500, Internal Server Error",
		"599":         "HOST answered 599, an unknown status",
		api.Silent:    "HOST: no answer in time",
		api.Slow:      "HOST: no answer in time",
		api.Truncated: "HOST: the answer was cut off",
		api.Huge:      "HOST sent more than 1 MB",
		api.NotJSON:   "HOST sent an answer that clever-ssh does not understand",
		api.WrongJSON: "HOST sent an answer that clever-ssh does not understand",
		api.Redirect:  "HOST: it redirects to another address, and your login is not sent there",
		api.Garbage:   "cannot reach HOST: ",
	} {
		t.Run(string(fail), func(t *testing.T) {
			t.Parallel()
			a := newAPI()
			a.Fail = fail
			c := start(t, a)
			c.maxBody = 1 << 20
			if fail == api.Silent || fail == api.Slow {
				c.request = 200 * time.Millisecond
			}
			_, err := c.Summary(t.Context())
			if err == nil {
				t.Fatal("no error")
			}
			want := strings.Replace(want, "HOST", c.login.API.Host, 1)
			if got := err.Error(); !strings.Contains(got, want) || strings.ContainsAny(got, "\n\x1b") || strings.Contains(got, "of-tests") {
				t.Errorf("%q, want %q", got, want)
			}
			if n := len(a.Requests()); n != 1 {
				t.Errorf("%d requests: %q", n, a.Requests())
			}
		})
	}
}

// A client has a time limit for everything that it asks.
func TestPatience(t *testing.T) {
	a := newAPI()
	a.Fail = api.Silent
	c := start(t, a)
	c.until = time.Now().Add(100 * time.Millisecond)
	for range 3 {
		if _, err := c.Summary(t.Context()); !errors.Is(err, errLate) {
			t.Error(err)
		}
	}
	if n := len(a.Requests()); n > 1 {
		t.Errorf("%d requests, though the time was over after the first", n)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errors.New("interrupted"))
	if _, err := New(c.login).Summary(ctx); err == nil || !strings.HasSuffix(err.Error(), ": interrupted") {
		t.Errorf("an interrupted request: %v", err)
	}
}

func TestNobodyThere(t *testing.T) {
	a := newAPI()
	a.Start()
	c := New(loginTo(t, a.URL(), a.Login))
	a.Close()
	if _, err := c.Summary(t.Context()); err == nil || !strings.Contains(err.Error(), "cannot reach ") {
		t.Error(err)
	}
}

// No error shows a proxy's password.
func TestProxyPassword(t *testing.T) {
	a := newAPI()
	c := New(loginTo(t, "https://api.example", a.Login))
	c.proxy = func(*http.Request) (*url.URL, error) {
		return nil, errors.New(`invalid proxy address "http://me:PASSWORD@proxy:x"`)
	}
	if _, err := c.Summary(t.Context()); err == nil || strings.Contains(err.Error(), "PASSWORD") {
		t.Error(err)
	}
}

func TestTLS(t *testing.T) {
	a := newAPI()
	for _, most := range []uint16{tls.VersionTLS11, tls.VersionTLS12} {
		server := httptest.NewUnstartedServer(a)
		server.TLS = &tls.Config{MinVersion: tls.VersionTLS10, MaxVersion: most}
		server.Config.ErrorLog = log.New(io.Discard, "", 0)
		server.StartTLS()
		t.Cleanup(server.Close)
		c := New(loginTo(t, server.URL, a.Login))
		if _, err := c.Summary(t.Context()); err == nil || len(a.Requests()) > 0 {
			t.Errorf("a certificate that nobody vouches for: %v, %q", err, a.Requests())
		}
		roots := x509.NewCertPool()
		roots.AddCert(server.Certificate())
		c.http.Transport.(*http.Transport).TLSClientConfig.RootCAs = roots
		if _, err := c.Summary(t.Context()); (err == nil) != (most == tls.VersionTLS12) {
			t.Errorf("TLS %x at most: %v", most, err)
		}
	}
}

// A redirect to the same host is followed, a few times.
func TestRedirects(t *testing.T) {
	a := newAPI()
	count := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if count++; r.URL.Path == "/v2/summary" {
			http.Redirect(w, r, "/moved/v2/summary", http.StatusFound)
			return
		}
		if r.URL.Path == "/moved/v2/summary" {
			r.URL.Path = "/v2/summary"
			a.ServeHTTP(w, r)
			return
		}
		http.Redirect(w, r, r.URL.Path, http.StatusFound)
	}))
	t.Cleanup(server.Close)
	c := New(loginTo(t, server.URL, a.Login))
	if _, err := c.Summary(t.Context()); err != nil {
		t.Error(err)
	}
	count = 0
	if _, err := c.Keys(t.Context()); !errors.Is(err, errRedirect) || count > maxRedirects+1 {
		t.Errorf("round and round: %v, after %d requests", err, count)
	}
}

// However a login is printed, its secrets are not.
func TestNothingPrintsALogin(t *testing.T) {
	l := loginTo(t, "https://api.example", api.TestLogin)
	l.APIToken = clevertools.NewSecret(api.TestLogin.APIToken)
	text, err := json.Marshal(l)
	if err != nil {
		t.Fatal(err)
	}
	c := New(l)
	for _, format := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		text = fmt.Appendf(text, format+"\n"+format+"\n"+format, l, *l, l.Token)
		text = fmt.Appendf(text, format, c.login)
		text = fmt.Appendf(text, format, struct{ inner clevertools.Secret }{l.Token})
	}
	if strings.Contains(string(text), "of-tests") || strings.Contains(string(text), fmt.Sprintf("%x", "of-tests")) || strings.Contains(string(text), api.TestLogin.ConsumerSecret) {
		t.Errorf("%s", text)
	}
}

func FuzzSummary(f *testing.F) {
	f.Add(`{"user":{"id":"user_1","applications":null},"organisations":[{"id":"user_1","name":"me"},{"id":"orga_1","applications":[{"id":"app_1","name":"web"}]}]}`)
	f.Fuzz(func(t *testing.T, text string) {
		s := new(Summary)
		if json.Unmarshal([]byte(text), s) != nil {
			return
		}
		owners := s.Owners()
		for _, o := range owners[1:] {
			if o.ID == s.User.ID {
				t.Errorf("the user is there twice: %+v", owners)
			}
			for _, a := range o.Applications {
				if _, _, ok := s.Find(a.ID); !ok {
					t.Errorf("%q is not found", a.ID)
				}
			}
		}
	})
}
