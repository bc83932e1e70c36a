//go:build linux

package outpost

import (
	"encoding/binary"
	"os"
	"strconv"

	"golang.org/x/sys/unix"

	"clever-ssh/outpost/wire"
)

// openTerminal makes the command's terminal.
func (c *command) openTerminal() error {
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		return err
	}
	// Both are the same end of the terminal: we read from one and write to the other.
	c.ours = []*os.File{master, master}
	number := 0
	err = control(master, func(fd int) (err error) {
		if err = unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0); err == nil {
			number, err = unix.IoctlGetInt(fd, unix.TIOCGPTN)
		}
		return err
	})
	if err != nil {
		return err
	}
	slave, err := os.OpenFile("/dev/pts/"+strconv.Itoa(number), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		return err
	}
	c.theirs = [3]*os.File{slave, slave, slave}
	if err := setModes(slave, c.request.Terminal.Modes); err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.tty = master
	return resize(master, c.request.Terminal.Size)
}

// control calls f with a file's descriptor.
func control(file *os.File, f func(fd int) error) error {
	raw, err := file.SyscallConn()
	if err != nil {
		return err
	}
	var failed error
	if err := raw.Control(func(fd uintptr) { failed = f(int(fd)) }); err != nil {
		return err
	}
	return failed
}

func resize(master *os.File, size wire.Size) error {
	short := func(n uint32) uint16 { return uint16(min(n, 1<<16-1)) }
	w := &unix.Winsize{
		Col: short(size.Columns), Row: short(size.Rows), Xpixel: short(size.Width), Ypixel: short(size.Height),
	}
	return control(master, func(fd int) error { return unix.IoctlSetWinsize(fd, unix.TIOCSWINSZ, w) })
}

// The terminal modes of RFC 4254, section 8, and of RFC 8160.

const (
	modeEnd         = 0
	modeInputSpeed  = 128
	modeOutputSpeed = 129
	modeNoArgument  = 160 // from here on, nothing more can be read
	noCharacter     = 255
)

var controlCharacters = map[byte]int{
	1: unix.VINTR, 2: unix.VQUIT, 3: unix.VERASE, 4: unix.VKILL, 5: unix.VEOF, 6: unix.VEOL, 7: unix.VEOL2, 8: unix.VSTART,
	9: unix.VSTOP, 10: unix.VSUSP, 12: unix.VREPRINT, 13: unix.VWERASE, 14: unix.VLNEXT, 16: unix.VSWTC, 18: unix.VDISCARD,
}

var inputModes = map[byte]uint32{
	30: unix.IGNPAR, 31: unix.PARMRK, 32: unix.INPCK, 33: unix.ISTRIP, 34: unix.INLCR, 35: unix.IGNCR, 36: unix.ICRNL,
	37: unix.IUCLC, 38: unix.IXON, 39: unix.IXANY, 40: unix.IXOFF, 41: unix.IMAXBEL, 42: unix.IUTF8,
}

var localModes = map[byte]uint32{
	50: unix.ISIG, 51: unix.ICANON, 52: unix.XCASE, 53: unix.ECHO, 54: unix.ECHOE, 55: unix.ECHOK, 56: unix.ECHONL,
	57: unix.NOFLSH, 58: unix.TOSTOP, 59: unix.IEXTEN, 60: unix.ECHOCTL, 61: unix.ECHOKE, 62: unix.PENDIN,
}

var outputModes = map[byte]uint32{
	70: unix.OPOST, 71: unix.OLCUC, 72: unix.ONLCR, 73: unix.OCRNL, 74: unix.ONOCR, 75: unix.ONLRET,
}

var controlModes = map[byte]uint32{90: unix.CS7, 91: unix.CS8, 92: unix.PARENB, 93: unix.PARODD}

var speeds = map[uint32]uint32{
	0: unix.B0, 50: unix.B50, 75: unix.B75, 110: unix.B110, 134: unix.B134, 150: unix.B150, 200: unix.B200, 300: unix.B300,
	600: unix.B600, 1200: unix.B1200, 1800: unix.B1800, 2400: unix.B2400, 4800: unix.B4800, 9600: unix.B9600,
	19200: unix.B19200, 38400: unix.B38400, 57600: unix.B57600, 115200: unix.B115200, 230400: unix.B230400,
}

// setModes applies modes to a terminal. It ignores unknown modes, as it must, and truncated ones.
func setModes(slave *os.File, modes string) error {
	return control(slave, func(fd int) error {
		t, err := unix.IoctlGetTermios(fd, unix.TCGETS)
		if err != nil {
			return err
		}
		applyModes(t, []byte(modes))
		return unix.IoctlSetTermios(fd, unix.TCSETS, t)
	})
}

func applyModes(t *unix.Termios, modes []byte) {
	for len(modes) >= 5 && modes[0] != modeEnd && modes[0] < modeNoArgument {
		mode, argument := modes[0], binary.BigEndian.Uint32(modes[1:])
		modes = modes[5:]
		if at, ok := controlCharacters[mode]; ok {
			if argument == noCharacter {
				argument = 0 // Linux's way to disable one
			}
			t.Cc[at] = byte(argument)
		}
		setFlag(&t.Iflag, inputModes[mode], argument != 0)
		setFlag(&t.Lflag, localModes[mode], argument != 0)
		setFlag(&t.Oflag, outputModes[mode], argument != 0)
		if mask := controlModes[mode]; mode == 90 || mode == 91 {
			// Both are values of one field.
			if argument != 0 {
				t.Cflag = t.Cflag&^unix.CSIZE | mask
			}
		} else {
			setFlag(&t.Cflag, mask, argument != 0)
		}
		if speed, ok := speeds[argument]; ok && mode == modeOutputSpeed {
			t.Cflag = t.Cflag&^unix.CBAUD | speed
			t.Ospeed = argument
		} else if ok && mode == modeInputSpeed {
			t.Ispeed = argument
		}
	}
}

func setFlag(flags *uint32, mask uint32, on bool) {
	if *flags &^= mask; on {
		*flags |= mask
	}
}
