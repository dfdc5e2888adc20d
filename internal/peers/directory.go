package peers

import (
	"context"
	"net/netip"
	"sync"
	"time"

	"github.com/seed-f6ddb928/peernet-go/identity"
	"github.com/seed-f6ddb928/peernet-go/internal/session"
)

// A State is what a peer's link is doing.
type State string

// States of a peer.
const (
	Unknown    State = "unknown"     // no source says where the peer is
	Found      State = "found"       // a source says where it is, and it is not being dialled
	Dialling   State = "dialling"    // an address is being dialled, or a handshake runs
	Connected  State = "connected"   // a session is up
	BackingOff State = "backing off" // waiting before the next dial
)

// An Address is one place where a peer may be.
type Address struct {
	Addr       netip.AddrPort // invalid: Name is to be looked up
	Name       string         // "host:port" as the owner has written it, if Addr comes from a name; else empty
	Source     string
	LastSeen   time.Time
	LastResult string // of the last dial; empty: not dialled
}

// Info is what a peer looks like at one moment.
type Info struct {
	State     State
	Since     time.Time
	Reason    string // why it is in this state
	Addresses []Address
	History   []Step    // oldest first; not to be changed
	Next      time.Time // when it is dialled again by itself; zero: not by itself
	Asleep    bool      // not dialled by itself until it is needed, since it was idle
	Err       error     // why the last round of dialling failed; nil once connected
}

// A Directory is what the rest of the node reads of its peers without asking an actor. The peer actors write
// it. It is safe for concurrent use.
type Directory struct {
	links sync.Map // of each key that has one. Calls read it: a lock that all of them take would cost more

	mu      sync.RWMutex // guards the rest, and every holder; held to write links
	holders map[identity.PublicKey]*holder
	closed  bool
}

type holder struct {
	owner   *peer // the actor that may write; an older actor's writes are ignored; nil: made by Await
	info    Info
	changed chan struct{} // closed when the key's link changes, or the holder is another's
	waiting int           // how many wait for that
}

// NewDirectory returns one without peers.
func NewDirectory() *Directory { return &Directory{holders: make(map[identity.PublicKey]*holder)} }

// Link returns the session to use for key; nil: not connected.
func (d *Directory) Link(key identity.PublicKey) *session.Link {
	link, _ := d.links.Load(key)
	l, _ := link.(*session.Link)
	return l
}

// Info returns what is known of a trusted peer, and its session if it has one.
func (d *Directory) Info(key identity.PublicKey) (Info, *session.Link) {
	d.mu.RLock()
	defer d.mu.RUnlock()
	if s := d.holders[key]; s != nil && s.owner != nil {
		return s.info, d.Link(key)
	}
	return Info{State: Unknown}, nil
}

// Await returns the session to a trusted peer once it differs from old. It returns nil if old was the last one, and if the
// peer is not trusted any more. If old is nil, it waits for the first one, even if the peer is not trusted yet. The error is the context's, or ErrStopping.
func (d *Directory) Await(ctx context.Context, key identity.PublicKey, old *session.Link) (*session.Link, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	s := d.holders[key]
	if s == nil && old == nil && !d.closed {
		s = &holder{changed: make(chan struct{})}
		d.holders[key] = s
	}
	for s != nil && d.Link(key) == old && !d.closed {
		if err := d.wait(ctx, s); err != nil {
			if s.owner == nil && s.waiting == 0 && d.holders[key] == s {
				delete(d.holders, key) // this was the last Await
			}
			return nil, err
		}
		s = d.holders[key]
	}
	if d.closed {
		return nil, ErrStopping
	}
	return d.Link(key), nil
}

// wait is called with mu held, and returns with it held once s may have changed.
func (d *Directory) wait(ctx context.Context, s *holder) error {
	changed := s.changed
	s.waiting++
	d.mu.Unlock()
	defer func() {
		d.mu.Lock()
		s.waiting--
	}()
	select {
	case <-changed:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// write changes p's holder, unless that is another's by now.
func (d *Directory) write(p *peer, change func(*holder)) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if s := d.holders[p.key]; s != nil && s.owner == p {
		change(s)
	}
}

// wakeAll has those who wait for a change look again.
func (s *holder) wakeAll() {
	close(s.changed)
	s.changed = make(chan struct{})
}

// register lets p write the holder of its key.
func (d *Directory) register(p *peer) {
	d.mu.Lock()
	defer d.mu.Unlock()
	old := d.holders[p.key]
	d.holders[p.key] = &holder{owner: p, info: Info{State: Unknown}, changed: make(chan struct{})}
	d.links.Delete(p.key)
	if old != nil {
		close(old.changed)
	}
}

// unregister removes p's holder.
func (d *Directory) unregister(p *peer) {
	d.write(p, func(s *holder) {
		delete(d.holders, p.key)
		d.links.Delete(p.key)
		close(s.changed)
	})
}

func (d *Directory) setLink(p *peer, link *session.Link) {
	d.write(p, func(s *holder) {
		if d.Link(p.key) != link {
			d.links.Store(p.key, link) // nil too
			s.wakeAll()
		}
	})
}

func (d *Directory) setInfo(p *peer, info Info) { d.write(p, func(s *holder) { s.info = info }) }

// close ends every Await, now and later. What the peers still write can be read.
func (d *Directory) close() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.closed = true
	for _, s := range d.holders {
		s.wakeAll()
	}
}
