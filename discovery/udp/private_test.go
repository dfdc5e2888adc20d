package udp

import (
	"bytes"
	"net"
	"net/netip"
	"strconv"
	"testing"
	"time"

	"github.com/seed-f6ddb928/peernet-go/discovery"
	"github.com/seed-f6ddb928/peernet-go/discovery/internal/lan"
	"github.com/seed-f6ddb928/peernet-go/identity"
	"github.com/seed-f6ddb928/peernet-go/internal/limiter"
	"github.com/seed-f6ddb928/peernet-go/internal/test/memnet"
	"github.com/seed-f6ddb928/peernet-go/private"
)

// A secretive is a node in private mode.
type secretive struct {
	*node
	ring *private.Keyring
}

// secretive prepares one. It is paired with nobody.
func (w *world) secretive(n int, h *memnet.Host) *secretive {
	w.t.Helper()
	keys, err := identity.NewKeyPair(bytes.Repeat([]byte{byte(n)}, 32))
	wantNil(w.t, err)
	s := &secretive{w.node(n, h), private.New(private.Config{Static: keys, Trusted: func(identity.PublicKey) bool { return true }})}
	s.key = keys.PublicKey()
	s.self.Key, s.self.Private = s.key, s.ring
	return s
}

func (s *secretive) pair(others ...*secretive) {
	s.w.t.Helper()
	for _, o := range others {
		wantNil(s.w.t, s.ring.Add(o.key))
		wantNil(s.w.t, o.ring.Add(s.key))
	}
}

// A tap keeps every datagram that comes in on the port of announces.
type tap struct {
	net.PacketConn
	got [][]byte // until it is closed, its reader's
	end chan struct{}
}

func (w *world) tap(h *memnet.Host, network string) *tap {
	w.t.Helper()
	conn, err := h.ListenPacket(w.t.Context(), network, ":4040")
	wantNil(w.t, err)
	p := &tap{PacketConn: conn, end: make(chan struct{})}
	go func() {
		defer close(p.end)
		for {
			b := make([]byte, 2048)
			n, _, err := conn.ReadFrom(b)
			if err != nil {
				return
			}
			p.got = append(p.got, b[:n])
		}
	}()
	w.t.Cleanup(func() { p.all() })
	return p
}

// all closes the tap and returns what it has got.
func (p *tap) all() [][]byte {
	_ = p.Close()
	<-p.end
	return p.got
}

// packets returns the private announces among what the tap has got, and fails for anything else.
func (p *tap) packets(t *testing.T) (list []private.Packet) {
	t.Helper()
	for _, d := range p.all() {
		packet, err := private.ParsePacket(d)
		if err != nil {
			t.Errorf("%x is sent in private mode", d)
			continue
		}
		list = append(list, packet)
	}
	return list
}

// forged returns a datagram that looks like a private announce, another for each number.
func forged(n int) []byte {
	d := make([]byte, private.PacketSize)
	copy(d, []byte{'P', 'N', 'E', 'P', 1, byte(n), byte(n >> 8), byte(n >> 16), 1})
	return d
}

