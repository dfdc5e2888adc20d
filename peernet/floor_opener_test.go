package peernet_test

import (
	"errors"
	"runtime"
	"sync"
	"sync/atomic"
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
	connectsPerSec float64 // sessions opened
	idleKiB        float64 // heap and stacks of an idle session, in 1024 bytes
	goroutines     float64 // of an idle session
}

// measureSessions opens a number of sessions from workers goroutines, keeps them all without a call, and returns how many were
// opened in a second and what one of them takes with both its ends. That they are closed afterwards is not measured.
func measureSessions(tb testing.TB, o opener, workers, sessions int) sessionCost {
	tb.Helper()
	var (
		running sync.WaitGroup
		ends    = make([]func(), sessions)
		errs    = make([]error, workers)
		next    atomic.Int64
	)
	bytesBefore, goroutinesBefore := settledMemory(), runtime.NumGoroutine()
	began := time.Now()
	for w := range workers {
		running.Go(func() {
			for i := next.Add(1) - 1; i < int64(sessions) && errs[w] == nil; i = next.Add(1) - 1 {
				ends[i], errs[w] = o.open()
			}
		})
	}
	running.Wait()
	took := time.Since(began)
	perSession := func(n float64) float64 { return n / float64(sessions) }
	c := sessionCost{connectsPerSec: float64(sessions) / took.Seconds()}
	c.idleKiB = perSession(settledMemory()-bytesBefore) / 1024
	c.goroutines = perSession(float64(runtime.NumGoroutine() - goroutinesBefore))
	for _, end := range ends {
		if end != nil {
			end()
		}
	}
	if err := errors.Join(errs...); err != nil {
		tb.Fatalf("%s: %v", o.name, err)
	}
	return c
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
