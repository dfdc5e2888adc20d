package peernet_test

import (
	"net"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

const (
	warmUp      = 5        // a measurement's warm-up lasts the measurement's time divided by this
	sampleRoom  = 1 << 17  // round trips a measurement remembers, the latest
	sampleEvery = 16       // one in this many small calls is timed: to read the clock twice takes a tenth of a microsecond
	sampleAll   = 64 << 10 // calls of this size or more are all timed
)

// A subject is what makes calls and is measured. It may serve several measurements.
type subject struct {
	name   string
	call   func(payload []byte) error // one round trip; checks the reply's length; safe for concurrent use
	writes func() (calls uint64)      // write calls on both ends since the start
	close  func()
}

// figures is what a measurement found. CPU and allocations are those of the whole process, so of both ends.
type figures struct {
	callsPerSec   float64
	cpuPerCall    float64 // µs, user and system; 0 where the system does not tell
	writesPerCall float64
	allocsPerCall float64
	p50, p99      float64 // µs of a round trip
	mbPerSec      float64 // 10^6 bytes of payload in a second, counted one way
}

// onProcs lets n threads run Go code until tb ends.
func onProcs(tb testing.TB, n int) {
	before := runtime.GOMAXPROCS(n)
	tb.Cleanup(func() { runtime.GOMAXPROCS(before) })
}

// measure makes calls of size bytes from callers goroutines, for the time d after a warm-up, or longer if few calls ended in it. A
// call that fails ends tb.
func measure(tb testing.TB, s subject, callers, size int, d time.Duration) figures {
	tb.Helper()
	runtime.GC() // what an earlier subject left behind
	run := startCallers(s, callers, size)
	time.Sleep(d / warmUp)

	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	run.phase.Store(measuring)
	calls, writes, cpu, began := run.calls(), s.writes(), cpuTime(), time.Now()
	time.Sleep(d)
	// On a busy machine the callers may not have run at all. With this many calls, one that was timed has ended.
	least := uint64(callers * (sampleEvery + 1))
	for end := began.Add(patience); run.calls()-calls < least && time.Now().Before(end); {
		time.Sleep(d)
	}
	calls, writes, cpu, took := run.calls()-calls, s.writes()-writes, cpuTime()-cpu, time.Since(began)
	runtime.ReadMemStats(&after)

	times, err := run.end()
	if err != nil {
		tb.Fatalf("%s: %v", s.name, err)
	}
	if calls == 0 || len(times) == 0 {
		tb.Fatalf("%s: %v is too short for calls of %d bytes", s.name, d, size)
	}
	perCall := func(n float64) float64 { return n / float64(calls) }
	return figures{
		callsPerSec:   float64(calls) / took.Seconds(),
		cpuPerCall:    perCall(float64(cpu) / 1e3),
		writesPerCall: perCall(float64(writes)),
		allocsPerCall: perCall(float64(after.Mallocs - before.Mallocs)),
		p50:           float64(times[len(times)/2]) / 1e3,
		p99:           float64(times[len(times)*99/100]) / 1e3,
		mbPerSec:      float64(calls) * float64(size) / 1e6 / took.Seconds(),
	}
}

// The phases of a callerRun.
const (
	warming = iota
	measuring
	ended
)

// callerRun is a group of goroutines that call a subject until they are told to stop.
type callerRun struct {
	phase   atomic.Int32 // warming, measuring, ended
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

// startCallers starts callers goroutines that call s with payloads of size bytes.
func startCallers(s subject, callers, size int) *callerRun {
	every := uint64(sampleEvery)
	if callers == 1 || size >= sampleAll {
		every = 1
	}
	r := &callerRun{callers: make([]caller, callers)}
	for i := range r.callers {
		c := &r.callers[i]
		c.times = make([]int64, 0, sampleRoom/callers+1)
		payload := make([]byte, size)
		r.running.Go(func() {
			for n := uint64(0); c.err == nil; n++ {
				phase := r.phase.Load()
				if phase == ended {
					return
				}
				if phase == warming || n%every != 0 {
					c.err = s.call(payload)
				} else {
					began := time.Now()
					c.err = s.call(payload)
					c.sample(time.Since(began))
				}
				c.ended.Add(1)
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

// countingConn counts the calls of Write, on every connection that shares writes.
type countingConn struct {
	net.Conn
	writes *atomic.Uint64
}

func (c countingConn) Write(b []byte) (int, error) {
	c.writes.Add(1)
	return c.Conn.Write(b)
}