func TestOnlyPairedNodesFindEachOtherInPrivateMode(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		var nodes []*secretive
		for i := range 5 {
			n := w.secretive(i+1, w.Host(addr("10.0.0."+strconv.Itoa(i+1)), addr("fe80::"+strconv.Itoa(i+1))))
			nodes = append(nodes, n)
		}
		a, b, c, alone := nodes[0], nodes[1], nodes[2], nodes[3]
		a.pair(b, c)
		plain := w.node(6, w.Host(addr("10.0.0.6"), addr("fe80::6")))
		plain.start()
		for _, n := range nodes {
			n.start()
		}
		pass(time.Second)
		for _, p := range [][2]*secretive{{a, b}, {b, a}, {a, c}, {c, a}} {
			if at, ok := p[0].foundAt(p[1].key); !ok || at.Sub(p[1].started) > time.Second {
				t.Errorf("found after %v, %t", at.Sub(p[1].started), ok)
			}
		}
		a.wantAt(b.key, "10.0.0.2:7002 on eth0", "[fe80::2%eth1]:7002 on eth1")
		for _, s := range append(b.sightings(), c.sightings()...) {
			if s.Key != a.key || s.TTL != 15*time.Second {
				t.Errorf("found %+v", s)
			}
		}
		for _, n := range []*node{alone.node, nodes[4].node, plain} {
			if seen := n.sightings(); len(seen) != 0 {
				t.Errorf("a node that is paired with nobody finds %v", seen)
			}
		}
		if s := alone.provider.Stats(); s.Sent != 0 || s.Unknown == 0 || s.Junk == 0 {
			t.Errorf("%+v", s)
		}
		if s := plain.provider.Stats(); s.Junk == 0 || s.Heard != 0 {
			t.Errorf("%+v", s)
		}
		if s := a.provider.Stats(); s.Own == 0 || s.Excess != 0 || s.OtherErrors != 0 {
			t.Errorf("%+v", s)
		}
	})
}

// TestNothingIsSentTwiceInPrivateMode taps two LANs, over both families, for an hour.
func TestNothingIsSentTwiceInPrivateMode(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		near, far := w.Host(addr("10.0.0.9")), w.Host(addr("10.0.1.9"))
		taps := []*tap{w.tap(near, "udp4"), w.tap(far, "udp4")}
		a, b := w.secretive(1, w.Host(addr("10.0.0.1"), addr("10.0.1.1"))), w.secretive(2, w.Host(addr("10.0.0.2")))
		a.pair(b)
		a.start()
		pass(time.Hour)
		seen := make(map[string]bool)
		for _, p := range taps {
			packets := p.packets(t)
			if len(packets) < 700 {
				t.Errorf("%d announces in an hour", len(packets))
			}
			for _, packet := range packets {
				nonce := packet.Nonce()
				fields := []string{string(nonce[:])}
				for i := range private.EntriesPerPacket {
					fields = append(fields, string(packet.Entry(i)[:private.TagSize]))
				}
				for _, f := range fields {
					if seen[f] {
						t.Fatalf("%x is sent twice", f)
					}
					seen[f] = true
				}
			}
		}
	})
}

func TestWhoIsPairedLaterIsFoundLater(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		a, b := w.secretive(1, w.Host(addr("10.0.0.1"))), w.secretive(2, w.Host(addr("10.0.0.2")))
		a.start()
		b.start()
		pass(time.Minute)
		if s := a.provider.Stats(); s.Sent != 0 {
			t.Errorf("paired with nobody: %+v", s)
		}
		a.pair(b)
		pass(5 * time.Second)
		a.wantAt(b.key, "10.0.0.2:7002 on eth0")
		b.wantAt(a.key, "10.0.0.1:7001 on eth0")
		a.ring.Remove(b.key)
		b.ring.Remove(a.key)
		pass(time.Second)
		a.sightings()
		sent := a.provider.Stats().Sent
		pass(time.Minute)
		if seen, now := a.sightings(), a.provider.Stats().Sent; len(seen) != 0 || now != sent {
			t.Errorf("no longer paired: %v, %d announces", seen, now-sent)
		}
	})
}

func TestWhoOnlyListensInPrivateModeSaysNothing(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		a, b := w.secretive(1, w.Host(addr("10.0.0.1"))), w.secretive(2, w.Host(addr("10.0.0.2")))
		a.pair(b)
		a.self.ListenOnly = true
		a.start()
		b.start()
		pass(time.Minute)
		a.wantAt(b.key, "10.0.0.2:7002 on eth0")
		if s := a.provider.Stats(); s.Sent != 0 {
			t.Errorf("%+v", s)
		}
	})
}

