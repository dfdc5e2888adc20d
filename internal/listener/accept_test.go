package listener

import (
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-f6ddb928/peernet-go/handshake"
)

// A scripted listener hands out what its test wants.
type scripted struct {
	net.Listener
	accept func() (net.Conn, error)
}

func (s *scripted) Accept() (net.Conn, error) { return s.accept() }

func TestAcceptedAfterStopIsReset(t *testing.T) {
	release := make(chan struct{})
	inBubble(t, func(l net.Listener) net.Listener {
		return &scripted{l, func() (net.Conn, error) {
			c, err := l.Accept()
			if err == nil {
				release = make(chan struct{})
				<-release // what has left the queue is not closed with the listener
			}
			return c, err
		}}
	}, func(d *door) {
		c := d.dial(d.host("10.0.0.2"))
		d.System.Root.Send(d.pid, Stop{})
		synctest.Wait()
		expectOpen(t, "a connection between Accept and the listener", c)
		close(release)
		expectReset(t, "a connection accepted after Stop", c)
		if n := d.counters.Connections.Load(); n != 0 {
			t.Errorf("accepted %d", n)
		}
	})
}

func TestAcceptErrorsBackOffAndRecover(t *testing.T) {
	var mu sync.Mutex // guards the rest
	failing, attempts := true, []time.Time(nil)
	emfile := &net.OpError{Op: "accept", Net: "tcp", Err: syscall.EMFILE}
	inBubble(t, func(l net.Listener) net.Listener {
		return &scripted{l, func() (net.Conn, error) {
			mu.Lock()
			fails := failing
			attempts = append(attempts, time.Now())
			mu.Unlock()
			if fails {
				return nil, emfile
			}
			return l.Accept()
		}}
	}, func(d *door) {
		time.Sleep(10 * time.Second)
		mu.Lock()
		failing = false
		var pauses []time.Duration
		for i, a := range attempts[1:] {
			pauses = append(pauses, a.Sub(attempts[i]))
		}
		mu.Unlock()
		want := []time.Duration{}
		for p := firstPause; p < maxPause; p *= 2 {
			want = append(want, p)
		}
		if len(pauses) < len(want)+5 || !slices.Equal(pauses[:len(want)], want) {
			t.Fatalf("pauses %v, want them to begin with %v", pauses, want)
		}
		for _, p := range pauses[len(want):] {
			if p != maxPause {
				t.Errorf("pauses %v, want %v at last", pauses, maxPause)
			}
		}
		time.Sleep(maxPause)
		expectOpen(t, "a connection after the errors", d.dial(d.host("10.0.0.2")))
		if n := d.counters.Connections.Load(); n != 1 {
			t.Errorf("accepted %d, want 1", n)
		}
		mu.Lock()
		failing = true
		attempts = nil
		mu.Unlock()
		d.dial(d.host("10.0.0.3")) // the Accept that waits takes it; the next one fails
		time.Sleep(firstPause)
		synctest.Wait()
		mu.Lock()
		defer mu.Unlock()
		if len(attempts) < 2 || attempts[1].Sub(attempts[0]) != firstPause {
			t.Errorf("attempts %v: after a success the pause must be %v again", attempts, firstPause)
		}
	})
}

func TestStrangersMakeRoomWhenDescriptorsRunOut(t *testing.T) {
	var out atomic.Bool
	inBubble(t, func(l net.Listener) net.Listener {
		return &scripted{l, func() (net.Conn, error) {
			if out.Load() {
				return nil, &net.OpError{Op: "accept", Net: "tcp", Err: syscall.EMFILE}
			}
			return l.Accept()
		}}
	}, func(d *door) {
		source := d.host("10.0.0.2")
		oldest := d.dial(source)
		time.Sleep(time.Second)
		newer := d.dial(source)
		synctest.Wait()
		out.Store(true)
		d.dial(d.host("10.0.0.3")) // the Accept that waits takes it; the next one fails
		synctest.Wait()
		if n := d.counters.Results(handshake.Responder)["evicted"]; n != 1 {
			t.Errorf("%d strangers made room at the first error, want 1", n)
		}
		expectReset(t, "the oldest of the source that has most", oldest)
		expectOpen(t, "the newer one", newer)
		out.Store(false)
		time.Sleep(maxPause)
	})
}

func TestStopEndsAnAcceptThatPauses(t *testing.T) {
	inBubble(t, func(l net.Listener) net.Listener {
		return &scripted{l, func() (net.Conn, error) { return nil, syscall.EMFILE }}
	}, func(d *door) {
		time.Sleep(time.Minute)
		began := time.Now()
		d.System.Root.Send(d.pid, Stop{})
		synctest.Wait() // goleak finds what is left
		if took := time.Since(began); took != 0 {
			t.Errorf("took %v", took)
		}
	})
}
