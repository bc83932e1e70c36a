package login

import (
	"encoding/json"
	"os"
	"sync"

	"clever-ssh/bridge"
	"clever-ssh/config"
	"clever-ssh/internal/atomicfile"
	"clever-ssh/internal/quote"
)

// memory keeps what the gateway said about an application's instances, in a file beside the control socket of
// the shared connection, for as long as that connection lives. Only this account can enter that folder.
type memory struct {
	file string
	mu   sync.Mutex
}

// memorySuffix ends the name of such a file.
const memorySuffix = ".instances"

// maxMemory is how large such a file may be.
const maxMemory = 1 << 20

// memory returns the place that keeps the instances; nil if no connection is shared.
func (i *Inner) memory() bridge.Memory {
	if i.Master == "" {
		return nil
	}
	return &memory{file: i.Master + memorySuffix}
}

func (m *memory) Recall() *bridge.Listing {
	m.mu.Lock()
	defer m.mu.Unlock()
	text, err := atomicfile.ReadAtMost(m.file, maxMemory)
	if err != nil {
		return nil
	}
	return parseListing(text)
}

// parseListing reads what Remember wrote, and returns nil for anything else. An id becomes an argument of ssh,
// and the rest is shown to people.
func parseListing(text []byte) *bridge.Listing {
	l := new(bridge.Listing)
	if json.Unmarshal(text, l) != nil || len(l.Instances) == 0 {
		return nil
	}
	for _, i := range l.Instances {
		if !config.Target(i.ID).IsInstance() && i.ID != "" || quote.Line(i.State+i.Name+i.Text) != i.State+i.Name+i.Text {
			return nil
		}
	}
	return l
}

func (m *memory) Remember(l bridge.Listing) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if text, err := json.Marshal(l); err == nil {
		atomicfile.WriteOne(m.file, text) // without it the list is read again
	}
}

func (m *memory) Forget() {
	m.mu.Lock()
	defer m.mu.Unlock()
	os.Remove(m.file)
}
