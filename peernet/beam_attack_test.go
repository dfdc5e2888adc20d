package peernet_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-f6ddb928/peernet-go/frame"
	"github.com/seed-f6ddb928/peernet-go/handshake"
	"github.com/seed-f6ddb928/peernet-go/identity"
	"github.com/seed-f6ddb928/peernet-go/internal/test/kit"
	"github.com/seed-f6ddb928/peernet-go/internal/test/memnet"
	"github.com/seed-f6ddb928/peernet-go/peernet"
)

// A trap accepts connections, keeps the length of the first frame of each, and closes it cleanly once it has read that.
type trap struct {
	listener net.Listener
	join     sync.WaitGroup
	mu       sync.Mutex // guards the rest
	sizes    []int
	reset    bool // in place of a clean close
}

func (w *beamWorld) trap(addr string) *trap {
	w.Helper()
	l, err := w.far.Listen(w.Context(), "tcp", addr)
	if err != nil {
		w.Fatal(err)
	}
	p := &trap{listener: l}
	p.join.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			b := make([]byte, frame.HeaderSize+64)
			if _, err := io.ReadFull(conn, b[:frame.HeaderSize]); err == nil {
				size, _ := frame.Length(b, frame.DefaultLimit)
				_, _ = io.ReadFull(conn, b[:size])
				p.mu.Lock()
				p.sizes = append(p.sizes, size)
				if p.reset {
					_ = conn.(interface{ SetLinger(int) error }).SetLinger(0)
				}
				p.mu.Unlock()
			}
			_ = conn.Close()
		}
	})
	return p
}

// close ends the trap and returns what it has caught.
func (p *trap) close() []int {
	_ = p.listener.Close()
	p.join.Wait()
	return p.sizes
}

// native starts a native node with bob's key in his place.
func (w *beamWorld) native() *peernet.Node {
	w.Helper()
	return w.nativeAt(farKeys, w.far, farAddr)
}

// nativeAt starts a native node on a host. It trusts alice.
func (w *beamWorld) nativeAt(keys identity.KeyPair, host *memnet.Host, addr netip.AddrPort) *peernet.Node {
	w.Helper()
	n, err := peernet.New(peernet.Config{Identity: keys, Listen: addr.String(),
		Network: peernet.Network{Listen: host.Listen, Dial: host.Dial, ListenPacket: host.ListenPacket, Interfaces: w.interfaces}})
	if err != nil {
		w.Fatal(err)
	}
	if err := n.Pair(w.alice.PublicKey(), "alice"); err != nil {
		w.Fatal(err)
	}
	if err := n.Start(w.Context()); err != nil {
		w.Fatal(err)
	}
	return n
}

// TestWhoeverClosesCleanlyCannotDowngradeAPeer is what a node tells one in the middle that closes its native handshakes as a BEAM node
// does. A key that has ever spoken natively is never dialled in another dialect, also after a restart. A peer of which
// nothing is known is dialled in BEAM once after each native dial.
func TestWhoeverClosesCleanlyCannotDowngradeAPeer(t *testing.T) {
	for _, c := range []struct {
		name    string
		config  peernet.Config
		line    string // options of bob in the peers file
		isKnown bool   // to have spoken natively
		reset   bool   // the trap does not close cleanly

		wantFirst []int
	}{
		{name: "unknown", wantFirst: []int{32, 38}},
		{name: "unknown, and the connection is reset", reset: true, wantFirst: []int{32}},
		{name: "known to be native", isKnown: true, wantFirst: []int{32}},
		{name: "fixed to be native", line: " dialect=native", wantFirst: []int{32}},
		{name: "fixed to be BEAM", line: " dialect=beam", wantFirst: []int{38}},
		{name: "the node is native", config: peernet.Config{Dialects: []peernet.Dialect{peernet.DialectNative}}, wantFirst: []int{32}},
		{name: "the node is BEAM", config: peernet.Config{Dialects: []peernet.Dialect{peernet.DialectBEAM}}, wantFirst: []int{38}},
		{name: "in a namespace", config: peernet.Config{Namespace: "n"}, wantFirst: []int{32}},
		{name: "in private mode", config: peernet.Config{Private: true}, wantFirst: []int{48}},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.config.DataDir = t.TempDir()
			writePeers(t, c.config.DataDir, bobKey.String()+c.line+" bob\n")
			inBEAMWorld(t, c.config, func(w *beamWorld) {
				w.bob.Stop()
				if c.isKnown {
					n := w.native()
					w.connect()
					if err := n.Shutdown(w.Context()); err != nil {
						w.Fatal(err)
					}
				}
				for range 2 {
					p := w.trap(farAddr.String())
					p.reset = c.reset
					ctx, cancel := context.WithTimeout(w.Context(), time.Hour)
					err := w.alice.Connect(ctx, bobKey, farAddr.String())
					if !errors.Is(err, peernet.ErrUnreachable) {
						w.Errorf("alice connects to a trap: %v", err)
					}
					time.Sleep(10 * time.Minute)
					cancel()
					sizes := p.close()
					if len(sizes) < 15 || !slices.Equal(sizes[:len(c.wantFirst)], c.wantFirst) {
						w.Errorf("the first frames had %v bytes, want %v and so on", sizes[:min(len(sizes), 9)], c.wantFirst)
					}
					for i, size := range sizes {
						if want := c.wantFirst[i%len(c.wantFirst)]; size != want && len(c.wantFirst) == 1 {
							w.Fatalf("the first frames had %v bytes, want %v", sizes[:i+1], c.wantFirst)
						}
					}
					w.stop()
					w.start()
				}
			})
		})
	}
}

