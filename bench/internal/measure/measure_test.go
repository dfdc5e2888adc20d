package measure

import (
	"errors"
	"io"
	"net"
	"sync/atomic"
	"testing"
	"time"
)

// A counter is a client that counts its calls and can fail.
type counter struct {
	calls *atomic.Uint64
	err   error
}

func (c counter) Call([]byte) error {
	c.calls.Add(1)
	return c.err
}

func (c counter) Close() {}

// A counters is an opener of counters.
type counters struct {
	opened, closed atomic.Int64
	most           int64 // sessions that it opens
}

var errFull = errors.New("no more sessions")

func (o *counters) Open() (Client, error) {
	if o.opened.Add(1) > o.most {
		return nil, errFull
	}
	return closing{counter{calls: new(atomic.Uint64)}, o}, nil
}

func (o *counters) Close() {}

type closing struct {
	counter
	opener *counters
}

func (c closing) Close() { c.opener.closed.Add(1) }

func TestCallsUseEveryClient(t *testing.T) {
	clients := make([]Client, 9)
	for i := range clients {
		clients[i] = counter{calls: new(atomic.Uint64)}
	}
	f, err := Calls(clients, 4, 64, time.Millisecond, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i, c := range clients {
		if c.(counter).calls.Load() == 0 {
			t.Errorf("client %d made no call", i)
		}
	}
	for _, column := range []Column{CallsPerSec, P50, P99, MBPerSec} {
		if f[column.Name] <= 0 {
			t.Errorf("%s was not measured: %v", column.Name, f)
		}
	}
}

func TestACallThatFailsFailsTheMeasurement(t *testing.T) {
	failure := errors.New("no")
	c := counter{new(atomic.Uint64), failure}
	if _, err := Calls([]Client{c}, 2, 64, time.Millisecond, nil); !errors.Is(err, failure) {
		t.Errorf("calls: got %v, want %v", err, failure)
	}
	if _, err := Line(c, 2, 64, time.Millisecond); !errors.Is(err, failure) {
		t.Errorf("line: got %v, want %v", err, failure)
	}
	if _, err := Calls([]Client{counter{calls: new(atomic.Uint64)}}, 2, 64, time.Millisecond, func() (time.Duration, error) { return 0, failure }); !errors.Is(err, failure) {
		t.Errorf("usage: got %v, want %v", err, failure)
	}
}

func TestSessionsAreClosedEvenIfOneFails(t *testing.T) {
	o := &counters{most: 10}
	if _, err := Sessions(o, 3, 10); err != nil || o.closed.Load() != 10 {
		t.Errorf("got %v, and %d sessions of 10 were closed", err, o.closed.Load())
	}
	o = &counters{most: 5}
	if _, err := Sessions(o, 3, 10); !errors.Is(err, errFull) || o.closed.Load() != 5 {
		t.Errorf("got %v, and %d sessions of 5 were closed", err, o.closed.Load())
	}
}

func TestSmallCasesStayCases(t *testing.T) {
	for _, m := range Measures {
		for _, c := range m.Cases {
			small := c.Small()
			if small.Measure != m.Name || small.Callers > c.Callers || small.Count > c.Count || (c.Count > 0 && small.Count == 0) {
				t.Errorf("%v becomes %v", c, small)
			}
		}
	}
}

// A dropper is a client whose streams drop what is written.
type dropper struct {
	counter
	err error // of streams
}

func (d dropper) Stream(stops bool) (io.WriteCloser, error) {
	left, right := net.Pipe()
	if !stops {
		go io.Copy(io.Discard, right)
	}
	return left, d.err
}

func TestStreamsAreMeasuredAndEnded(t *testing.T) {
	d := dropper{counter: counter{calls: new(atomic.Uint64)}}
	for _, beside := range []bool{false, true} {
		f, err := Streams(d, 3, 1000, beside, 10*time.Millisecond)
		if err != nil || f[MBPerSec.Name] <= 0 {
			t.Errorf("beside %v: %v, %v", beside, f, err)
		}
	}
	d.err = errors.New("no")
	if _, err := Streams(d, 3, 1000, true, time.Millisecond); !errors.Is(err, d.err) {
		t.Errorf("got %v, want %v", err, d.err)
	}
}
