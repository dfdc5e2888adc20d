package memnet

import (
	"bytes"
	"errors"
	"io"
	"net/netip"
	"slices"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

func noTamper(netip.AddrPort, netip.AddrPort, uint64, int64, []byte) {}

func TestDelayIsOneWay(t *testing.T) {
	bubble(t, func(t *testing.T, n *Network, a, b *Host) {
		n.SetDelay(100*time.Millisecond, 0)
		l := listen(t, b, "tcp", ":0")
		var x *Conn
		if d := since(func() { x = dialTo(t, a, "10.0.0.2:"+port(l)) }); d != 200*time.Millisecond {
			t.Errorf("Dial took %v, want there and back", d)
		}
		if d := since(func() { _, _ = a.Dial(t.Context(), "tcp", "10.0.0.2:1") }); d != 200*time.Millisecond {
			t.Errorf("a refusal took %v, want there and back", d)
		}
		y := accept(t, l)
		if d := since(func() { write(t, x, "x") }); d != 0 {
			t.Errorf("Write took %v", d)
		}
		if d := since(func() { wantRead(t, y, "x") }); d != 100*time.Millisecond {
			t.Errorf("a byte took %v", d)
		}
		n.SetDelay(0, 0)
		write(t, x, "y")
		if d := since(func() { wantRead(t, y, "y") }); d != 0 {
			t.Errorf("a byte without delay took %v", d)
		}
	})
}

func TestBytesDoNotOvertakeWhenTheDelayShrinks(t *testing.T) {
	bubble(t, func(t *testing.T, n *Network, a, b *Host) {
		x, y := connect(t, a, b)
		n.SetDelay(time.Second, 0)
		write(t, x, "slow")
		n.SetDelay(0, 0)
		write(t, x, "fast")
		if d := since(func() { wantRead(t, y, "slowfast") }); d != time.Second {
			t.Errorf("took %v, want 1s", d)
		}
		write(t, x, "now")
		if d := since(func() { wantRead(t, y, "now") }); d != 0 {
			t.Errorf("took %v, want 0", d)
		}
	})
}

func TestJitterRepeatsWithTheSeed(t *testing.T) {
	arrivals := func(seed uint64) (at []time.Duration) {
		synctest.Test(t, func(t *testing.T) {
			n := New(seed)
			a, b := n.Host(addr("10.0.0.1")), n.Host(addr("10.0.0.2"))
			n.SetDelay(10*time.Millisecond, 10*time.Millisecond)
			x, y := connect(t, a, b)
			for range 20 {
				at = append(at, since(func() {
					write(t, x, "x")
					wantRead(t, y, "x")
				}))
			}
		})
		return at
	}
	first := arrivals(1)
	if !slices.Equal(first, arrivals(1)) {
		t.Error("the same seed gave other delays")
	}
	if slices.Equal(first, arrivals(2)) {
		t.Error("another seed gave the same delays")
	}
	if lo, hi := slices.Min(first), slices.Max(first); lo < 10*time.Millisecond || hi >= 20*time.Millisecond || lo == hi {
		t.Errorf("delays from %v to %v, want all of 10ms to 20ms", lo, hi)
	}
}

func TestTrickleDeliversChunkByChunk(t *testing.T) {
	bubble(t, func(t *testing.T, n *Network, a, b *Host) {
		x, y := connect(t, a, b)
		n.SetTrickle(3, time.Second)
		write(t, x, "abcd")
		write(t, x, "efgh")
		wantNil(t, x.CloseWrite())
		start := time.Now()
		buf := make([]byte, 100)
		for i, want := range []string{"abc", "def", "gh"} {
			k, err := y.Read(buf)
			if err != nil || string(buf[:k]) != want || time.Since(start) != time.Duration(i)*time.Second {
				t.Fatalf("Read %d = %q, %v after %v, want %q after %ds", i, buf[:k], err, time.Since(start), want, i)
			}
		}
		wantReadError(t, y, io.EOF)
	})
}

func TestTrickleWithoutPeriodCutsReads(t *testing.T) {
	bubble(t, func(t *testing.T, n *Network, a, b *Host) {
		x, y := connect(t, a, b)
		write(t, x, "abc")
		n.SetTrickle(1, 0)
		buf := make([]byte, 100)
		for _, want := range "abc" {
			if k, err := y.Read(buf); k != 1 || rune(buf[0]) != want || err != nil {
				t.Fatalf("Read = %q, %v, want %q", buf[:k], err, want)
			}
		}
	})
}

func TestTrickleCanEndWhileBytesWait(t *testing.T) {
	bubble(t, func(t *testing.T, n *Network, a, b *Host) {
		x, y := connect(t, a, b)
		n.SetTrickle(1, time.Hour)
		write(t, x, "abcdef")
		wantRead(t, y, "a")
		n.SetTrickle(2, time.Minute)
		pass(time.Hour) // the chunk before it has its hour
		if d := since(func() { wantRead(t, y, "bcd") }); d != time.Minute {
			t.Errorf("took %v, want 1m", d)
		}
		n.SetTrickle(0, 0)
		if d := since(func() { wantRead(t, y, "ef") }); d != 0 {
			t.Errorf("took %v, want 0", d)
		}
	})
}

func TestAResetDoesNotWaitForTrickle(t *testing.T) {
	bubble(t, func(t *testing.T, n *Network, a, b *Host) {
		x, y := connect(t, a, b)
		n.SetTrickle(1, time.Hour)
		write(t, x, "abcdef")
		wantNil(t, x.SetLinger(0))
		wantNil(t, x.Close())
		if d := since(func() { wantReadError(t, y, syscall.ECONNRESET) }); d != 0 {
			t.Errorf("took %v, want 0", d)
		}
	})
}

func TestTamperSeesEveryByteOnceInPlace(t *testing.T) {
	bubble(t, func(t *testing.T, n *Network, a, b *Host) {
		type direction struct {
			from, to netip.AddrPort
			stream   uint64
		}
		var mu sync.Mutex
		seen := make(map[direction][]byte)
		n.SetTamper(func(from, to netip.AddrPort, stream uint64, offset int64, p []byte) {
			mu.Lock()
			defer mu.Unlock()
			d := direction{from, to, stream}
			if int64(len(seen[d])) != offset {
				t.Errorf("offset %d of %v, want %d", offset, d, len(seen[d]))
			}
			seen[d] = append(seen[d], p...)
			for i := range p {
				if offset+int64(i) == 2 {
					p[i] ^= 1
				}
			}
		})
		x1, y1 := connect(t, a, b)
		x2, y2 := connect(t, a, b)
		sent := []byte("abcd")
		_, err := x1.Write(sent)
		wantNil(t, err)
		write(t, x2, "efgh")
		write(t, x1, "ij")
		write(t, y1, "kl")
		wantRead(t, y1, "abbdij")
		wantRead(t, y2, "effh")
		wantRead(t, x1, "kl")
		if string(sent) != "abcd" {
			t.Errorf("the writer's own bytes became %q", sent)
		}
		want := map[direction][]byte{
			{x1.addr, y1.addr, 1}: []byte("abcdij"), {x2.addr, y2.addr, 2}: []byte("efgh"), {y1.addr, x1.addr, 1}: []byte("kl"),
		}
		for d, b := range want {
			if !bytes.Equal(seen[d], b) {
				t.Errorf("%v: saw %q, want %q", d, seen[d], b)
			}
		}
		if len(seen) != len(want) {
			t.Errorf("saw %d directions, want %d", len(seen), len(want))
		}
	})
}

func TestTamperMayUseTheNetworkAndTheConnection(t *testing.T) {
	for _, c := range []struct {
		name string
		act  func(n *Network, a, b *Host, x *Conn)
		want error
	}{
		{"Reset", func(n *Network, a, b *Host, _ *Conn) { n.Reset(a, b) }, syscall.ECONNRESET},
		{"Close", func(_ *Network, _, _ *Host, x *Conn) { _ = x.CloseWrite() }, syscall.EPIPE},
		{"Cut", func(n *Network, a, b *Host, _ *Conn) { n.Cut(a, b); n.Stats() }, nil},
		{"Replace", func(n *Network, _, _ *Host, _ *Conn) { n.SetTamper(nil) }, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			bubble(t, func(t *testing.T, n *Network, a, b *Host) {
				x, _ := connect(t, a, b)
				n.SetTamper(func(netip.AddrPort, netip.AddrPort, uint64, int64, []byte) { c.act(n, a, b, x) })
				if _, err := x.Write([]byte("x")); !errors.Is(err, c.want) {
					t.Errorf("Write: %v, want %v", err, c.want)
				}
			})
		})
	}
}