// TestAForgedDialectGetsNothing: somebody who has the key of a peer that speaks natively and begins in BEAM gets message 2, as
// anybody does, and not a byte after message 3; and nobody is told that a key is not trusted.
func TestAForgedDialectGetsNothing(t *testing.T) {
	for _, c := range []struct {
		name     string
		config   peernet.Config
		line     string
		isKnown  bool
		isServed bool
		isClosed bool // before message 2
	}{
		{name: "unknown", isServed: true},
		{name: "fixed to be BEAM", line: " dialect=beam", isServed: true},
		{name: "known to be native", isKnown: true},
		{name: "known to be native, fixed to be BEAM", isKnown: true, line: " dialect=beam", isServed: true},
		{name: "fixed to be native", line: " dialect=native"},
		{name: "the node is native", config: peernet.Config{Dialects: []peernet.Dialect{peernet.DialectNative}}, isClosed: true},
		{name: "in a namespace", config: peernet.Config{Namespace: "n"}, isClosed: true},
		{name: "in private mode", config: peernet.Config{Private: true}, isClosed: true},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.config.DataDir = t.TempDir()
			writePeers(t, c.config.DataDir, bobKey.String()+c.line+" bob\n")
			inBEAMWorld(t, c.config, func(w *beamWorld) {
				w.bob.Stop()
				if c.isKnown {
					n := w.native()
					if err := n.Connect(w.Context(), w.alice.PublicKey(), w.config.Listen); err != nil {
						w.Fatal(err)
					}
					if err := n.Shutdown(w.Context()); err != nil {
						w.Fatal(err)
					}
				}
				conn, err := w.far.Dial(w.Context(), "tcp", w.config.Listen)
				if err != nil {
					w.Fatal(err)
				}
				defer conn.Close()
				hs, err := handshake.New(handshake.Config{Dialect: handshake.BEAM, Static: farKeys, Expect: w.alice.PublicKey(),
					Trusted: func(identity.PublicKey) bool { return true }})
				if err != nil {
					w.Fatal(err)
				}
				got := 0
				for !hs.Done() {
					write, size := hs.Next()
					if write {
						b, _ := hs.Write(frame.AppendHeader(nil, size))
						_, err = conn.Write(b)
					} else {
						b := make([]byte, size)
						if err = frame.ReadExact(conn, b); err == nil {
							err = hs.Read(b)
						}
					}
					if err != nil {
						break
					}
				}
				if (err != nil) != c.isClosed {
					w.Fatalf("the handshake: %v", err)
				}
				if err == nil {
					_ = conn.SetReadDeadline(time.Now().Add(time.Second))
					got, _ = io.ReadFull(conn, make([]byte, 64))
				}
				if (got > 0) != c.isServed {
					w.Errorf("%d bytes came after the handshake", got)
				}
				synctest.Wait()
				w.mu.Lock()
				defer w.mu.Unlock()
				for _, e := range w.events {
					if _, ok := e.(peernet.Refused); ok {
						w.Errorf("alice tells: %v", e)
					}
				}
			})
		})
	}
}

// TestABEAMNodeSeesTwoConnectionsEndInTenSeconds, and no more, whatever happens: the node does not let alice in or crashes at
// each session; alice is told to connect again and again; new addresses of the node are heard; her machine's addresses
// change; she is restarted.
func TestABEAMNodeSeesTwoConnectionsEndInTenSeconds(t *testing.T) {
	for _, c := range []struct {
		name  string
		line  string
		crash bool // bob lets alice in, and closes all connections soon afterwards
		dials bool // bob dials as well
	}{
		{"fixed, not let in", " dialect=beam", false, false},
		{"fixed, closed soon", " dialect=beam", true, false},
		{"found out, not let in", "", false, false},
		{"found out, closed soon", "", true, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			writePeers(t, dir, bobKey.String()+c.line+" bob\n")
			inBEAMWorld(t, peernet.Config{DataDir: dir}, func(w *beamWorld) {
				w.bob.Trusted = func(identity.PublicKey) bool { return c.crash }
				second, err := w.far.Listen(w.Context(), "tcp", "10.0.0.3:4041")
				if err != nil {
					w.Fatal(err)
				}
				other := kit.NewBEAMNode(w, farKeys) // the same node, at another of its addresses
				other.Trusted = w.bob.Trusted
				other.Listen(second)
				defer other.Stop()
				end := time.Now().Add(2 * time.Minute)
				for i := 0; time.Now().Before(end); i++ {
					ctx, cancel := context.WithTimeout(w.Context(), 300*time.Millisecond)
					_ = w.alice.Connect(ctx, bobKey, farAddr.String())
					cancel()
					w.found.Found(bobKey, netip.MustParseAddrPort("10.0.0.3:4041"))
					switch i % 40 {
					case 7:
						w.near.SetAddrs(nearAddr, netip.MustParseAddr("10.0.0.9"))
					case 14:
						w.near.SetAddrs(nearAddr)
					case 21:
						w.found.Lost(bobKey, netip.MustParseAddrPort("10.0.0.3:4041"))
					case 28:
						w.stop()
						w.start()
					}
					if c.crash && i%3 == 0 {
						w.bob.CloseAll()
						other.CloseAll()
					}
					time.Sleep(50 * time.Millisecond)
				}
				ends := append(w.bob.Ends(), other.Ends()...)
				slices.SortFunc(ends, time.Time.Compare)
				for i := 2; i < len(ends); i++ {
					if ends[i].Sub(ends[i-2]) < 10*time.Second {
						w.Errorf("within %v: %v", ends[i].Sub(ends[i-2]), ends[i-2:i+1])
						break
					}
				}
				if len(ends) < 10 {
					w.Errorf("bob saw %d connections in two minutes: alice has given up", len(ends))
				}
			})
		})
	}
}
