//go:build unix

package login

import (
	"os"
	"os/exec"
	"testing"
)

// Hide also removes the names of back channels whose ssh has just ended, while their last lines are read.
func TestHideWhileEnding(t *testing.T) {
	cmd := exec.Command("ssh", "web.clever")
	reads, goOn := make(chan struct{}), make(chan struct{})
	i := &Inner{}
	i.Listen(cmd, func(string) {
		close(reads)
		<-goOn
	}, nil)
	value, _ := i.listening.Load(cmd)
	c := value.(*BackChannels)
	speak(t, c.Log.path, "the last line\n")
	<-reads
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		i.Ended(cmd)
	}()
	<-c.Log.ending
	i.Hide()
	if _, err := os.Stat(c.folder); !os.IsNotExist(err) {
		t.Errorf("the folder is still there: %v", err)
	}
	close(goOn)
	<-ended
	if _, again := i.Ended(cmd); again.Log != nil {
		t.Error("Ended works twice")
	}
}
