package output

import "golang.org/x/sys/windows"

// isTerminal says whether a handle is a console.
func isTerminal(handle uintptr) bool {
	var mode uint32
	return windows.GetConsoleMode(windows.Handle(handle), &mode) == nil
}
