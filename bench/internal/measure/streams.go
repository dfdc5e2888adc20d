package measure

import (
	"errors"
	"fmt"
	"io"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

// A Streamer is a Client that also opens streams of bytes.
type Streamer interface {
	Client

	// Stream opens a stream whose other end drops what it reads, or if stops is true reads nothing. A Write waits where the other end
	// is behind; Close ends the stream, and a Write that waits. Several streams go over one session, if the runner's can.
	Stream(stops bool) (io.WriteCloser, error)
}

// Stopped is what Case.Things says of streams beside one whose reader stops.
const Stopped = "beside one whose reader has stopped"

// A pourer writes to one stream until it is told to stop.
type pourer struct {
	bytes atomic.Uint64
	_     [64]byte // keeps the counters of two pourers off one cache line
}

// Streams has a goroutine for each stream write size bytes again and again, for the time d after a warm-up. If beside is true, one
// more is written to whose reader has stopped. What is written and not read yet is a few MB at most, from the warm-up on.
func Streams(c Streamer, streams, size int, beside bool, d time.Duration) (Figures, error) {
	runtime.GC() // what was set up
	var (
		phase   atomic.Int32 // warming, ended
		running sync.WaitGroup
		pourers = make([]pourer, streams)
		errs    = make([]error, streams)
		opened  []io.WriteCloser
	)
	end := sync.OnceFunc(func() {
		phase.Store(ended)
		for _, s := range opened {
			_ = s.Close()
		}
		running.Wait()
	})
	defer end()
	if beside {
		s, err := c.Stream(true)
		if err != nil {
			return nil, err
		}
		opened = append(opened, s)
		running.Go(func() {
			for payload := make([]byte, size); ; {
				if _, err := s.Write(payload); err != nil {
					return // it was closed
				}
			}
		})
	}
	for i := range streams {
		s, err := c.Stream(false)
		if err != nil {
			return nil, err
		}
		opened = append(opened, s)
		running.Go(func() {
			for payload := make([]byte, size); errs[i] == nil && phase.Load() != ended; {
				var n int
				n, errs[i] = s.Write(payload)
				pourers[i].bytes.Add(uint64(n))
			}
		})
	}
	poured := func() (n uint64) {
		for i := range pourers {
			n += pourers[i].bytes.Load()
		}
		return n
	}
	time.Sleep(d / warmUp)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	bytes, io, cpu, began := poured(), written(), CPUTime(), time.Now()
	time.Sleep(d)
	for until := began.Add(patience); poured() == bytes && time.Now().Before(until); {
		time.Sleep(d) // on a busy machine nobody may have run
	}
	bytes, io, cpu, took := poured()-bytes, written().minus(io), CPUTime()-cpu, time.Since(began)
	runtime.ReadMemStats(&after)
	if bytes == 0 {
		end()
		return nil, fmt.Errorf("nothing was written in %v: %w", took, errors.Join(errs...))
	}
	megabytes := float64(bytes) / 1e6
	return Figures{
		MBPerSec.Name:    megabytes / took.Seconds(),
		CPUPerMB.Name:    float64(cpu) / 1e3 / megabytes,
		ProcsBusy.Name:   cpu.Seconds() / took.Seconds(),
		WritesPerMB.Name: io.calls / megabytes,
		AllocsPerMB.Name: float64(after.Mallocs-before.Mallocs) / megabytes,
		HeapPerMB.Name:   float64(after.TotalAlloc-before.TotalAlloc) / megabytes,
	}, nil
}
