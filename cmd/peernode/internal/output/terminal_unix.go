//go:build unix

package output

import "golang.org/x/sys/unix"

// isTerminal says whether a file descriptor is a terminal: only these have a size.
func isTerminal(fd uintptr) bool {
	_, err := unix.IoctlGetWinsize(int(fd), unix.TIOCGWINSZ)
	return err == nil
}
