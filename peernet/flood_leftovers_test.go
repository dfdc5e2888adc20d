package peernet_test

import (
	"context"
	"os"
	"runtime"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// held is the memory that Go holds for the heap and for stacks in use, in bytes.
func held() int64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapInuse + m.StackInuse)
}

// live is what of the heap is reachable, in bytes. It collects garbage.
func live() int64 {
	for range 3 { // the second empties the pools
		runtime.GC()
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// watchHeld looks at what is held ten times a second until ctx ends, and returns the most it has seen. It collects
// no garbage: what the collector has not got round to is held as well.
func watchHeld(ctx context.Context) (most int64) {
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for ctx.Err() == nil {
		most = max(most, held())
		select {
		case <-tick.C:
		case <-ctx.Done():
		}
	}
	return max(most, held())
}

// A stock is what the process has of the system, at one moment.
type stock struct {
	files      int // open file descriptors, sockets among them; 0: this system does not tell
	goroutines goleak.Option
}

func takeStock() stock { return stock{openFiles(), goleak.IgnoreCurrent()} }

// openFiles counts the process's file descriptors.
func openFiles() int {
	list, err := os.ReadDir("/dev/fd") // where Linux and the BSDs, macOS among them, list them
	if err != nil {
		return 0
	}
	return len(list)
}

// check waits until nothing more is there than was, but goroutines to be ignored, and fails if something is after
// patience.
func (s stock) check(tb testing.TB, when string, ignore ...goleak.Option) {
	tb.Helper()
	files := openFiles()
	for deadline := time.Now().Add(patience); files > s.files && time.Now().Before(deadline); files = openFiles() {
		<-time.After(10 * time.Millisecond)
	}
	if files > s.files {
		tb.Errorf("%s: %d file descriptors are open, %d were", when, files, s.files)
	}
	if err := goleak.Find(append(ignore, s.goroutines)...); err != nil {
		tb.Errorf("%s: %v", when, err)
	}
}
