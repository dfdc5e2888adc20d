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
	// Open makes a session over the network with a handshake of its own, and returns when both ends are ready for calls. Close
	// of the client closes both. Safe for concurrent use.
	Open() (Client, error)

	Close()
}

// Sessions opens a number of sessions from workers goroutines, keeps them all without a call, and returns how many were opened in
// a second, the CPU of each, and what one of them takes with both its ends. That they are closed afterwards is not measured.
func Sessions(o Opener, workers, sessions int) (Figures, error) {
	bytesBefore, residentBefore := settledMemory()
	goroutinesBefore := runtime.NumGoroutine()
	cpu, began := CPUTime(), time.Now()
	clients, err := open(o, workers, sessions)
	defer closeAll(clients)
	if err != nil {
		return nil, err
	}
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
	return f, nil
}

// Spread is Calls over a number of sessions: each caller uses all of them in turn.
func Spread(o Opener, callers, sessions, size int, d time.Duration) (Figures, error) {
	clients, err := open(o, openers, sessions)
	defer closeAll(clients)
	if err != nil {
		return nil, err
	}
	return Calls(clients, callers, size, d, nil)
}

// openers is how many goroutines open sessions that are not timed.
const openers = 4

// open opens sessions from workers goroutines. If it fails, it returns those that were opened too.
func open(o Opener, workers, sessions int) (clients []Client, err error) {
	var (
		running sync.WaitGroup
		opened  = make([]Client, sessions)
		errs    = make([]error, workers)
		next    atomic.Int64
	)
	for w := range workers {
		running.Go(func() {
			for i := next.Add(1) - 1; i < int64(sessions) && errs[w] == nil; i = next.Add(1) - 1 {
				opened[i], errs[w] = o.Open()
			}
		})
	}
	running.Wait()
	for _, c := range opened {
		if c != nil {
			clients = append(clients, c)
		}
	}
	return clients, errors.Join(errs...)
}

func closeAll(clients []Client) {
	for _, c := range clients {
		c.Close()
	}
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
