package child_test

import (
	"fmt"
	"os"
	"os/exec"
	"testing"
	"time"

	"clever-ssh/internal/child"
	"clever-ssh/internal/test"
)

// A program ends when the tests that started it are killed.
func TestEndWithParent(t *testing.T) {
	const variable = "CLEVER_SSH_TEST_STARTS"
	if os.Getenv(variable) != "" { // the tests that are killed
		cmd := exec.Command("sleep", "600")
		child.EndWithParent(cmd)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		fmt.Println(cmd.Process.Pid)
		time.Sleep(test.Patience)
	}
	tests := exec.Command(os.Args[0], "-test.run", "^TestEndWithParent$")
	tests.Env = append(os.Environ(), variable+"=1")
	out, err := tests.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := tests.Start(); err != nil {
		t.Fatal(err)
	}
	var sleep int
	_, err = fmt.Fscan(out, &sleep)
	tests.Process.Kill()
	tests.Wait()
	if err != nil {
		t.Fatal(err)
	}
	test.Eventually(t, "the end of the program", func() bool { return test.Ended(sleep) })
}
