// Package demo is a story that shows what nodes do: alice and bob meet, talk and part, on this machine.
package demo

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/seed-f6ddb928/peernet-go/cmd/peernode/internal/output"
	"github.com/seed-f6ddb928/peernet-go/peernet"
)

// storyTime bounds the story, which takes a small part of a second unless the machine is busy. If bob has not heard an
// announce over UDP within hearTime, he is told instead: alice sends three announces in the first second. stopTime is how long
// the nodes may take to stop after the story has failed.
const (
	storyTime = 30 * time.Second
	hearTime  = 2 * time.Second
	stopTime  = time.Second
)

// A story is one run of the demo.
type story struct {
	narrator
	dir        string
	alice, bob *character
	announce   func()    // makes alice announce herself by UDP; nil where the system cannot
	joined     time.Time // when bob began to join alice's offer
}

// Run tells the story to out. It fails if something does not happen as it should.
func Run(ctx context.Context, out *output.Printer) error {
	ctx, cancel := context.WithTimeout(ctx, storyTime)
	defer cancel()
	dir, err := os.MkdirTemp("", "peernode-demo-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	s := &story{narrator: narrator{out: out, begun: time.Now()}, dir: dir}
	defer s.close()
	for _, step := range []struct {
		name string
		take func(context.Context) error
	}{
		{"start", s.start}, {"find", s.find}, {"pair", s.pair}, {"connect", s.connect}, {"call", s.call},
		{"send", s.send}, {"ping", s.ping}, {"refuse", s.refuse}, {"lose", s.lose}, {"stop", s.stop},
	} {
		s.step = step.name
		if err := step.take(ctx); err != nil {
			s.fail(err)
			return fmt.Errorf("the demo failed at %s: %w", step.name, err)
		}
	}
	return out.Err()
}

// start starts both nodes, which do not know each other, with the handlers that they will call.
func (s *story) start(ctx context.Context) error {
	announcing, hearing, announce, err := byUDP()
	if err != nil {
		return err
	}
	s.announce = announce
	if s.alice, err = s.join(ctx, "alice", announcing); err != nil {
		return err
	}
	if s.bob, err = s.join(ctx, "bob", hearing); err != nil {
		return err
	}
	return errors.Join(peernet.Handle(s.bob.Node, "greet", greet), peernet.Handle(s.alice.Node, "add", add))
}

// find makes both nodes find each other. They trust nobody yet, so neither dials.
// Alice is told where bob is. Bob hears alice announce where she is; if broadcasts do not work here, he is told after
// hearTime.
func (s *story) find(ctx context.Context) error {
	tellBob := func() { s.bob.finds.Found(s.alice.key, s.alice.addr) }
	s.alice.finds.Found(s.bob.key, s.bob.addr)
	if s.announce == nil {
		tellBob()
	} else {
		s.announce()
		defer time.AfterFunc(hearTime, tellBob).Stop()
	}
	return s.both(func(c, other *character) error {
		e, err := await[peernet.Found](ctx, c)
		if err != nil {
			return err
		}
		how := "%s is told that %s is at %s"
		if e.Source == "udp" {
			how = "%s hears by UDP that %s is at %s"
		}
		s.tell(line{Node: c.name, Peer: other.name, Address: e.Addr.String(), Source: e.Source, Interface: e.Interface}, how, c.name, other.name, e.Addr)
		return nil
	})
}

// pair has alice show a code, and bob join by it: each then trusts the other's key, and they connect.
func (s *story) pair(ctx context.Context) error {
	offer, err := s.alice.OfferPairing(ctx, peernet.Introduction{Label: s.bob.name})
	if err != nil {
		return err
	}
	s.tell(line{Node: s.alice.name}, "%s shows a code: %s", s.alice.name, offer.Code().Text()) // it works once, for bob
	s.joined = time.Now()
	at := peernet.Introduction{Label: s.alice.name, Addr: s.alice.addr.String()}
	if _, err := s.bob.JoinPairing(ctx, offer.Code(), at); err != nil {
		return err
	}
	if _, err := offer.Wait(ctx); err != nil {
		return err
	}
	s.tell(line{Node: s.bob.name, Peer: s.alice.name, PublicKey: s.alice.key.String()}, "%s is told the code, trusts %s and calls it %s", s.bob.name, s.alice.key.Short(), s.alice.name)
	s.tell(line{Node: s.alice.name, Peer: s.bob.name, PublicKey: s.bob.key.String()}, "%s trusts %s and calls it %s", s.alice.name, s.bob.key.Short(), s.bob.name)
	return nil
}

// connect waits until both nodes are connected. Both may have dialled: one connection stays.
func (s *story) connect(ctx context.Context) error {
	err := s.both(func(c, _ *character) error {
		_, err := await[peernet.Connected](ctx, c)
		return err
	})
	if err == nil {
		s.tellTimed(line{}, time.Since(s.joined), "both have proved their keys; one connection stays")
	}
	return err
}

// call makes each node call the other.
func (s *story) call(ctx context.Context) error {
	if err := call(ctx, s, s.alice, s.bob, "greet", "hello", "hello, alice"); err != nil {
		return err
	}
	return call(ctx, s, s.bob, s.alice, "add", []int{19, 23}, 42)
}

// call makes from call to, and checks the result.
func call[A any, R comparable](ctx context.Context, s *story, from, to *character, name string, args A, want R) error {
	begin := time.Now()
	got, err := peernet.Call[R](ctx, from.Node, to.key, name, args)
	took := time.Since(begin)
	if err != nil {
		return err
	}
	if got != want {
		return fmt.Errorf("%s of %#v is %#v, not %#v", name, args, got, want)
	}
	s.tellTimed(line{Node: from.name, Peer: to.name, Name: name, Args: args, Result: got}, took,
		"%s calls %s: %s %s = %s", from.name, to.name, name, asJSON(args), asJSON(got))
	return nil
}

// send makes each node send the other a message, and waits until it has arrived.
func (s *story) send(ctx context.Context) error {
	return s.both(func(from, to *character) error {
		words := "hello from " + from.name
		begin := time.Now()
		if err := from.Send(ctx, to.key, noteName, words); err != nil {
			return err
		}
		select {
		case got := <-to.notes:
			if got != words {
				return fmt.Errorf("%s got the note %q, not %q", to.name, got, words)
			}
		case <-ctx.Done():
			return fmt.Errorf("%s waits for a note: %w", to.name, ctx.Err())
		}
		s.tellTimed(line{Node: from.name, Peer: to.name, Name: noteName, Args: words}, time.Since(begin),
			"%s sends %s: %s %s", from.name, to.name, noteName, asJSON(words))
		return nil
	})
}

// ping makes each node ping the other.
func (s *story) ping(ctx context.Context) error {
	return s.both(func(from, to *character) error {
		rtt, err := from.Ping(ctx, to.key)
		if err != nil {
			return err
		}
		s.tellTimed(line{Node: from.name, Peer: to.name}, rtt, "%s pings %s", from.name, to.name)
		return nil
	})
}

// refuse makes a node that alice does not trust dial alice.
func (s *story) refuse(ctx context.Context) error {
	mallory, err := s.join(ctx, "mallory", peernet.Config{})
	if err != nil {
		return err
	}
	defer mallory.leave(ctx)
	if err := mallory.Pair(s.alice.key, "alice"); err != nil {
		return err
	}
	refusal := mallory.Connect(ctx, s.alice.key, s.alice.addr.String())
	if !errors.Is(refusal, peernet.ErrRefused) {
		return fmt.Errorf("the stranger was not refused: %w", refusal)
	}
	e, err := await[peernet.Refused](ctx, s.alice)
	if err != nil {
		return err
	}
	s.tell(line{Node: "mallory", Peer: "alice", Error: refusal.Error()}, "mallory dials alice: %v", refusal)
	s.tell(line{Node: "alice", Peer: "mallory", PublicKey: e.Peer.String(), Address: e.Addr.String(), Reason: e.Reason},
		"alice counts %d refused: %s at %s", len(happened[peernet.Refused](s.alice)), e.Peer.Short(), e.Addr)
	return nil
}

// lose stops bob, and waits until alice notices.
func (s *story) lose(ctx context.Context) error {
	if err := s.bob.Shutdown(ctx); err != nil {
		return err
	}
	gone, err := await[peernet.Disconnected](ctx, s.alice)
	if err != nil {
		return err
	}
	s.tell(line{Node: "alice", Peer: "bob", Reason: gone.Reason}, "bob stops; alice is disconnected: %s", gone.Reason)

	s.alice.finds.Lost(s.bob.key, s.bob.addr)
	lost, err := await[peernet.Lost](ctx, s.alice)
	if err != nil {
		return err
	}
	s.tell(line{Node: "alice", Peer: "bob", Address: lost.Addr.String(), Source: lost.Source, Reason: lost.Reason},
		"alice no longer finds bob at %s: %s", lost.Addr, lost.Reason)

	if _, err = s.alice.Call(ctx, s.bob.key, "greet", "good night"); !errors.Is(err, peernet.ErrNotConnected) {
		return fmt.Errorf("a call to a peer that has left did not fail as it should: %w", err)
	}
	s.tell(line{Node: "alice", Peer: "bob", Name: "greet", Error: err.Error()}, "alice now gets: %v", err)
	return nil
}

// stop stops alice too, and checks that there was one connection.
func (s *story) stop(ctx context.Context) error {
	if err := s.alice.Shutdown(ctx); err != nil {
		return err
	}
	for _, c := range []*character{s.alice, s.bob} {
		for c.read() { // the events that are left
		}
		if n := len(happened[peernet.Connected](c)); n != 1 {
			return fmt.Errorf("%s was connected %d times, not once", c.name, n)
		}
	}
	s.tell(line{}, "alice stops; it was one connection, and every step worked")
	return nil
}
