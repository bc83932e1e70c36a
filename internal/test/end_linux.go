package test

import (
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"
)

// Ended reports whether a process has ended. One that nobody has waited for yet counts as ended.
func Ended(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid)) // see proc_pid_stat(5)
	var number int
	var name, state string
	fmt.Sscan(string(stat), &number, &name, &state)
	return os.IsNotExist(err) || state == "Z"
}

// EndsWithStarter checks that a program ends when the process that started it is killed. That process is this test
// program: it runs the test once more, and there start starts the program.
func EndsWithStarter(t *testing.T, start func() (*exec.Cmd, error)) {
	const variable = "CLEVER_SSH_TEST_STARTS"
	if os.Getenv(variable) != "" { // the process that is killed
		cmd, err := start()
		if err != nil {
			t.Fatal(err)
		}
		fmt.Println(cmd.Process.Pid)
		time.Sleep(Patience)
	}
	starter := exec.Command(os.Args[0], "-test.run", "^"+t.Name()+"$")
	starter.Env = append(os.Environ(), variable+"=1", "TMPDIR="+t.TempDir())
	out, err := starter.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := starter.Start(); err != nil {
		t.Fatal(err)
	}
	var pid int
	_, err = fmt.Fscan(out, &pid)
	starter.Process.Kill()
	starter.Wait()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { syscall.Kill(pid, syscall.SIGKILL) })
	Eventually(t, "the end of the program", func() bool { return Ended(pid) })
}
