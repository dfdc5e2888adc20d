package listener

import (
	"errors"
	"fmt"
	"io"
	"net/netip"
	"testing"
	"time"

	"github.com/seed-f6ddb928/peernet-go/envelope"
	"github.com/seed-f6ddb928/peernet-go/internal/session"
	"github.com/seed-f6ddb928/peernet-go/internal/test/kit"
	"github.com/seed-f6ddb928/peernet-go/internal/test/memnet"
)

func sourceOf(n int) netip.Prefix { return netip.MustParsePrefix(fmt.Sprintf("10.0.0.%d/32", n)) }

// TestPlacesOfGuestsAreShared: of one source as many as it may have, and when all are taken a source with few takes from one with
// many, at most once a second.
func TestPlacesOfGuestsAreShared(t *testing.T) {
	g, now := newGuests(6, 4), time.Unix(1000, 0)
	add := func(id string, source int, wantOK bool, wantEvicted string) {
		t.Helper()
		if ok, evicted := g.add(id, sourceOf(source), now); ok != wantOK || evicted != wantEvicted {
			t.Errorf("%s of %d: %v, evicts %q; want %v, %q", id, source, ok, evicted, wantOK, wantEvicted)
		}
	}
	for i := range 4 {
		add(fmt.Sprint("a", i), 1, true, "")
	}
	add("a4", 1, false, "")
	add("b0", 2, true, "")
	add("b1", 2, true, "")
	add("a4", 1, false, "")
	add("c0", 3, true, "a0")
	add("c1", 3, false, "") // too soon
	now = now.Add(replaceGuestIn)
	add("c1", 3, true, "a1")
	now = now.Add(replaceGuestIn)
	add("c2", 3, false, "") // all have two
	g.remove("b0")
	g.remove("b0")
	add("d0", 4, true, "")
	for id := range g.sourceOf {
		g.remove(id)
	}
	if len(g.sourceOf) != 0 || len(g.bySource) != 0 {
		t.Errorf("left over: %+v", g)
	}
}

// enterAsGuest does the part of a guest in a handshake on a new connection from that host.
func (d *door) enterAsGuest(from *memnet.Host, seed byte) *kit.RawPeer {
	d.Helper()
	p := kit.NewRawPeer(d, d.dial(from), 0, kit.KeyPair(seed), d.keys.PublicKey())
	p.BeginAsGuest(kit.KeyPair(seed))
	return p.Handshake()
}

// TestGuestsBeyondTheLimitAreTold: `busy`, and their places among the strangers are free once they are gone; so are the places of
// guests.
func TestGuestsBeyondTheLimitAreTold(t *testing.T) {
	inBubble(t, nil, func(d *door) {
		d.takesGuests = true
		from := d.host("10.0.0.2")
		var in []*kit.RawPeer
		for i := range maxGuestsPerSource {
			in = append(in, d.enterAsGuest(from, byte(2+i)))
		}
		first := d.take()
		if len(first) != maxGuestsPerSource {
			t.Fatalf("told %+v", first)
		}
		for _, m := range first {
			if p, ok := m.(session.Proved); !ok || !p.Link.IsGuest() {
				t.Errorf("told %+v, want a guest", m)
			}
		}
		late := d.enterAsGuest(from, 40)
		plain, err := late.Next()
		if want := envelope.AppendBye(nil, envelope.Bye{Code: envelope.ReasonBusy, RetryAfter: retryGuest}); err != nil || string(plain) != string(want) {
			t.Errorf("heard %q, %v, want %q", plain, err, want)
		}
		if err := ended(t, late.Conn); !errors.Is(err, io.EOF) {
			t.Errorf("after the bye: %v", err)
		}
		_ = late.Conn.Close()
		time.Sleep(time.Second)
		if told := d.take(); len(told) != 0 || d.counters.Strangers.Load() != 0 {
			t.Errorf("told %+v; %d strangers", told, d.counters.Strangers.Load())
		}
		first[0].(session.Proved).Link.Close(session.Close{Reason: envelope.ReasonShutdown})
		_ = in[0].Conn.Close()
		time.Sleep(2 * time.Second)
		d.enterAsGuest(from, 41)
		if told := d.take(); len(told) != 1 {
			t.Errorf("told %+v, want a guest in the place that is free", told)
		}
	})
}

// TestFloodOfGuestsWithoutAPlaceIsBounded: one that does not read its bye makes room as a stranger.
func TestFloodOfGuestsWithoutAPlaceIsBounded(t *testing.T) {
	inBubble(t, nil, func(d *door) {
		d.takesGuests = true
		from := d.host("10.0.0.2")
		for i := range maxGuestsPerSource + 3*maxPerSource {
			d.enterAsGuest(from, byte(2+i))
		}
		if n := d.net.Stats().Conns; n > 2*(maxGuestsPerSource+3*maxPerSource) {
			t.Errorf("%d ends of connections are open", n)
		}
		if n := d.counters.Strangers.Load(); n > maxPerSource {
			t.Errorf("%d guests wait as strangers", n)
		}
	})
}

// TestGuestThatIsGoneBeforeItIsLetInGetsNoPlace: Terminated of its session overtakes its Proved, and nothing follows that would free
// the place.
func TestGuestThatIsGoneBeforeItIsLetInGetsNoPlace(t *testing.T) {
	inBubble(t, nil, func(d *door) {
		d.takesGuests = true
		from, other := d.host("10.0.0.2"), d.host("10.0.0.3")
		for i := range maxGuestsPerSource {
			p := kit.NewRawPeer(d, d.dial(from), 0, kit.KeyPair(byte(2+i)), d.keys.PublicKey())
			p.BeginAsGuest(kit.KeyPair(byte(2 + i)))
			p.Step()
			p.Step()
			release := d.occupy()
			blocker := d.enterAsGuest(other, byte(100+i)) // its Proved occupies the listener
			time.Sleep(time.Millisecond)
			p.Step()
			_ = p.Conn.Close()
			time.Sleep(11 * time.Second) // its session ends at HandshakeTimeout
			release()
			_ = blocker.Conn.Close()
			for _, m := range d.take() {
				if p, ok := m.(session.Proved); ok {
					p.Link.Close(session.Close{Reason: envelope.ReasonShutdown})
				}
			}
			time.Sleep(15 * time.Second)
		}
		d.enterAsGuest(from, 60)
		if told := d.take(); len(told) != 1 {
			t.Errorf("told %v, want the one guest that is there", told)
		}
	})
}
