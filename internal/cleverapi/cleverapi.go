// Package cleverapi asks Clever Cloud's API what clever-ssh needs to know about an account: its applications, the
// state of their instances, and its SSH keys. It uses clever-tools' login. It only asks: no request here changes
// anything.
//
// Requests are signed with OAuth 1.0a (RFC 5849) and the method PLAINTEXT, as clever-tools signs its own. The API's
// documentation recommends HMAC-SHA512, which keeps the secret from anyone who can read a request. But nobody can:
// requests only go out over TLS, or stay on this machine, to a host that the login names. And HMAC depends on the
// clock, unlike PLAINTEXT: a wrong clock is one of the things that doctor is there to find.
//
// The server is not trusted. Its answers are limited in time and size and do not lead to another host, and the caller
// must judge their text. An error never shows any part of the login.
package cleverapi

import (
	"cmp"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"time"

	"clever-ssh/config/clevertools"
	"clever-ssh/internal/quote"
)

// The limits on the time and size of answers: for each one, and for everything that one client asks.
const (
	requestPatience = 10 * time.Second
	clientPatience  = 30 * time.Second
	maxBody         = 16 << 20
	maxHeader       = 64 << 10
	maxRedirects    = 3
)

// StatusError is an answer with a status other than success or a refusal of the login.
type StatusError struct {
	Host   string
	Status int
}

func (e *StatusError) Error() string {
	text := http.StatusText(e.Status)
	switch {
	case e.Status == http.StatusTooManyRequests:
		text = "too many requests"
	case text == "":
		text = "an unknown status"
	}
	return fmt.Sprintf("%s answered %d, %s", e.Host, e.Status, text)
}

// Client asks the API. Once its time is over, it asks nothing more.
type Client struct {
	login   *clevertools.Login
	http    *http.Client
	until   time.Time
	request time.Duration
	proxy   func(*http.Request) (*url.URL, error)
	maxBody int64
}

// New returns a client for a login.
func New(login *clevertools.Login) *Client {
	return &Client{login: login, until: time.Now().Add(clientPatience), request: requestPatience, maxBody: maxBody, proxy: http.ProxyFromEnvironment, http: &http.Client{
		Transport: &http.Transport{
			Proxy:                  http.ProxyFromEnvironment,
			TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12},
			ForceAttemptHTTP2:      true,
			MaxResponseHeaderBytes: maxHeader,
			IdleConnTimeout:        clientPatience,
		},
		CheckRedirect: checkRedirect,
	}}
}

// errRedirect says why a redirect is not followed.
var errRedirect = errors.New("it redirects to another address, and your login is not sent there")

// checkRedirect follows a redirect only to the same host. Package http would not send the login to another host, but
// would still ask it.
func checkRedirect(req *http.Request, via []*http.Request) error {
	if first := via[0].URL; req.URL.Scheme != first.Scheme || req.URL.Host != first.Host || len(via) > maxRedirects {
		return errRedirect
	}
	return nil
}

// get asks for a path and decodes the answer, which must be JSON. It escapes the parts of the path and sends the
// query unchanged.
func (c *Client) get(ctx context.Context, query string, answer any, path ...string) error {
	now := time.Now()
	ctx, cancel := context.WithDeadlineCause(ctx, earlier(now.Add(c.request), c.until), errLate)
	defer cancel()
	u := c.login.API.JoinPath(escaped(path)...)
	u.RawQuery = query
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return err
	}
	if _, err := c.proxy(req); err != nil {
		return errors.New("the proxy address in the environment is not valid") // err may show a password
	}
	req.Header.Set("Accept", "application/json")
	req.Header.Set("Authorization", authorization(c.login))
	text, err := c.read(req)
	if err == nil {
		if err = json.Unmarshal(text, answer); err != nil {
			err = c.notUnderstood() // err may quote anything
		}
	}
	return err
}

// notUnderstood says that an answer is not what it should be.
func (c *Client) notUnderstood() error {
	return fmt.Errorf("%s sent an answer that clever-ssh does not understand", c.login.API.Host)
}

// errLate says that an answer took too long.
var errLate = errors.New("no answer in time")

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

func escaped(path []string) (list []string) {
	for _, part := range path {
		list = append(list, url.PathEscape(part))
	}
	return list
}

// read sends a request and returns the body of the answer, if the answer is a success.
func (c *Client) read(req *http.Request) ([]byte, error) {
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, c.reason(req, err)
	}
	defer resp.Body.Close()
	switch {
	case resp.StatusCode == http.StatusUnauthorized:
		return nil, clevertools.ErrRefused
	case resp.StatusCode != http.StatusOK:
		return nil, &StatusError{req.URL.Host, resp.StatusCode}
	}
	text, err := io.ReadAll(io.LimitReader(resp.Body, c.maxBody+1))
	switch {
	case err != nil:
		return nil, c.reason(req, err)
	case int64(len(text)) > c.maxBody:
		return nil, fmt.Errorf("%s sent more than %d MB", req.URL.Host, c.maxBody>>20)
	}
	return text, nil
}

// longestReason bounds how much is shown of an error that may quote what a server sent.
const longestReason = 200

// reason is an error from package http without the address, which it repeats.
func (c *Client) reason(req *http.Request, err error) error {
	if whole := new(url.Error); errors.As(err, &whole) {
		err = whole.Err
	}
	host := req.URL.Host
	if ctx := req.Context(); ctx.Err() != nil {
		return fmt.Errorf("%s: %w", host, context.Cause(ctx))
	}
	if lookUp := new(net.DNSError); errors.As(err, &lookUp) {
		return fmt.Errorf("cannot reach %s: no address found for %s", host, cmp.Or(lookUp.Name, host))
	}
	if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) {
		return fmt.Errorf("%s: the answer was cut off", host)
	}
	if errors.Is(err, errRedirect) {
		return fmt.Errorf("%s: %w", host, err)
	}
	return fmt.Errorf("cannot reach %s: %s", host, cut(quote.Line(err.Error()), longestReason))
}

// cut shortens a text.
func cut(text string, longest int) string {
	if runes := []rune(text); len(runes) > longest {
		return string(runes[:longest]) + "..."
	}
	return text
}

// authorization returns the Authorization header. A PLAINTEXT signature needs neither a nonce nor a time (RFC 5849,
// sections 3.3 and 3.4.4).
func authorization(l *clevertools.Login) string {
	if !l.APIToken.IsEmpty() {
		return "Bearer " + l.APIToken.Reveal()
	}
	parameter := func(name, value string) string { return name + `="` + percentEncoded(value) + `"` }
	signature := percentEncoded(l.ConsumerSecret.Reveal()) + "&" + percentEncoded(l.TokenSecret.Reveal())
	return "OAuth " + parameter("oauth_consumer_key", l.ConsumerKey.Reveal()) + ", " + parameter("oauth_token", l.Token.Reveal()) +
		", " + parameter("oauth_signature_method", "PLAINTEXT") + ", " + parameter("oauth_signature", signature)
}

// percentEncoded encodes a text according to RFC 5849, section 3.6. url.QueryEscape would write a space as "+".
func percentEncoded(text string) string {
	const hex = "0123456789ABCDEF"
	var b []byte
	for i := range len(text) {
		switch c := text[i]; {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '-', c == '.', c == '_', c == '~':
			b = append(b, c)
		default:
			b = append(b, '%', hex[c>>4], hex[c&15])
		}
	}
	return string(b)
}
