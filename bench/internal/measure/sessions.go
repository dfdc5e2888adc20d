package measure

import (
	"errors"
	"runtime"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"
)

// An Opener makes sessions: what a session costs is measured with it, as what a call costs with a Client.
type Opener interface {
	// Open makes a session over the network with a handshake of its own, and returns when both ends are ready for calls. end
	// closes both. Safe for concurrent use.
	Open() (end func(), err error)

	Close()
}

// Sessions opens a number of sessions from workers goroutines, keeps them all without a call, and returns how many were opened in
// a second, the CPU of each, and what one of them takes with both its ends. That they are closed afterwards is not measured.
func Sessions(o Opener, workers, sessions int) (Figures, error) {
	var (
		running sync.WaitGroup
		ends    = make([]func(), sessions)
		errs    = make([]error, workers)
		next    atomic.Int64
	)
	bytesBefore, residentBefore := settledMemory()
	goroutinesBefore := runtime.NumGoroutine()
	cpu, began := CPUTime(), time.Now()
	for w := range workers {
		running.Go(func() {
			for i := next.Add(1) - 1; i < int64(sessions) && errs[w] == nil; i = next.Add(1) - 1 {
				ends[i], errs[w] = o.Open()
			}
		})
	}
	running.Wait()
	cpu, took := CPUTime()-cpu, time.Since(began)
	perSession := func(n float64) float64 { return n / float64(sessions) }
	bytes, resident := settledMemory()
	f := Figures{
		SessionsPerSec.Name: float64(sessions) / took.Seconds(),
		CPUPerSession.Name:  perSession(float64(cpu) / 1e3),
		IdleKiB.Name:        perSession(bytes-bytesBefore) / 1024,
		Goroutines.Name:     perSession(float64(runtime.NumGoroutine() - goroutinesBefore)),
	}
	if resident > 0 {
		f[ResidentKiB.Name] = perSession(resident-residentBefore) / 1024
	}
	for _, end := range ends {
		if end != nil {
			end()
		}
	}
	return f, errors.Join(errs...)
}

// settledMemory returns the bytes of live heap and of stacks, and the bytes of the process that are resident, or 0 where the system
// does not tell. It collects several times: a pool keeps what it holds for two collections, a stack halves at most once in each.
func settledMemory() (live, resident float64) {
	for range 4 {
		runtime.GC()
	}
	debug.FreeOSMemory()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return float64(m.HeapAlloc + m.StackInuse), residentBytes()
}