func TestAPanicInTamperLeavesTheConnectionUsable(t *testing.T) {
	bubble(t, func(t *testing.T, n *Network, a, b *Host) {
		x, y := connect(t, a, b)
		n.SetTamper(func(netip.AddrPort, netip.AddrPort, uint64, int64, []byte) { panic("tamper") })
		func() {
			defer func() {
				if recover() == nil {
					t.Error("the panic was lost")
				}
			}()
			_, _ = x.Write([]byte("x"))
		}()
		n.SetTamper(nil)
		write(t, x, "y")
		wantRead(t, y, "y")
	})
}

// TestLossTakesItsShareOfDatagrams, each receiver's for itself and the same ones with the same seed, and none of a stream.
func TestLossTakesItsShareOfDatagrams(t *testing.T) {
	var lists [2][]string
	for i := range lists {
		bubble(t, func(t *testing.T, n *Network, a, b *Host) {
			p, q := socket(t, a, "udp4", ":5000"), socket(t, b, "udp4", ":4040")
			n.SetLoss(0.3)
			for i := range 100 {
				send(t, p, string(rune('a'+i%26)), "10.0.0.2:4040")
			}
			lists[i] = received(t, q)
			if got := len(lists[i]); got < 50 || got > 90 {
				t.Errorf("%d of 100 came", got)
			}
			n.SetLoss(1)
			send(t, p, "lost", "10.0.0.2:4040")
			wantReceived(t, q)
			n.SetLoss(0)
			send(t, p, "not", "10.0.0.2:4040")
			wantReceived(t, q, "not from 10.0.0.1:5000")
		})
	}
	if !slices.Equal(lists[0], lists[1]) {
		t.Errorf("two runs differ: %q, %q", lists[0], lists[1])
	}
}
