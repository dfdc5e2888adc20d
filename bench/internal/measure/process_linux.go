package measure

import (
	"bytes"
	"fmt"
	"os"
)

// written reads how many write calls this process has made, and their bytes. The system counts them alike for everybody; the
// runtime's own, which wake its poller, are among them.
func written() (w writes) {
	b, err := os.ReadFile("/proc/self/io")
	if err != nil {
		return writes{}
	}
	for line := range bytes.Lines(b) {
		fmt.Sscanf(string(line), "wchar: %g", &w.bytes)
		fmt.Sscanf(string(line), "syscw: %g", &w.calls)
	}
	return w
}

// residentBytes is the memory of this process that is resident.
func residentBytes() float64 {
	b, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0
	}
	var size, resident float64 // pages
	fmt.Sscan(string(b), &size, &resident)
	return resident * float64(os.Getpagesize())
}
