package node

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/seed-f6ddb928/peernet-go/identity"
	"github.com/seed-f6ddb928/peernet-go/internal/serve"
	"github.com/seed-f6ddb928/peernet-go/internal/session"
)

// deferSends is how long a receiver of sends over two sessions waits for the word that one of them is over (wire.md §7.4).
const deferSends = 2 * time.Second

// errNoLink is a peer that is not connected.
var errNoLink = errors.New("not connected")

// A shipment is a call or a send, and all that is known of it. c.mu guards the fields that change.
type shipment struct {
	from *life
	to   identity.PublicKey
	name string
	at   time.Time
	seq  uint64 // of sends, among those of the same life to the same key, from 1

	runs  int   // how often a handler got it
	ended int   // how often the caller was told of its end
	err   error // what it was told
}

// A parcel is what travels.
type parcel struct {
	Number int    // its index in c.shipments
	Pad    []byte // only its size matters
}

// ship enters a shipment, and returns its parcel.
func (l *life) ship(to identity.PublicKey, name string, seq uint64, size int) (*shipment, parcel) {
	c := l.c
	s := &shipment{from: l, to: to, name: name, at: time.Now(), seq: seq}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.shipments = append(c.shipments, s)
	return s, parcel{len(c.shipments) - 1, make([]byte, size)}
}

// end notes what a caller was told.
func (s *shipment) end(c *chaos, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	s.ended++
	s.err = err
	switch {
	case err == nil:
		c.counts[s.name+": done"]++
	case unsent(err):
		c.counts[s.name+": not sent"]++
	default:
		c.counts[s.name+": failed"]++
	}
}

// unsent says whether an error promises that nothing was sent.
func unsent(err error) bool { return err == errNoLink || session.Unsent(err) }

// talks makes calls and sends to connected nodes as long as the life lasts.
func (l *life) talks() {
	defer close(l.talk)
	var calls sync.WaitGroup
	defer calls.Wait()
	r := rand.New(rand.NewPCG(l.c.seed, uint64(l.id)))
	seqs := make(map[identity.PublicKey]uint64)
	for {
		select {
		case <-after(time.Duration(50+r.IntN(7000)) * time.Millisecond):
		case <-l.ctx.Done():
			return
		}
		to := l.c.keys[r.IntN(len(l.c.keys))]
		sends, gap, kind, size, limited := r.IntN(3), time.Duration(0), r.IntN(3), r.IntN(200), r.IntN(2) == 0
		if r.IntN(4) == 0 { // enough for a session to be replaced meanwhile
			sends, gap = 20, time.Duration(1+r.IntN(30))*time.Millisecond
		}
		if r.IntN(20) == 0 {
			size = r.IntN(100_000) // more than there is room for on the way
		}
		if to == l.key || l.directory.Link(to) == nil {
			continue
		}
		for range sends {
			seqs[to]++
			l.sendTo(to, seqs[to])
			if gap > 0 {
				<-after(gap)
			}
		}
		if kind > 0 {
			calls.Go(func() { l.callTo(to, []string{"echo", "slow"}[kind-1], size, limited) })
		}
	}
}

// over does something over the session to use, and over the next one if that is closing, as applications' calls do.
func (l *life) over(ctx context.Context, to identity.PublicKey, do func(*session.Link) error) error {
	link := l.directory.Link(to)
	for {
		if link == nil {
			return errNoLink
		}
		err := do(link)
		if !session.Unsent(err) {
			return err
		}
		next, failed := l.directory.Await(ctx, to, link)
		if failed != nil {
			return err
		}
		link = next
	}
}

// sendTo sends.
func (l *life) sendTo(to identity.PublicKey, seq uint64) {
	s, p := l.ship(to, "send", seq, 0)
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	s.end(l.c, l.over(ctx, to, func(link *session.Link) error { return link.Send(ctx, s.name, p) }))
}

// callTo calls, for at most 3 s if that is limited.
func (l *life) callTo(to identity.PublicKey, name string, size int, limited bool) {
	s, p := l.ship(to, name, 0, size)
	ctx := context.Background()
	if limited {
		var cancel func()
		ctx, cancel = context.WithTimeout(ctx, 3*time.Second)
		defer cancel()
	}
	s.end(l.c, l.over(ctx, to, func(link *session.Link) error {
		raw, err := link.Call(ctx, name, "", p)
		if err != nil {
			return err
		}
		var got int
		if err := raw.Decode(&got); err != nil || got != p.Number {
			l.c.Errorf("seed %d: call %d is answered with %d, %v", l.c.seed, p.Number, got, err)
		}
		return nil
	}))
}

