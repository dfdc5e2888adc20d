package memnet

import (
	"errors"
	"io"
	"os"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

func TestCutHoldsStreamsUntilHealed(t *testing.T) {
	for _, c := range []struct {
		name      string
		cut, heal func(n *Network, a, b *Host)
	}{
		{"Cut", func(n *Network, a, b *Host) { n.Cut(a, b) }, func(n *Network, a, b *Host) { n.Heal(b, a) }},
		{"HealAll", func(n *Network, a, b *Host) { n.Cut(b, a) }, func(n *Network, _, _ *Host) { n.HealAll() }},
		{"Partition", func(n *Network, a, b *Host) { n.Partition([]*Host{a}, []*Host{b}) }, func(n *Network, _, _ *Host) { n.HealAll() }},
		{"PartitionFromTheRest", func(n *Network, a, _ *Host) { n.Partition([]*Host{a}) }, func(n *Network, _, _ *Host) { n.Partition() }},
		{"PartitionReplaced", func(n *Network, a, _ *Host) { n.Partition([]*Host{a}) },
			func(n *Network, a, b *Host) { n.Partition([]*Host{a, b}) }},
		{"AddressGone", func(_ *Network, a, _ *Host) { a.SetAddrs() }, func(_ *Network, a, _ *Host) { a.SetAddrs(addr("10.0.0.1")) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			bubble(t, func(t *testing.T, n *Network, a, b *Host) {
				x, y := connect(t, a, b)
				write(t, x, "before")
				c.cut(n, a, b)
				write(t, x, "during")
				write(t, y, "back")
				wantNil(t, y.CloseWrite())
				wantRead(t, y, "before")
				wantSilence(t, x)
				wantSilence(t, y)
				c.heal(n, a, b)
				wantRead(t, y, "during")
				wantRead(t, x, "back")
				wantReadError(t, x, io.EOF)
			})
		})
	}
}

func TestHealDoesNotMendAPartition(t *testing.T) {
	bubble(t, func(t *testing.T, n *Network, a, b *Host) {
		x, y := connect(t, a, b)
		n.Partition([]*Host{a}, []*Host{b})
		n.Heal(a, b)
		write(t, x, "x")
		wantSilence(t, y)
	})
}

func TestPartitionKeepsGroupsTogether(t *testing.T) {
	bubble(t, func(t *testing.T, n *Network, a, b *Host) {
		rest, alone := n.Host(addr("10.0.0.3")), n.Host(addr("10.0.0.4"))
		x, y := connect(t, a, b)
		u, v := connect(t, rest, alone)
		n.Partition([]*Host{a, b})
		write(t, x, "1")
		wantRead(t, y, "1")
		write(t, u, "2")
		wantRead(t, v, "2")
		later := n.Host(addr("10.0.0.5"))
		w, z := connect(t, rest, later)
		write(t, w, "3")
		wantRead(t, z, "3")
	})
}

func TestCutOneWayStopsTheOtherDirectionAfterAWindow(t *testing.T) {
	bubble(t, func(t *testing.T, n *Network, a, b *Host) {
		x, y := connect(t, a, b)
		n.CutOneWay(a, b)
		write(t, x, "lost for now")
		wantSilence(t, y)

		// The open direction carries bytes, but nothing acknowledges them.
		all := strings.Repeat("z", windowSize)
		write(t, y, all)
		wantRead(t, x, all)
		wantNil(t, y.SetWriteDeadline(time.Now().Add(time.Hour)))
		wantWriteError(t, y, os.ErrDeadlineExceeded)
		wantNil(t, y.SetWriteDeadline(time.Time{}))

		n.Heal(a, b)
		wantRead(t, y, "lost for now")
		write(t, y, "more")
		wantRead(t, x, "more")
	})
}

func TestWindowStaysBoundedWhileCut(t *testing.T) {
	bubble(t, func(t *testing.T, n *Network, a, b *Host) {
		x, y := connect(t, a, b)
		n.Cut(a, b)
		wantNil(t, x.SetWriteDeadline(time.Now().Add(time.Hour)))
		if k, err := x.Write(make([]byte, 2*windowSize)); k != windowSize || !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Fatalf("Write = %d, %v, want one window", k, err)
		}
		n.HealAll()
		wantRead(t, y, string(make([]byte, windowSize)))
	})
}

func TestLoopbackIsNeverCut(t *testing.T) {
	bubble(t, func(t *testing.T, n *Network, a, _ *Host) {
		n.Cut(a, a)
		l := listen(t, a, "tcp", "127.0.0.1:0")
		x := dialTo(t, a, l.Addr().String())
		write(t, x, "x")
		wantRead(t, accept(t, l), "x")
	})
}

func TestEndsTravelThroughACutAfterBothAreClosed(t *testing.T) {
	bubble(t, func(t *testing.T, n *Network, a, b *Host) {
		x, y := connect(t, a, b)
		n.Cut(a, b)
		write(t, x, "bye")
		wantNil(t, x.Close())
		wantSilence(t, y)
		n.HealAll()
		wantRead(t, y, "bye")
		wantReadError(t, y, io.EOF)
	})
}

func TestResetBreaksEveryConnectionBetweenTwoHosts(t *testing.T) {
	bubble(t, func(t *testing.T, n *Network, a, b *Host) {
		other := n.Host(addr("10.0.0.3"))
		x1, y1 := connect(t, a, b)
		y2, x2 := connect(t, b, a)
		u, v := connect(t, a, other)
		write(t, x1, "unread")
		n.Cut(a, b)
		done := make(chan error)
		go func() {
			_, err := y2.Read(make([]byte, 1))
			done <- err
		}()
		synctest.Wait()
		if got := n.Reset(b, a); got != 2 {
			t.Errorf("Reset = %d, want 2", got)
		}
		if err := <-done; !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("waiting Read: %v, want ECONNRESET", err)
		}
		for _, c := range []*Conn{x1, y1, x2, y2} {
			wantReadError(t, c, syscall.ECONNRESET)
			wantWriteError(t, c, syscall.ECONNRESET)
		}
		write(t, u, "spared")
		wantRead(t, v, "spared")
		for _, c := range []*Conn{x1, y1, x2, y2} {
			wantNil(t, c.Close())
		}
		if got := n.Reset(a, b); got != 0 {
			t.Errorf("Reset of closed connections = %d, want 0", got)
		}
	})
}

func TestResetIsHardEvenAfterTheEndWasRead(t *testing.T) {
	bubble(t, func(t *testing.T, n *Network, a, b *Host) {
		x, y := connect(t, a, b)
		wantNil(t, x.CloseWrite())
		wantReadError(t, y, io.EOF)
		if got := n.Reset(a, b); got != 1 {
			t.Errorf("Reset = %d, want 1", got)
		}
		wantReadError(t, y, syscall.ECONNRESET)
	})
}
