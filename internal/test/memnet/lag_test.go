package memnet

import (
	"bytes"
	"io"
	"net"
	"testing"
	"time"
)

func TestDelayBetweenTwoHostsIsTheirsAlone(t *testing.T) {
	bubble(t, func(t *testing.T, n *Network, a, b *Host) {
		c := n.Host(addr("10.0.0.3"))
		n.SetDelay(time.Second, 0)
		n.SetDelayBetween(b, a, 40*time.Millisecond, 0)
		lb, lc := listen(t, b, "tcp", ":0"), listen(t, c, "tcp", ":0")
		var x, y *Conn
		if d := since(func() { x = dialTo(t, a, "10.0.0.2:"+port(lb)) }); d != 80*time.Millisecond {
			t.Errorf("Dial between them took %v, want there and back", d)
		}
		if d := since(func() { y = dialTo(t, a, "10.0.0.3:"+port(lc)) }); d != 2*time.Second {
			t.Errorf("Dial to another host took %v, want there and back", d)
		}
		xb, yc := accept(t, lb), accept(t, lc)
		for _, way := range []struct {
			name     string
			from, to *Conn
			want     time.Duration
		}{{"there", x, xb, 40 * time.Millisecond}, {"back", xb, x, 40 * time.Millisecond}, {"elsewhere", y, yc, time.Second}} {
			if d := since(func() {
				write(t, way.from, "x")
				wantRead(t, way.to, "x")
			}); d != way.want {
				t.Errorf("%s: a byte took %v, want %v", way.name, d, way.want)
			}
		}
		n.SetDelayBetween(a, b, 0, 0)
		write(t, x, "x")
		if d := since(func() { wantRead(t, xb, "x") }); d != 0 {
			t.Errorf("without delay between them a byte took %v", d)
		}
		n.SetDelay(time.Minute, 0)
		write(t, x, "x")
		if d := since(func() { wantRead(t, xb, "x") }); d != time.Minute {
			t.Errorf("after SetDelay a byte took %v", d)
		}
	})
}

func TestDelayBetweenTwoHostsHoldsForDatagrams(t *testing.T) {
	bubble(t, func(t *testing.T, n *Network, a, b *Host) {
		c := n.Host(addr("10.0.0.3"))
		n.SetDelayBetween(a, b, time.Second, 0)
		from, near, far := socket(t, a, "udp", ":9"), socket(t, c, "udp", ":9"), socket(t, b, "udp", ":9")
		if _, err := from.WriteTo([]byte("x"), &net.UDPAddr{IP: net.IPv4(10, 0, 0, 255), Port: 9}); err != nil {
			t.Fatal(err)
		}
		for _, s := range []struct {
			at   *PacketConn
			want time.Duration
		}{{near, 0}, {far, time.Second}} {
			if d := since(func() { _, _, _ = s.at.ReadFrom(make([]byte, 1)) }); d != s.want {
				t.Errorf("a broadcast took %v, want %v", d, s.want)
			}
		}
	})
}

// TestRateIsTheTimeThatBytesTake: packet by packet, and each direction for itself.
func TestRateIsTheTimeThatBytesTake(t *testing.T) {
	bubble(t, func(t *testing.T, n *Network, a, b *Host) {
		x, y := connect(t, a, b)
		n.SetRate(1000)
		n.SetDelay(time.Second, 0)
		start := time.Now()
		write(t, x, string(make([]byte, 3000)))
		write(t, y, "y")
		wantRead(t, x, "y")
		if d := time.Since(start); d != time.Second+time.Millisecond {
			t.Errorf("a byte back took %v", d)
		}
		buf := make([]byte, 10_000)
		for i, want := range []struct {
			bytes int
			at    time.Duration
		}{{1400, 2400 * time.Millisecond}, {1400, 3800 * time.Millisecond}, {200, 4 * time.Second}} {
			k, err := y.Read(buf)
			if k != want.bytes || err != nil || time.Since(start) != want.at {
				t.Errorf("packet %d: %d bytes, %v, after %v, want %+v", i, k, err, time.Since(start), want)
			}
		}
		n.SetDelay(0, 0)
		write(t, x, "small")
		if d := since(func() { wantRead(t, y, "small") }); d != 5*time.Millisecond {
			t.Errorf("5 bytes on an idle connection took %v", d)
		}
		n.SetRate(0)
		write(t, x, "fast")
		if d := since(func() { wantRead(t, y, "fast") }); d != 0 {
			t.Errorf("without a rate bytes took %v", d)
		}
	})
}

// TestRateHoldsAWriterToItsWindow: what is on its way fills the window, and every byte arrives in order.
func TestRateHoldsAWriterToItsWindow(t *testing.T) {
	bubble(t, func(t *testing.T, n *Network, a, b *Host) {
		x, y := connect(t, a, b)
		n.SetRate(100_000)
		start := time.Now()
		go func() {
			_, _ = x.Write(chaosBytes)
			_ = x.Close()
		}()
		got, err := io.ReadAll(y)
		if err != nil || !bytes.Equal(got, chaosBytes) {
			t.Errorf("read %d bytes, %v, want the %d that were written", len(got), err, len(chaosBytes))
		}
		if d, want := time.Since(start), time.Duration(len(chaosBytes))*10*time.Microsecond; d < want || d > want+time.Second/10 {
			t.Errorf("%d bytes took %v, want %v", len(chaosBytes), d, want)
		}
	})
}

func TestPassesTellsWhatIsCut(t *testing.T) {
	bubble(t, func(t *testing.T, n *Network, a, b *Host) {
		for _, c := range []struct {
			name string
			do   func()
			want bool
		}{
			{"new", func() {}, true},
			{"one way cut", func() { n.CutOneWay(b, a) }, false},
			{"healed", n.HealAll, true},
			{"partition", func() { n.Partition([]*Host{a}) }, false},
			{"partition ended", n.HealAll, true},
			{"crashed", b.Crash, false},
			{"restarted", b.Restart, true},
			{"no address", func() { b.SetAddrs() }, false},
		} {
			c.do()
			if got := n.Passes(a, b); got != c.want {
				t.Errorf("%s: %v", c.name, got)
			}
			if got := n.Passes(b, a); got != c.want {
				t.Errorf("%s, seen from the other side: %v", c.name, got)
			}
		}
	})
}
