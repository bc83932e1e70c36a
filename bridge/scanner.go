package bridge

import (
	"bytes"
	"io"
)

// scanner reads a stream up to and including its markers, which come in order.
type scanner struct {
	in    io.Reader
	want  []marker
	probe string              // what comes after each marker; empty for nothing
	noise func([]byte)        // called after every read with what came before the last marker
	next  func(number uint64) // called for each marker but the last

	found   chan struct{} // closed when the last marker has come, or the stream has ended
	ended   bool          // whether the stream has ended by then
	changed bool          // whether something other than probe has come by then
	numbers []uint64      // the numbers of the markers
	after   []byte        // what was read after the last marker
}

// run reads until the last marker has come.
func (s *scanner) run() {
	defer close(s.found)
	var unread []byte
	for buf := make([]byte, 16<<10); ; {
		n, err := s.in.Read(buf)
		unread = append(unread, buf[:n]...)
		for len(s.want) > 0 {
			at, end, number := s.want[0].find(unread)
			probe := 0
			if s.probe != "" {
				probe = probeEnd(unread[end:])
			}
			if end == 0 || s.probe != "" && probe == 0 && err == nil {
				break
			}
			s.noise(unread[:at])
			s.numbers = append(s.numbers, number)
			if s.changed = s.probe != "" && string(unread[end:end+probe]) != s.probe; s.changed {
				return
			}
			unread = unread[end+probe:]
			if s.want = s.want[1:]; len(s.want) > 0 {
				s.next(number)
			}
		}
		if len(s.want) == 0 {
			s.after = unread
			return
		}
		// What may be the beginning of the marker is not noise yet. Everything else is noise at once, because a
		// question has no line end.
		at, _, _ := s.want[0].find(unread)
		if err != nil {
			at = len(unread)
		}
		s.noise(unread[:at])
		unread = append([]byte(nil), unread[at:]...)
		if err != nil {
			s.ended = true
			return
		}
	}
}

// rest returns the stream after the last marker.
func (s *scanner) rest() io.Reader {
	if len(s.after) == 0 {
		return s.in
	}
	return io.MultiReader(bytes.NewReader(s.after), s.in)
}