// TestStrangersAreAnsweredAsPeersAre holds wire.md §8.3: an answer must not tell who is paired.
func TestStrangersAreAnsweredAsPeersAre(t *testing.T) {
	for _, stranger := range []bool{false, true} {
		bubble(t, func(t *testing.T, w *world) {
			tapped := w.tap(w.Host(addr("10.0.0.8")), "udp4")
			e := w.ear(w.Host(addr("10.0.0.9")), "udp4")
			a, b := w.secretive(1, w.Host(addr("10.0.0.1"))), w.secretive(2, w.Host(addr("10.0.0.2")))
			a.pair(b)
			a.start()
			pass(2 * time.Second)
			datagram := forged(1)
			if !stranger {
				list, err := b.ring.Announce(7)
				wantNil(t, err)
				datagram = list[0]
			}
			before := a.provider.Stats().Sent
			for range 3 { // from one address: heard for the first time once
				e.says("10.0.0.255:4040", datagram)
				pass(10 * ms)
			}
			if got := a.provider.Stats().Sent - before; got != 1 {
				t.Errorf("stranger %t: %d answers", stranger, got)
			}
			tapped.all()
		})
	}
}

// TestAFloodOfPrivateAnnouncesIsDroppedUnseen floods from one address and from many; a peer at another address is heard
// through the first of these.
func TestAFloodOfPrivateAnnouncesIsDroppedUnseen(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		e := w.ear(w.Host(addr("10.0.0.9")), "udp4")
		a, b := w.secretive(1, w.Host(addr("10.0.0.1"))), w.secretive(2, w.Host(addr("10.0.0.2")))
		a.pair(b)
		a.start()
		sent := 0
		flood := func(d time.Duration) {
			for range d / (10 * ms) {
				for range 20 {
					sent++
					e.says("10.0.0.1:4040", forged(sent))
				}
				pass(10 * ms)
			}
		}
		flood(2 * time.Second)
		b.start()
		flood(3 * time.Second)
		a.wantAt(b.key, "10.0.0.2:7002 on eth0")
		if s := a.provider.Stats(); s.Unknown > uint64(perSender.Burst)+5*senderRate+10 || s.Unknown+s.Excess < uint64(sent)-100 {
			t.Errorf("of %d: %+v", sent, s)
		}
		if got := a.provider.Stats().Sent; got > 12 {
			t.Errorf("%d announces in 5 s", got)
		}
	})
}

// TestWhatAPrivateAnnounceAllocatesIsBounded looks at what a stranger can have a node do in memory.
func TestWhatAPrivateAnnounceAllocatesIsBounded(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		a := w.secretive(1, w.Host(addr("10.0.0.1")))
		for i := range 40 {
			a.pair(w.secretive(i+2, a.host))
		}
		p := New(Options{})
		s, err := p.listen(t.Context(), a.self, "udp4")
		wantNil(t, err)
		defer s.Close()
		a.self.ListenOnly = true
		r := newRun(p, a.self, func(discovery.Sighting) { t.Error("reported") }, s)
		r.look()
		from := lan.Origin{Src: netip.MustParseAddrPort("10.0.0.2:4040")}
		for name, c := range map[string]struct {
			datagram []byte
			most     float64
		}{
			"empty": {nil, 0}, "cut": {forged(1)[:180], 0}, "an announce": {Announce{Port: 1, Key: key(1)}.Append(nil), 0},
			"version": {append([]byte("PNEP\x02"), forged(1)[5:]...), 0}, "of a stranger": {forged(1), 6}, "one too many": {forged(1), 0},
		} {
			if name == "one too many" {
				for r.covert.all.Take(time.Now(), limiter.RateForKeys(1)) {
				}
			}
			allocs := testing.AllocsPerRun(50, func() { r.hear(c.datagram, from) })
			if allocs > c.most {
				t.Errorf("%s: %v allocations for each, at most %v are good", name, allocs, c.most)
			}
			r.covert = newCovert()
			r.covert.senders.Of(time.Now(), from.Src.Addr())
		}
	})
}
