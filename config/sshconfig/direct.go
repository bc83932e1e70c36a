package sshconfig

import (
	"bytes"
	"cmp"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"clever-ssh/config"
	"clever-ssh/internal/atomicfile"
	"clever-ssh/internal/pattern"
)

const (
	// directKept is how many entries direct.conf keeps, in addition to those that a connection may be about to need.
	directKept = 64

	// directFresh is how long an entry is kept no matter what comes after it: time enough for ssh to read the file
	// that was just written for it.
	directFresh = time.Minute

	// directPatience bounds the wait for other connections that enter their aliases.
	directPatience = 10 * time.Second
)

const directBanner = "# Written by clever-ssh match direct. Do not edit.\n"

// direct is one entry of direct.conf.
type direct struct {
	alias  string
	target config.Target
	used   time.Time // of the ssh that asked for the instance; 0 for a direct alias
	pid    int       // of the ssh that an instance was found for; 0 for a direct alias
}

// RegisterDirect makes sure that direct.conf sends a direct alias to its target, and keeps the entry for at least
// half of directFresh.
func RegisterDirect(path, alias string, target config.Target) error {
	// One ssh may read the file while others rewrite it. It sees the old file or the new one, and both hold its
	// entry.
	if old, err := atomicfile.Read(path); err == nil && upToDate(old, alias, target, time.Now()) {
		return nil
	}
	return atomicfile.Update(path, directPatience, func(old []byte) ([]byte, error) {
		now := time.Now() // others may have entered theirs during the wait
		if upToDate(old, alias, target, now) {
			return old, nil
		}
		return formatDirect(addDirect(parseDirect(old), direct{alias, target, now, 0}, now)), nil
	})
}

// RegisterInstance enters the target that an instance alias stands for now, for the ssh with this process id. Other
// ssh processes with the same alias have their own entries. ssh reads the newest, which is just as good.
func RegisterInstance(path, alias string, target config.Target, pid int) error {
	return atomicfile.Update(path, directPatience, func(old []byte) ([]byte, error) {
		now := time.Now()
		return formatDirect(addDirect(parseDirect(old), direct{alias, target, now, pid}, now)), nil
	})
}

// HasInstance reports whether RegisterInstance entered an alias for the ssh with this process id a moment ago.
func HasInstance(path, alias string, pid int) bool {
	text, err := atomicfile.Read(path)
	return err == nil && slices.ContainsFunc(parseDirect(text), func(d direct) bool {
		return d.alias == alias && d.pid == pid && pid > 0 && d.younger(directFresh, time.Now())
	})
}

// CleanDirect removes from direct.conf whatever RegisterDirect did not write, and the aliases of suffixes that are
// gone. It creates no file.
func CleanDirect(path string, gone []string) error {
	if old, err := atomicfile.Read(path); err != nil || old == nil || bytes.Equal(old, CleanedDirect(old, gone)) {
		return nil // if the file cannot be read, ssh will complain
	}
	return atomicfile.Update(path, directPatience, func(old []byte) ([]byte, error) {
		return CleanedDirect(old, gone), nil
	})
}

// RemoveDirect removes direct.conf, and the file of its lock.
func RemoveDirect(path string) error {
	release, err := atomicfile.Guard(path, directPatience)
	if err != nil {
		return err
	}
	defer release()
	return atomicfile.Remove(path)
}

// CleanedDirect returns the content of direct.conf without what CleanDirect removes.
func CleanedDirect(text []byte, gone []string) []byte {
	return formatDirect(slices.DeleteFunc(parseDirect(text), func(d direct) bool {
		return slices.ContainsFunc(gone, func(suffix string) bool { return strings.HasSuffix(d.alias, "."+suffix) })
	}))
}

// clean reports whether the file holds nothing but what was written here.
func clean(text []byte) bool { return bytes.Equal(text, CleanedDirect(text, nil)) }

// upToDate reports whether the file is clean and holds an entry young enough to outlive the start of the connection.
func upToDate(text []byte, alias string, target config.Target, now time.Time) bool {
	return clean(text) && slices.ContainsFunc(parseDirect(text), func(d direct) bool {
		return d.alias == alias && d.target == target && d.younger(directFresh/2, now)
	})
}

// younger reports whether the entry was used less than age ago. An entry from the future is not young, or it would
// stay.
func (d direct) younger(age time.Duration, now time.Time) bool {
	return now.Sub(d.used) >= 0 && now.Sub(d.used) < age
}

// addDirect puts an entry first and sorts the rest, newest first. It drops entries that are neither fresh nor among
// the newest.
func addDirect(entries []direct, added direct, now time.Time) []direct {
	entries = slices.DeleteFunc(entries, func(d direct) bool { return d.alias == added.alias && d.pid == added.pid })
	slices.SortStableFunc(entries, func(a, b direct) int { return cmp.Compare(b.rank(now), a.rank(now)) })
	entries = slices.Insert(entries, 0, added)
	for len(entries) > directKept && !entries[len(entries)-1].younger(directFresh+time.Second, now) {
		entries = entries[:len(entries)-1]
	}
	return entries
}

// rank orders entries by age. Those from the future come last, or they would stay until their time comes.
func (d direct) rank(now time.Time) int64 {
	if d.used.After(now) {
		return math.MinInt64
	}
	return d.used.Unix()
}

// formatDirect writes each entry as a comment with its time, followed by the lines that ssh reads.
func formatDirect(entries []direct) []byte {
	var b bytes.Buffer
	b.WriteString(directBanner)
	for _, d := range entries {
		stamp := d.used.UTC().Format(time.RFC3339)
		if d.pid != 0 {
			stamp += fmt.Sprintf(" %d", d.pid)
		}
		fmt.Fprintf(&b, "# %s\n%s", stamp, entry(d.alias, d.target))
	}
	return b.Bytes()
}

// parseDirect reads what formatDirect wrote. It leaves out anything else, which will not be written again.
func parseDirect(text []byte) []direct {
	var entries []direct
	lines := strings.Split(string(text), "\n")
	for i := 0; i+2 < len(lines); i++ {
		stamp, isStamp := strings.CutPrefix(lines[i], "# ")
		alias, isHost := strings.CutPrefix(lines[i+1], "Host ")
		command, isCommand := strings.CutPrefix(lines[i+2], "    RemoteCommand ")
		stamp, number, _ := strings.Cut(stamp, " ")
		pid, _ := strconv.Atoi(number)
		used, err := time.Parse(time.RFC3339, stamp)
		if !isStamp || !isHost || !isCommand || err != nil {
			continue
		}
		target, err := config.ParseTarget(command)
		suffix, isDirect := strings.CutPrefix(alias, command+".")
		isDirect = isDirect && directSuffix().MatchString(suffix) && pid == 0
		if isInstance := pid > 0 && instanceAlias().MatchString(alias); err != nil || !isDirect && !isInstance {
			continue
		}
		entries = append(entries, direct{alias, target, used, pid})
	}
	return entries
}

// directSuffix matches the characters of a suffix. Anything else in the file was not written here, and might mean
// something to ssh.
var directSuffix = pattern.New(`\A[a-z0-9.-]+\z`)

// instanceAlias matches an alias whose target is looked up for each connection.
var instanceAlias = pattern.New(`\A(?:any|build|[0-9]{1,3})\.[A-Za-z0-9][A-Za-z0-9._-]*\.[a-z0-9.-]+\z`)
