package peernet_test

import (
	"runtime"
	"sync"
	"testing"
	"time"
)

// An opener makes sessions: what a session costs is measured with it, as what a call costs with a subject.
type opener struct {
	name string

	// open makes a session over the network with a handshake of its own, and returns when both ends are ready for calls. end closes
	// both and returns when nothing of them is left. Safe for concurrent use.
	open  func() (end func(), err error)
	close func()
}

// sessionCost is what sessions cost, both ends counted.
type sessionCost struct {
	connectsPerSec float64 // sessions opened and ended
	idleKiB        float64 // heap and stacks of an idle session, in 1024 bytes
	goroutines     float64 // of an idle session
}

// measureSessions opens and ends sessions from workers goroutines for the time d, then keeps idle sessions open.
func measureSessions(tb testing.TB, o opener, workers, idle int, d time.Duration) (c sessionCost) {
	tb.Helper()
	c.connectsPerSec = measureConnects(tb, o, workers, d)
	c.idleKiB, c.goroutines = measureIdle(tb, o, idle)
	return c
}

// measureConnects opens sessions and ends each at once, from workers goroutines for the time d, and returns how many a second.
func measureConnects(tb testing.TB, o opener, workers int, d time.Duration) (perSec float64) {
	tb.Helper()
	runtime.GC()
	var (
		running sync.WaitGroup
		counts  = make([]int, workers)
		errs    = make([]error, workers)
		began   = time.Now()
	)
	for i := range workers {
		running.Go(func() {
			for errs[i] == nil && time.Since(began) < d {
				var end func()
				if end, errs[i] = o.open(); errs[i] == nil {
					end()
					counts[i]++
				}
			}
		})
	}
	running.Wait()
	took, sessions := time.Since(began), 0
	for i := range workers {
		if errs[i] != nil {
			tb.Fatalf("%s: %v", o.name, errs[i])
		}
		sessions += counts[i]
	}
	return float64(sessions) / took.Seconds()
}

// measureIdle keeps a number of sessions open, in which nobody has called, and returns what one of them takes with both its ends.
func measureIdle(tb testing.TB, o opener, sessions int) (kib, goroutines float64) {
	tb.Helper()
	ends := make([]func(), 0, sessions)
	defer func() {
		for _, end := range ends {
			end()
		}
	}()
	bytesBefore, goroutinesBefore := settledMemory(), runtime.NumGoroutine()
	for range sessions {
		end, err := o.open()
		if err != nil {
			tb.Fatalf("%s: %v", o.name, err)
		}
		ends = append(ends, end)
	}
	perSession := func(n float64) float64 { return n / float64(sessions) }
	return perSession(settledMemory()-bytesBefore) / 1024, perSession(float64(runtime.NumGoroutine() - goroutinesBefore))
}

// settledMemory returns the bytes of live heap and of stacks. It collects several times: a pool keeps what it holds for two collections, a
// stack halves at most once in each.
func settledMemory() float64 {
	for range 4 {
		runtime.GC()
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return float64(m.HeapAlloc + m.StackInuse)
}
