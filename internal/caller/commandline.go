package caller

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"clever-ssh/internal/pattern"
	"clever-ssh/internal/sshline"
)

// CommandLine is what one invocation of ssh was asked to do. It is validated only as far as ssh needs to split the
// line: every string may hold any byte that the person, or whoever wrote their script, put there.
type CommandLine struct {
	// Destination is the host as typed, in its case, without user@, ssh:// and port. ssh accepts an empty one.
	Destination string
	// Users lists every user name given (-l, -o User=, user@, ssh://user@) in order of appearance. ssh keeps the
	// first that it meets, so it uses Users[0]: `ssh -l a b@host` is user a.
	Users []string
	// Port is the first of -p, -o Port= and ssh://host:port, as typed: a number or a service name. It is empty if
	// none was given.
	Port string
	// Flags lists all options in order, before and after the destination, with clusters split up.
	Flags []Flag
	// Program is the path of the ssh itself, if SSH found one and the system reports it.
	Program string
	// Command is the remote command's words, or nil. ssh joins them with spaces, and an empty result means no
	// command: `ssh host ''` is an interactive session.
	Command []string
}

// Flag is one option, such as -T or -p 2222. Value is empty for options without one.
type Flag struct {
	Letter byte
	Value  string
}

// ssh's option letters. Two changed between OpenSSH 8.0 and 10.5. -P took no value and did nothing until 9.3; since
// 9.4 it takes a tag. Parse reads it with a value; see parseFor. -Z is new in 10.5, and older versions refuse it.
const (
	plainFlags = "1246ACGKMNTVXYZafgknqstvxy"
	valueFlags = "BDEFIJLOPQRSWbceilmopw"
)

// Parse splits the command line of an ssh as ssh's own main does; args[0] is the program's name. It fails where ssh
// would print its usage: an unknown option, a missing value or destination, a malformed ssh:// URL. It does not check
// the values of options.
func Parse(args []string) (CommandLine, error) { return parse(args, plainFlags, valueFlags) }

func parse(args []string, plain, value string) (CommandLine, error) {
	var line CommandLine
	rest, terminated, err := line.parseFlags(args, plain, value)
	if err != nil {
		return CommandLine{}, err
	}
	if len(rest) == 0 {
		return CommandLine{}, errors.New("no destination")
	}
	if err := line.parseDestination(rest[0]); err != nil {
		return CommandLine{}, err
	}
	// Options may follow the destination. After a --, everything is the command.
	if terminated {
		rest = rest[1:]
	} else if rest, _, err = line.parseFlags(rest, plain, value); err != nil {
		return CommandLine{}, err
	}
	if len(rest) > 0 {
		line.Command = slices.Clone(rest)
	}
	return line, nil
}

// parseFlags reads options from args[1] on, as BSD's getopt(3) does, which every OpenSSH uses. It stops at the first
// word that is not an option, which a lone - is not either, and never reorders. It returns the rest, and whether the
// word before the rest is a --. As in ssh, that may also be an option's value: in `ssh -l -- host -v`, -v is the
// command.
func (line *CommandLine) parseFlags(args []string, plain, value string) (rest []string, terminated bool, err error) {
	next := min(1, len(args))
scan:
	for next < len(args) && len(args[next]) > 1 && args[next][0] == '-' {
		word := args[next]
		next++
		if word == "--" {
			break
		}
		for i := 1; i < len(word); i++ {
			letter := word[i]
			switch {
			case strings.IndexByte(plain, letter) >= 0:
				line.addFlag(Flag{Letter: letter})
			case strings.IndexByte(value, letter) >= 0:
				argument := word[i+1:]
				if argument == "" {
					if next == len(args) {
						return nil, false, fmt.Errorf("option -%c requires a value", letter)
					}
					argument = args[next]
					next++
				}
				line.addFlag(Flag{letter, argument})
				continue scan
			case letter == '-' && i == len(word)-1:
				// getopt ends at the - of `-v-` without going past the word. Once its options are set, the word is
				// the destination, or the command's first word.
				next--
				break scan
			default:
				return nil, false, fmt.Errorf("unknown option %q in %q", letter, word)
			}
		}
	}
	return args[next:], next > 1 && args[next-1] == "--", nil
}

// addFlag records an option, and the user name or port that it sets.
func (line *CommandLine) addFlag(flag Flag) {
	line.Flags = append(line.Flags, flag)
	switch flag.Letter {
	case 'l':
		line.Users = append(line.Users, flag.Value)
	case 'p':
		line.addPort(flag.Value)
	case 'o':
		option, _ := sshline.Parse(flag.Value)
		switch word := option.Argument(); {
		case word == "":
			// ssh refuses it, or it sets neither.
		case option.Keyword == "user":
			line.Users = append(line.Users, word)
		case option.Keyword == "port":
			line.addPort(word)
		}
	}
}

func (line *CommandLine) addPort(port string) {
	if line.Port == "" {
		line.Port = port
	}
}

// domainName matches what ssh accepts as the host of a URL. A leading underscore is valid since 10.0; earlier
// versions exit.
var domainName = pattern.New(`^[A-Za-z0-9_](\.?[A-Za-z0-9_-])*\.?$`)

// parseDestination reads [user@]host, where the last @ counts and a colon is part of the host, or
// ssh://[user[;parameters]@]host[:port][/], where the first @ counts and the user is percent-encoded (with + for a
// space). A dot at the end of a URL's host is dropped; elsewhere it is kept.
func (line *CommandLine) parseDestination(word string) error {
	location, isURL := strings.CutPrefix(word, "ssh://")
	if !isURL {
		at := strings.LastIndexByte(word, '@')
		if at == 0 {
			return fmt.Errorf("no user before the @ of %q", word)
		}
		if at > 0 {
			line.Users = append(line.Users, word[:at])
		}
		line.Destination = word[at+1:]
		return nil
	}
	invalid := fmt.Errorf("invalid URL %q", word)

	if userinfo, after, found := strings.Cut(location, "@"); found {
		encoded, _, _ := strings.Cut(userinfo, ";")
		user, err := url.QueryUnescape(encoded)
		// Versions from 10.0 on refuse an encoded NUL; in earlier ones it cut the user's name short.
		if err != nil || user == "" || strings.Contains(user, "\x00") {
			return invalid
		}
		line.Users = append(line.Users, user)
		location = after
	}

	host, tail := location, ""
	if strings.HasPrefix(location, "[") {
		end := strings.IndexByte(location, ']')
		if end < 0 {
			return invalid
		}
		host, tail = location[1:end], location[end+1:]
	} else if end := strings.IndexAny(location, ":/"); end >= 0 {
		host, tail = location[:end], location[end:]
	}
	// So no version accepts an IPv6 address, bracketed or not, as the host of a URL.
	if !domainName().MatchString(host) {
		return invalid
	}
	line.Destination = strings.TrimSuffix(host, ".")

	switch {
	case tail == "" || tail == "/" || tail == ":":
	case tail[0] == ':':
		port := strings.TrimSuffix(tail[1:], "/")
		if port == "" || strings.Contains(port, "/") {
			return invalid
		}
		line.addPort(port)
	default: // A path, or something after the bracket.
		return invalid
	}
	return nil
}
