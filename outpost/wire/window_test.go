package wire

import (
	"math/rand/v2"
	"reflect"
	"testing"

	"clever-ssh/internal/test"
)

// flow is data in its order: neighbours differ in their types.
type flow []struct {
	t    Type
	data []byte
}

func (f *flow) add(t Type, data []byte) {
	if len(data) == 0 && t != TypeEOF {
		return
	}
	if last := len(*f) - 1; last >= 0 && (*f)[last].t == t {
		(*f)[last].data = append((*f)[last].data, data...)
		return
	}
	*f = append(*f, flow{{t, append([]byte{}, data...)}}...)
}

// An inbox passes on all data, in order, and gives credit for no more than that. What an honest peer would not send
// is refused.
func TestInbox(t *testing.T) {
	t.Parallel()
	noise := rand.NewChaCha8([32]byte{1})
	for range 50 {
		var want, got flow
		given := 0
		i := NewInbox(func(n int) { given += n })
		late := rand.N(2) == 0
		if !late {
			i.Start(got.add, nil)
		}
		total := 0
		for range rand.N(200) {
			k := []Type{TypeData, TypeErrorData}[rand.N(2)]
			data := make([]byte, []int{rand.N(3), rand.N(600), rand.N(MaxData + 1)}[rand.N(3)])
			noise.Read(data)
			err := i.Add(k, data)
			if err != nil {
				if total+len(data) <= Window {
					t.Fatalf("%v after %d bytes", err, total)
				}
				break
			}
			total += len(data)
			want.add(k, data)
		}
		if err := i.Add(TypeEOF, nil); err != nil {
			t.Fatal(err)
		}
		want.add(TypeEOF, nil)
		for _, k := range []Type{TypeData, TypeEOF} {
			if i.Add(k, nil) != ErrMalformed {
				t.Errorf("%c after the end is not refused", k)
			}
		}
		if late {
			i.Start(got.add, nil)
		}
		i.Wait()
		if !reflect.DeepEqual(got, want) {
			t.Fatalf("what is passed on differs from the %d bytes that were added", total)
		}
		if given > total || given < total-batch {
			t.Errorf("credit for %d bytes of %d", given, total)
		}
		if i.Settle(); given != total {
			t.Errorf("in the end there is credit for %d bytes of %d", given, total)
		}
	}
}

// Whatever a peer sends, an inbox holds little more than the data itself.
func TestInboxHoldsLittle(t *testing.T) {
	held := func(i *Inbox) (n int) {
		for _, p := range i.parts {
			n += cap(p.chunk) + 8*cap(p.runs)
		}
		return n
	}
	i := NewInbox(func(int) {})
	for n := range 100_000 {
		if err := i.Add([]Type{TypeData, TypeErrorData}[n%2], nil); err != nil {
			t.Fatal(err)
		}
	}
	if len(i.parts) > 0 {
		t.Errorf("%d bytes are held of frames without data", held(i))
	}
	const size = 100_000
	for n := range size {
		if err := i.Add([]Type{TypeData, TypeErrorData}[n%2], []byte{1}); err != nil {
			t.Fatal(err)
		}
	}
	if h := held(i); h > 20*size {
		t.Errorf("%d bytes are held of %d", h, size)
	}
	for n := size; n < Window; n += MaxData {
		if err := i.Add(TypeData, make([]byte, min(MaxData, Window-n))); err != nil {
			t.Fatal(err)
		}
	}
	if i.Add(TypeData, []byte{1}) != ErrMalformed {
		t.Error("more than the window is not refused")
	}
}

// An inbox says when there is no more data for now: after the last data, and before more comes.
func TestInboxPauses(t *testing.T) {
	events := make(chan string)
	i := NewInbox(func(int) {})
	i.Start(func(_ Type, data []byte) { events <- string(data) }, func() { events <- "pause" })
	for _, text := range []string{"one", "two"} {
		if err := i.Add(TypeData, []byte(text)); err != nil {
			t.Fatal(err)
		}
		for _, want := range []string{text, "pause"} {
			if got := test.Within(t, "an event", events); got != want {
				t.Errorf("%q, not %q", got, want)
			}
		}
	}
}

func TestCredit(t *testing.T) {
	t.Parallel()
	c := NewCredit()
	if n := c.Take(Window + 1); n != Window || c.Take(1) != 0 {
		t.Errorf("%d bytes were taken", n)
	}
	waited := make(chan bool)
	go func() { waited <- c.Wait() }()
	if err := c.Add(3); err != nil {
		t.Fatal(err)
	}
	if !test.Within(t, "credit", waited) || c.Take(5) != 3 {
		t.Error("it does not come")
	}
	for _, n := range []int{-1, Window + 1} {
		if c.Add(n) != ErrMalformed {
			t.Errorf("%d more are not refused", n)
		}
	}
	go func() { c.AwaitAll(); waited <- true }()
	if err := c.Add(Window - 1); err != nil {
		t.Fatal(err)
	}
	select {
	case <-waited:
		t.Error("one byte is still missing")
	default:
	}
	if err := c.Add(1); err != nil {
		t.Fatal(err)
	}
	test.Within(t, "all of it", waited)
	if c.Add(1) != ErrMalformed {
		t.Error("more than the window is not refused")
	}
	c.Take(Window)
	go func() { waited <- c.Wait() }()
	go func() { c.AwaitAll(); waited <- false }()
	c.Close()
	for range 2 {
		if test.Within(t, "the end", waited) {
			t.Error("there is credit after the end")
		}
	}
}
