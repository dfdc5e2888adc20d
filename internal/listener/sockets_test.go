package listener

import (
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-f6ddb928/peernet-go/internal/test/memnet"
)

// listen gives the listener one more socket.
func (d *door) listen(addr string) net.Listener {
	d.Helper()
	l, err := d.server.Listen(d.Context(), "tcp", addr)
	if err != nil {
		d.Fatal(err)
	}
	started := make(chan struct{})
	d.System.Root.Send(d.pid, Accept{From: l, Started: started})
	<-started
	return l
}

// dialAt is dial of another socket than the first.
func (d *door) dialAt(addr string, from *memnet.Host) net.Conn {
	d.Helper()
	first := d.addr
	defer func() { d.addr = first }()
	d.addr = addr
	return d.dial(from)
}

func TestASocketThatIsClosedLeavesTheOthersAndWhatItHasAccepted(t *testing.T) {
	inBubble(t, nil, func(d *door) {
		const second = "10.0.0.1:7200"
		one, other := d.host("10.0.0.2"), d.host("10.0.0.3")
		for range 3 { // the same address again
			l := d.listen(second)
			accepted := d.dialAt(second, one)
			if err := l.Close(); err != nil {
				d.Error(err)
			}
			synctest.Wait()
			expectOpen(t, "a connection of the socket that is closed", accepted)
			expectOpen(t, "a connection of the first socket", d.dial(other))
		}
		if n := d.counters.Connections.Load(); n != 6 {
			t.Errorf("accepted %d, want 6", n)
		}
		if s := d.net.Stats(); s.Listeners != 1 {
			t.Errorf("%d listeners, want 1", s.Listeners)
		}
	})
}

// TestSocketsShareTheLimits: more sockets are not more room for strangers.
func TestSocketsShareTheLimits(t *testing.T) {
	inBubble(t, nil, func(d *door) {
		const second = "10.0.0.1:7200"
		d.listen(second)
		source := d.host("10.0.0.2")
		oldest := d.dial(source)
		for range maxPerSource {
			time.Sleep(time.Millisecond)
			d.dialAt(second, source)
		}
		expectReset(t, "the oldest of too many", oldest)
		if n := d.counters.Strangers.Load(); n != maxPerSource {
			t.Errorf("%d strangers, want %d", n, maxPerSource)
		}
	})
}

func TestStopClosesAllSocketsAndTakesNoMore(t *testing.T) {
	inBubble(t, nil, func(d *door) {
		d.listen("10.0.0.1:7200")
		d.System.Root.Send(d.pid, Stop{})
		synctest.Wait()
		d.listen("10.0.0.1:7300")
		if s := d.net.Stats(); s.Listeners != 0 {
			t.Errorf("%d listeners after Stop", s.Listeners)
		}
	})
}