// handle registers the handlers.
func (l *life) handle() {
	for name, pause := range map[string]time.Duration{"send": 0, "echo": 0, "slow": 4 * time.Second} {
		err := l.server.Add(&serve.Registration{Name: name, Handler: func(ctx context.Context, r *serve.Request) (any, error) {
			var p parcel
			if err := r.Args().Decode(&p); err != nil {
				l.c.Errorf("seed %d: what arrives is not what was sent: %v", l.c.seed, err)
				return nil, err
			}
			l.handled(r, p)
			if pause > 0 {
				select {
				case <-after(pause):
				case <-ctx.Done():
					return nil, ctx.Err()
				}
			}
			return p.Number, nil
		}})
		if err != nil {
			l.c.Error(err)
		}
	}
}

// handled checks that a handler may have got what it has got.
func (l *life) handled(r *serve.Request, p parcel) {
	c, from := l.c, r.Session().Conn().Remote()
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.shipments[p.Number]
	if s.runs++; s.runs > 1 {
		c.Errorf("seed %d: %s %d is handled twice", c.seed, s.name, p.Number)
	}
	if s.name != r.Name() || s.to != l.key || s.from.key != from {
		c.Errorf("seed %d: %s %d from %s to %s is handled as %s from %s by %s", c.seed, s.name, p.Number, s.from.name, c.names[s.to], r.Name(), c.names[from], l.name)
	}
	if !l.trusts(from, s.at) {
		c.Errorf("seed %d: %s %d from %s reaches a handler of %s, which did not trust it at any moment of it", c.seed, s.name, p.Number, s.from.name, l.name)
	}
	if r.IsSend() {
		l.ordered(r.Session(), s)
	}
}

// ordered checks that sends of one sender are handled in the order they were made. Over one session they are, always.
// Of two sessions, that may be otherwise (wire.md §7.4): the sends of the one that was sealed first come first, and after
// 2 s all come as they arrive.
func (l *life) ordered(by *serve.Session, s *shipment) {
	c := l.c
	latest := l.sends[s.from]
	if latest == nil {
		latest = make(map[*opened]uint64)
		l.sends[s.from] = latest
	}
	var now *opened
	for _, o := range l.opened {
		if o.Session == by {
			now = o
		}
	}
	for before, seq := range latest {
		if seq <= s.seq {
			continue
		}
		if before == now {
			c.Errorf("seed %d: %s handles send %d of %s after send %d, over the same session", c.seed, l.name, s.seq, s.from.name, seq)
			continue
		}
		held := max(before.at.UnixNano(), now.at.UnixNano()) + int64(deferSends)
		if first := now.seal > 0 && (before.seal == 0 || now.seal < before.seal); first && now.sealedAt.UnixNano() < held {
			c.Errorf("seed %d: %s handles send %d of %s after send %d of a later session", c.seed, l.name, s.seq, s.from.name, seq)
			continue
		}
		c.counts["sends out of order, as allowed"]++
	}
	latest[now] = max(latest[now], s.seq)
}

// deliveries checks that every call and send of a history that is over has ended once, as its caller was told.
func (c *chaos) deliveries() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i, s := range c.shipments {
		isCall, quiet := s.name != "send", !c.quietFrom.IsZero() && s.at.After(c.quietFrom)
		late := errors.As(s.err, new(*session.AbandonedError)) && s.name == "slow"
		what := fmt.Sprintf("seed %d: %s %d from %s to %s at %v", c.seed, s.name, i, s.from.name, c.names[s.to], s.at.Sub(c.began))
		switch {
		case s.ended != 1:
			c.Errorf("%s has ended %d times", what, s.ended)
		case unsent(s.err) && s.runs > 0:
			c.Errorf("%s was handled, and the caller told that it was not sent: %v", what, s.err)
		case s.err == nil && isCall && s.runs == 0:
			c.Errorf("%s was answered, and not handled", what)
		case quiet && !c.cloned.Load() && (s.err != nil && !late || s.runs == 0):
			c.Errorf("%s has failed, when nothing happened: %v, handled %d times", what, s.err, s.runs)
		}
	}
}
