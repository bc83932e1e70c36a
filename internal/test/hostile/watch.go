package hostile

import (
	"bytes"
	"encoding/binary"
)

// watcher reads along with what a client sends. It never looks beyond NEWKEYS: OpenSSH and PuTTY send their encrypted
// service request there, so a single byte means that the client has taken the server for the right one.
type watcher struct {
	record  Record
	pending []byte // not yet a whole line or packet
}

func (w *watcher) watch(b []byte) {
	w.pending = append(w.pending, b...)
	for w.next() {
	}
}

// next takes one pending line or packet and reports whether there was one.
func (w *watcher) next() bool {
	b := w.pending
	switch r := &w.record; {
	case r.Garbled:
		w.pending = nil
		return false
	case r.NewKeys:
		r.After += len(b)
		w.pending = nil
		return false
	case r.Identification == "":
		line, rest, found := bytes.Cut(b, []byte("\n"))
		if !found {
			return false
		}
		r.Identification = string(bytes.TrimSuffix(line, []byte("\r")))
		r.Garbled = !bytes.HasPrefix(line, []byte("SSH-"))
		w.pending = rest
	default:
		if len(b) < 6 {
			return false
		}
		length := binary.BigEndian.Uint32(b)
		if r.Garbled = length < 2 || length > 256<<10; r.Garbled {
			return true
		}
		if uint64(len(b)) < 4+uint64(length) {
			return false
		}
		r.Messages = append(r.Messages, b[5])
		r.NewKeys = b[5] == MsgNewKeys
		w.pending = b[4+length:]
	}
	return true
}
