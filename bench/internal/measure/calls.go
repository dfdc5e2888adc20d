package measure

import (
	"fmt"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

const (
	warmUp      = 5        // a measurement's warm-up lasts the measurement's time divided by this
	sampleRoom  = 1 << 17  // round trips a measurement remembers, the latest
	sampleEvery = 16       // one in this many small calls is timed: to read the clock twice takes a tenth of a microsecond
	sampleAll   = 64 << 10 // calls of this size or more are all timed
)

// A Client makes calls and is measured. It may serve several measurements.
type Client interface {
	// Call is one round trip with an echo. It checks the reply's length, does not keep payload, and is safe for concurrent use.
	Call(payload []byte) error

	// Close ends the session and all that Dial started for it.
	Close()
}

// A Usage reads what the responder's process has used, where the responder is in a process of its own.
type Usage func() (cpu time.Duration, err error)

// Calls has callers goroutines call with payloads of size bytes, for the time d after a warm-up, or longer if few calls ended in
// it. Each caller uses the clients in turn. other may be nil.
func Calls(clients []Client, callers, size int, d time.Duration, other Usage) (Figures, error) {
	runtime.GC() // what was set up
	run := startCallers(clients, callers, size)
	time.Sleep(d / warmUp)

	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	run.phase.Store(measuring)
	otherCPU, err := other.read()
	if err != nil {
		return nil, err
	}
	calls, io, cpu, began := run.calls(), written(), CPUTime(), time.Now()
	time.Sleep(d)
	// On a busy machine the callers may not have run at all. With this many calls, one that was timed has ended.
	least := uint64(callers * (sampleEvery + 1))
	if callers == 1 || size >= sampleAll {
		least = uint64(callers)
	}
	for end := began.Add(patience); run.calls()-calls < least && !run.failed.Load() && time.Now().Before(end); {
		time.Sleep(d)
	}
	calls, io, cpu, took := run.calls()-calls, written().minus(io), CPUTime()-cpu, time.Since(began)
	otherAfter, err := other.read()
	if err != nil {
		return nil, err
	}
	runtime.ReadMemStats(&after)

	times, err := run.end()
	if err != nil {
		return nil, err
	}
	if calls == 0 || len(times) == 0 {
		return nil, fmt.Errorf("%v is too short for calls of %d bytes", d, size)
	}
	cpu += otherAfter - otherCPU
	perCall := func(n float64) float64 { return n / float64(calls) }
	f := Figures{
		CallsPerSec.Name: float64(calls) / took.Seconds(),
		CPUPerCall.Name:  perCall(float64(cpu) / 1e3),
		ProcsBusy.Name:   cpu.Seconds() / took.Seconds(),
		P50.Name:         float64(times[len(times)/2]) / 1e3,
		P99.Name:         float64(times[len(times)*99/100]) / 1e3,
		MBPerSec.Name:    float64(calls) * float64(size) / 1e6 / took.Seconds(),
	}
	if other == nil { // else half of them would be missing
		f[WritesPerCall.Name] = perCall(io.calls)
		f[SentPerCall.Name] = perCall(io.bytes)
		f[AllocsPerCall.Name] = perCall(float64(after.Mallocs - before.Mallocs))
		f[HeapPerCall.Name] = perCall(float64(after.TotalAlloc - before.TotalAlloc))
	}
	return f, nil
}

func (u Usage) read() (time.Duration, error) {
	if u == nil {
		return 0, nil
	}
	return u()
}

// The phases of a callerRun.
const (
	warming = iota
	measuring
	ended
)

// callerRun is a group of goroutines that call until they are told to stop.
type callerRun struct {
	phase   atomic.Int32 // warming, measuring, ended
	failed  atomic.Bool  // a call has failed
	running sync.WaitGroup
	callers []caller
}

// caller is one goroutine of a callerRun. Only it touches what is not atomic, until it has ended.
type caller struct {
	ended  atomic.Uint64 // calls
	times  []int64       // ns; a ring once it is full
	oldest int
	err    error    // of the call that failed, its last
	_      [64]byte // keeps the counters of two callers off one cache line
}

// startCallers starts callers goroutines that call with payloads of size bytes. The n-th call of the i-th caller goes to the client
// i + n × callers, so that all clients are used even if there are more of them.
func startCallers(clients []Client, callers, size int) *callerRun {
	every := uint64(sampleEvery)
	if callers == 1 || size >= sampleAll {
		every = 1
	}
	r := &callerRun{callers: make([]caller, callers)}
	for i := range r.callers {
		own := &r.callers[i]
		own.times = make([]int64, 0, sampleRoom/callers+1)
		payload := make([]byte, size)
		r.running.Go(func() {
			for n := uint64(0); own.err == nil; n++ {
				c := clients[(i+int(n)*callers)%len(clients)]
				phase := r.phase.Load()
				if phase == ended {
					return
				}
				if phase == warming || n%every != 0 {
					own.err = c.Call(payload)
				} else {
					began := time.Now()
					own.err = c.Call(payload)
					own.sample(time.Since(began))
				}
				own.ended.Add(1)
			}
			if own.err != nil {
				r.failed.Store(true)
			}
		})
	}
	return r
}

// sample remembers a round trip, in place of the oldest if there is no room.
func (c *caller) sample(took time.Duration) {
	if len(c.times) < cap(c.times) {
		c.times = append(c.times, int64(took))
		return
	}
	c.times[c.oldest] = int64(took)
	c.oldest = (c.oldest + 1) % len(c.times)
}

// calls returns how many calls have ended.
func (r *callerRun) calls() (n uint64) {
	for i := range r.callers {
		n += r.callers[i].ended.Load()
	}
	return n
}

// end stops the goroutines, waits for them and returns the sampled times in rising order, or the error of a call.
func (r *callerRun) end() (times []int64, err error) {
	r.phase.Store(ended)
	r.running.Wait()
	for i := range r.callers {
		c := &r.callers[i]
		if c.err != nil {
			return nil, c.err
		}
		times = append(times, c.times...)
	}
	slices.Sort(times)
	return times, nil
}
