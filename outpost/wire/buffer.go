package wire

import "sync"

// There may be thousands of streams at once, and most carry little. So a reader begins with a buffer of
// LeastBuffer bytes. Waiting data is kept in chunks of its own size, or in reusable ones of MaxData bytes.

// LeastBuffer is the size in bytes of the buffer for a stream that carries little.
const LeastBuffer = 512

// Fit returns the buffer for the next read, after a read of n bytes into buf. If buf was full, it returns one
// of most bytes; if a buffer of LeastBuffer bytes would have been enough, one of those.
func Fit(buf []byte, n, most int) []byte {
	switch {
	case n == len(buf) && n < most:
		return make([]byte, most)
	case n < LeastBuffer && len(buf) > LeastBuffer:
		return make([]byte, LeastBuffer)
	}
	return buf
}

// SmallChunk is the most that a chunk of its own size holds, in bytes.
const SmallChunk = 4 << 10

// buffers hold MaxData bytes each.
var buffers = sync.Pool{New: func() any { return new([MaxData]byte) }}

// NewChunk returns an empty chunk for at least size bytes, at most MaxData.
func NewChunk(size int) []byte {
	if size <= SmallChunk {
		return make([]byte, 0, size)
	}
	return buffers.Get().(*[MaxData]byte)[:0]
}

// FreeChunk takes back a chunk that nobody uses any more.
func FreeChunk(chunk []byte) {
	if cap(chunk) == MaxData {
		buffers.Put((*[MaxData]byte)(chunk[:MaxData]))
	}
}
