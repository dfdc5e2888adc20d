package session

import (
	"io"
	"math"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-f6ddb928/peernet-go/channel"
	"github.com/seed-f6ddb928/peernet-go/envelope"
	"github.com/seed-f6ddb928/peernet-go/frame"
	"github.com/seed-f6ddb928/peernet-go/handshake"
	"github.com/seed-f6ddb928/peernet-go/internal/test/kit"
)

// A paced node lets in guests at the least pace, and counts what they send to its handlers.
type paced struct {
	*world
	config *Config
	sends  atomic.Int64
	join   sync.WaitGroup
}

func inPacedNode(t *testing.T, f func(p *paced)) {
	newBuffer(smallBuffer).release() // which is larger than what a guest may fill at once
	bubble(t, func(t *testing.T, w *world) {
		p := &paced{world: w, config: w.config(ours, theirs)}
		takesGuests(p.config)
		p.config.GuestPace = PaceOfGuest
		p.config.Serve = func(l *Link) Inbound { return &counter{newStub(l), &p.sends} }
		f(p)
		p.join.Wait()
	})
}

// A counter counts sends, and keeps none.
type counter struct {
	*stub
	sends *atomic.Int64
}

func (c *counter) Send(*envelope.Envelope) { c.sends.Add(1) }

// enter has a guest come.
func (p *paced) enter(seed byte) (*end, *raw) {
	p.Helper()
	e, r := p.connect(p.config, handshake.Responder)
	r.BeginAsGuest(kit.KeyPair(seed))
	r.Handshake()
	r.Write(r.Frames(guestHello, aPing(1)))
	p.join.Go(func() { _, _ = io.Copy(io.Discard, r.Conn) })
	return e, r
}

// sendsOf returns how many sends of an eighth of a KiB, as anEighth returns, count as that number of KiB: each counts as 1 more.
func sendsOf(kib int) int { return kib * 8 / 9 }

// anEighth returns a send whose frame has an eighth of a KiB. So reads are filled by whole frames.
func anEighth() []byte {
	const args = 64
	overhead := len(aSend("nothing", make([]byte, args))) - args + channel.Overhead + frame.HeaderSize
	return aSend("nothing", make([]byte, 1<<7-overhead))
}

// wantPace fails if more sends were handled since began than one pace allows, or fewer: by more than what waits.
func (p *paced) wantPace(began time.Time, sessions, waiting int) {
	p.Helper()
	synctest.Wait()
	kib := int(PaceOfGuest >> 10 * (int64(time.Second+time.Since(began)) + 1) / int64(time.Second))
	got, most := int(p.sends.Load()), sendsOf(kib+sessions) // a part of a KiB of each session has not counted yet
	if got > most || got < most-waiting {
		p.Errorf("after %v %d sends were handled, want at most %d, and %d fewer at least", time.Since(began), got, most, waiting)
	}
}

// TestAllGuestsShareOnePace, however many sessions they have.
func TestAllGuestsShareOnePace(t *testing.T) {
	inPacedNode(t, func(p *paced) {
		const sessions = 8
		began, send := time.Now(), anEighth()
		var guests []*raw
		for i := range sessions {
			_, r := p.enter(byte(0x40 + i))
			guests = append(guests, r)
			p.join.Go(func() {
				for {
					if _, err := r.Conn.Write(r.Frames(send)); err != nil {
						return
					}
				}
			})
		}
		for range 20 {
			time.Sleep(250 * time.Millisecond)
			p.wantPace(began, sessions, sessions*(8+guestRead>>7)) // first words, and a read of each session
		}
		for _, r := range guests {
			r.hangUp()
		}
		time.Sleep(time.Minute)
	})
}

// TestGuestThatComesAgainFindsThePaceAsItWas: a new session has a burst of its own, but none of that of all guests.
func TestGuestThatComesAgainFindsThePaceAsItWas(t *testing.T) {
	inPacedNode(t, func(p *paced) {
		began := time.Now()
		var burst []byte
		for range 6 {
			e, r := p.enter(0x40)
			for range sendsOf(PaceOfGuest >> 10) {
				burst = append(burst, r.Frames(anEighth())...)
			}
			r.Write(burst)
			burst = burst[:0]
			r.hangUp()
			for !slices.ContainsFunc(e.heard(), func(m any) bool { _, ok := m.(Ended); return ok }) {
				time.Sleep(time.Millisecond)
				p.wantPace(began, 1, math.MaxInt)
			}
		}
		if took := time.Since(began); took < 5*time.Second || took > 5100*time.Millisecond {
			t.Errorf("six bursts took %v, and all of them are a pace of six seconds", took)
		}
	})
}

// A countedConn counts reads.
type countedConn struct {
	net.Conn
	reads atomic.Int64
}

func (c *countedConn) Read(b []byte) (int, error) {
	c.reads.Add(1)
	return c.Conn.Read(b)
}

// TestReadsThatCompleteNoFrameCount: bytes that come one by one cost a read each.
func TestReadsThatCompleteNoFrameCount(t *testing.T) {
	inPacedNode(t, func(p *paced) {
		near, far := p.pipe()
		p.conns = append(p.conns, near)
		conn := &countedConn{Conn: far}
		p.spawn(p.config, conn, handshake.Responder, false)
		r := p.raw(near, handshake.Initiator, p.config.Static.PublicKey())
		r.BeginAsGuest(kit.KeyPair(0x40))
		r.Handshake()
		began := time.Now()
		r.Write(r.Frames(guestHello, aPing(1)))
		for _, one := range r.Frames(aSend("nothing", make([]byte, 10_000))) {
			r.Write([]byte{one})
			time.Sleep(200 * time.Microsecond)
		}
		most := PaceOfGuest>>10*int64(time.Second+time.Since(began))/int64(time.Second) + 10 // of the handshake, and that waits
		if n := conn.reads.Load(); n > most {
			t.Errorf("%d reads in %v, want at most %d", n, time.Since(began), most)
		}
		r.hangUp()
	})
}
