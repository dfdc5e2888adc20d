package peers

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"

	"github.com/seed-f6ddb928/peernet-go/identity"
	"github.com/seed-f6ddb928/peernet-go/internal/session"
)

// An awaited is what an Await in a goroutine of its own has returned.
type awaited struct {
	link *session.Link
	err  error
}

func await(ctx context.Context, d *Directory, p *peer, not *session.Link) <-chan awaited {
	c := make(chan awaited, 1)
	go func() {
		link, err := d.Await(ctx, p.key, not)
		c <- awaited{link, err}
	}()
	synctest.Wait()
	return c
}

func expectWaiting(t *testing.T, c <-chan awaited) {
	t.Helper()
	synctest.Wait()
	select {
	case a := <-c:
		t.Fatalf("Await returned %p, %v; want it to wait", a.link, a.err)
	default:
	}
}

func expectAwaited(t *testing.T, c <-chan awaited, link *session.Link, err error) {
	t.Helper()
	synctest.Wait()
	select {
	case a := <-c:
		if a.link != link || !errors.Is(a.err, err) {
			t.Fatalf("Await returned %p, %v; want %p, %v", a.link, a.err, link, err)
		}
	default:
		t.Fatal("Await still waits")
	}
}

func TestAwait(t *testing.T) {
	one, two := new(session.Link), new(session.Link)
	for _, test := range []struct {
		name string
		run  func(t *testing.T, d *Directory, p *peer)
	}{
		{"there already", func(t *testing.T, d *Directory, p *peer) {
			d.register(p)
			d.setLink(p, one)
			expectAwaited(t, await(t.Context(), d, p, nil), one, nil)
		}},
		{"the first one", func(t *testing.T, d *Directory, p *peer) {
			d.register(p)
			c := await(t.Context(), d, p, nil)
			expectWaiting(t, c)
			d.setLink(p, one)
			expectAwaited(t, c, one, nil)
		}},
		{"of a peer whose actor is on its way", func(t *testing.T, d *Directory, p *peer) {
			c := await(t.Context(), d, p, nil)
			expectWaiting(t, c)
			if info, link := d.Info(p.key); info.State != Unknown || link != nil {
				t.Errorf("Info = %+v, %p", info, link)
			}
			d.register(p)
			expectWaiting(t, c)
			d.setLink(p, one)
			expectAwaited(t, c, one, nil)
		}},
		{"the next one", func(t *testing.T, d *Directory, p *peer) {
			d.register(p)
			d.setLink(p, one)
			c := await(t.Context(), d, p, one)
			expectWaiting(t, c)
			d.setLink(p, two)
			expectAwaited(t, c, two, nil)
		}},
		{"it was the last one", func(t *testing.T, d *Directory, p *peer) {
			d.register(p)
			d.setLink(p, one)
			c := await(t.Context(), d, p, one)
			d.setLink(p, nil)
			expectAwaited(t, c, nil, nil)
			expectAwaited(t, await(t.Context(), d, p, one), nil, nil)
		}},
		{"the peer leaves while the first one is awaited", func(t *testing.T, d *Directory, p *peer) {
			d.register(p)
			c := await(t.Context(), d, p, nil)
			d.unregister(p)
			expectAwaited(t, c, nil, nil)
		}},
		{"the peer has left", func(t *testing.T, d *Directory, p *peer) {
			d.register(p)
			d.setLink(p, one)
			c := await(t.Context(), d, p, one)
			d.unregister(p)
			expectAwaited(t, c, nil, nil)
			expectAwaited(t, await(t.Context(), d, p, one), nil, nil)
		}},
		{"another actor takes over", func(t *testing.T, d *Directory, p *peer) {
			d.register(p)
			c := await(t.Context(), d, p, nil)
			next := &peer{facts: facts{key: p.key}}
			d.register(next)
			expectWaiting(t, c)
			d.setLink(p, one) // leftovers of the first
			d.setInfo(p, Info{State: Connected})
			d.unregister(p)
			expectWaiting(t, c)
			if info, _ := d.Info(p.key); info.State != Unknown {
				t.Errorf("state %q is the former actor's", info.State)
			}
			d.setLink(next, two)
			expectAwaited(t, c, two, nil)
		}},
		{"the context ends", func(t *testing.T, d *Directory, p *peer) {
			d.register(p)
			ctx, cancel := context.WithCancel(t.Context())
			c := await(ctx, d, p, nil)
			cancel()
			expectAwaited(t, c, nil, context.Canceled)
			if d.holders[p.key] == nil {
				t.Error("a holder that an actor owns was removed")
			}
		}},
		{"nothing stays of those who waited for nobody", func(t *testing.T, d *Directory, p *peer) {
			ctx, cancel := context.WithCancel(t.Context())
			first, second := await(ctx, d, p, nil), await(t.Context(), d, p, nil)
			cancel()
			expectAwaited(t, first, nil, context.Canceled)
			expectWaiting(t, second)
			d.register(p)
			d.unregister(p)
			expectAwaited(t, second, nil, nil)
			ctx, cancel = context.WithCancel(t.Context())
			third := await(ctx, d, p, nil)
			cancel()
			expectAwaited(t, third, nil, context.Canceled)
			if len(d.holders) != 0 {
				t.Errorf("%d holders are left", len(d.holders))
			}
		}},
		{"the node stops", func(t *testing.T, d *Directory, p *peer) {
			other := &peer{facts: facts{key: identity.PublicKey{2}}}
			d.register(p)
			d.setLink(p, one)
			draining, first, nobody := await(t.Context(), d, p, one), await(t.Context(), d, other, nil), await(t.Context(), d, &peer{}, nil)
			d.close()
			d.close()
			expectAwaited(t, draining, nil, ErrStopping)
			expectAwaited(t, first, nil, ErrStopping)
			expectAwaited(t, nobody, nil, ErrStopping)
			expectAwaited(t, await(t.Context(), d, other, nil), nil, ErrStopping)
			if d.Link(p.key) != one {
				t.Error("the link is not there any more")
			}
			d.setLink(p, nil)
			d.unregister(p)
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { test.run(t, NewDirectory(), &peer{facts: facts{key: identity.PublicKey{1}}}) })
		})
	}
}

func TestDirectoryOfNobody(t *testing.T) {
	d := NewDirectory()
	if link := d.Link(identity.PublicKey{1}); link != nil {
		t.Errorf("Link = %p", link)
	}
	if info, link := d.Info(identity.PublicKey{1}); info.State != Unknown || link != nil {
		t.Errorf("Info = %+v, %p", info, link)
	}
}
