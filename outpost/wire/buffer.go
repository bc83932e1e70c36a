package wire

import "sync"

// Thousands of streams may be there at once, most of which carry little. So what reads one begins with a buffer of LeastBuffer bytes, and
// data that waits is kept in chunks of its own size, or in one of MaxData that is used again.

// LeastBuffer is the size in bytes of a buffer that nothing much goes through.
const LeastBuffer = 512

// Fit returns the buffer for the next read, after one that read n bytes into buf: of most bytes if it was full, the least one if
// that would do.
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
