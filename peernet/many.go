package peernet

import (
	"context"
	"fmt"
	"iter"
	"runtime/debug"
	"slices"
	"sync"
	"time"

	"github.com/seed-f6ddb928/peernet-go/envelope"
	"github.com/seed-f6ddb928/peernet-go/envelope/etf"
	"github.com/seed-f6ddb928/peernet-go/identity"
)

// An Outcome tells how a call or send to one of several peers ended.
type Outcome[R any] struct {
	Peer   identity.PublicKey
	Result R             // if Err is nil
	Err    error         // as Call or Send returns it; Sent tells whether the peer may have been asked
	Took   time.Duration // from the moment it was the peer's turn, by the node's clock
}

// defaultAtOnce is the limit without AtOnce.
const defaultAtOnce = 64

// AtOnce limits how many peers CallMany, CallEach and SendMany ask concurrently; 64 if n is less than 1. It changes
// nothing for one peer.
func AtOnce(n int) CallOption {
	return func(o callOptions) callOptions {
		o.atOnce = n
		return o
	}
}

// Connected returns the peers that can be called now, in the order of the peers file.
func (n *Node) Connected() []identity.PublicKey {
	var keys []identity.PublicKey
	for _, p := range n.trust.List() {
		if n.directory.Link(p.Key) != nil {
			keys = append(keys, p.Key)
		}
	}
	return keys
}

// CallMany calls the handlers of one name on several peers, AtOnce of them concurrently, and returns when the last
// call has ended. It returns an outcome for each of keys, in their order. When ctx ends, the calls in flight fail as
// Call does, and the rest without being sent. A call that fails stops no other: to stop at some outcome, use CallEach.
//
// args are encoded once for each dialect that the peers may speak. If they have no form in one dialect, as an ImproperList in the
// native one, the calls to the peers that speak it fail. A peer that is named several times is asked once, and each of its entries
// gets the outcome.
// With WaitForReady peers that are not connected have their turn last; while one is waited for, it counts towards AtOnce.
//
// The calls have goroutines of their own. A panic in one, of middleware, ends the others, and is raised again in the caller's
// goroutine as an error that wraps it and tells its stack.
func CallMany[R any](ctx context.Context, n *Node, keys []identity.PublicKey, name string, args any, opts ...CallOption) []Outcome[R] {
	return inOrderOf(keys, CallEach[R](ctx, n, keys, name, args, opts...))
}

// CallEach is CallMany with the outcomes as they come, one for each peer. A loop that breaks off cancels the calls
// in flight, makes no others, and goes on once they have ended: no goroutine is left. At most AtOnce outcomes are kept
// for a slow loop: the next calls wait for it. Each loop calls anew.
func CallEach[R any](ctx context.Context, n *Node, keys []identity.PublicKey, name string, args any, opts ...CallOption) iter.Seq[Outcome[R]] {
	m := n.many("call", keys, name, args, opts)
	return outcomes(ctx, m, func(ctx context.Context, key identity.PublicKey) (R, error) {
		return Call[R](ctx, n, key, name, m.argsFor(key), opts...)
	})
}

// SendMany sends a message to the handlers of one name on several peers. It is otherwise as CallMany; a nil Err means
// what it means for Send.
//
// SendMany returns when the last send is queued, so it can block like Send: one peer that does not read holds up the whole until
// ctx or that peer's session ends. Give ctx a time limit where that is too long.
func SendMany(ctx context.Context, n *Node, keys []identity.PublicKey, name string, args any, opts ...CallOption) []Outcome[struct{}] {
	m := n.many("send", keys, name, args, opts)
	return inOrderOf(keys, outcomes(ctx, m, func(ctx context.Context, key identity.PublicKey) (struct{}, error) {
		return struct{}{}, n.Send(ctx, key, name, m.argsFor(key), opts...)
	}))
}

// inOrderOf returns the outcomes, which are one for each peer, in the order of keys.
func inOrderOf[R any](keys []identity.PublicKey, outcomes iter.Seq[Outcome[R]]) []Outcome[R] {
	byKey := make(map[identity.PublicKey]Outcome[R], len(keys))
	for o := range outcomes {
		byKey[o.Peer] = o
	}
	list := make([]Outcome[R], len(keys))
	for i, key := range keys {
		list[i] = byKey[key]
	}
	return list
}

// A many is one call or send to several peers. It is not changed once it is made.
type many struct {
	node   *Node
	keys   []identity.PublicKey // each once
	args   *envelope.Shared
	err    error // args cannot be encoded for any of keys
	atOnce int
	wait   bool
}

// argsFor returns the args for a peer: encoded if it is known to be native. Else the session knows in which dialect.
func (m *many) argsFor(key identity.PublicKey) any {
	if m.node.mayBeBEAM(key) {
		return m.args
	}
	raw, err := m.args.For(envelope.Msgpack)
	if err != nil {
		return m.args // the session returns that error, if there is one
	}
	return raw
}

// encodeArgs encodes the args in all dialects that the peers may speak, in the caller's goroutine: the args are its own again
// then. It returns an error if no dialect has a form for them.
func (m *many) encodeArgs() error {
	_, err := m.args.For(envelope.Msgpack)
	if slices.ContainsFunc(m.keys, m.node.mayBeBEAM) {
		if _, asTerm := m.args.For(etf.Codec); asTerm == nil {
			return nil
		}
	}
	return err
}

// many prepares to ask each of keys. verb says in errors what is done with name.
func (n *Node) many(verb string, keys []identity.PublicKey, name string, args any, opts []CallOption) *many {
	o := optionsOf(opts)
	m := &many{node: n, args: envelope.NewShared(args), keys: make([]identity.PublicKey, 0, len(keys)), wait: o.wait, atOnce: o.atOnce}
	if m.atOnce < 1 {
		m.atOnce = defaultAtOnce
	}
	seen := make(map[identity.PublicKey]bool, len(keys))
	for _, key := range keys {
		if !seen[key] {
			seen[key] = true
			m.keys = append(m.keys, key)
		}
	}
	if err := m.encodeArgs(); err != nil {
		m.err = &callError{verb, name, fmt.Errorf("encode the arguments: %w", err)}
	}
	return m
}

// turns returns the keys in the order in which they are asked: those that must be waited for hold up none that is connected.
// The channel holds them all, and is closed.
func (m *many) turns() <-chan identity.PublicKey {
	turns := make(chan identity.PublicKey, len(m.keys))
	defer close(turns)
	var away []identity.PublicKey
	for _, key := range m.keys {
		if m.wait && m.node.directory.Link(key) == nil {
			away = append(away, key)
		} else {
			turns <- key
		}
	}
	for _, key := range away {
		turns <- key
	}
	return turns
}

// outcomes returns the outcomes of m as they come, by asking each peer. ask is called from several goroutines, none of them
// the loop's. If it does not return at all, no other begins, the context of those that run ends, and the crash is repeated in
// the loop's goroutine.
func outcomes[R any](ctx context.Context, m *many, ask func(context.Context, identity.PublicKey) (R, error)) iter.Seq[Outcome[R]] {
	return func(yield func(Outcome[R]) bool) {
		ctx, cancel := context.WithCancel(ctx)
		ended := make(chan Outcome[R]) // read until it is closed
		crashed := make(chan *crash, 1)
		turns, clock := m.turns(), m.node.config.Clock
		stop := func() {
			cancel()
			for range turns { // no other begins: not even middleware is to see it
			}
		}
		work := func() {
			returned := false
			defer func() {
				if !returned {
					select {
					case crashed <- &crash{recover(), debug.Stack()}:
					default: // another one was first
					}
					stop()
				}
			}()
			for peer := range turns {
				o := Outcome[R]{Peer: peer, Err: m.err}
				if m.err == nil {
					began := clock.Now()
					o.Result, o.Err = ask(ctx, peer)
					o.Took = clock.Now().Sub(began)
				}
				ended <- o
			}
			returned = true
		}
		var workers sync.WaitGroup
		for range min(m.atOnce, len(turns)) {
			workers.Go(work)
		}
		go func() {
			defer close(ended)
			workers.Wait()
		}()
		defer func() { // also if the loop's body panics
			stop()
			for range ended { // wait until all have ended
			}
			select {
			case c := <-crashed:
				c.repeat()
			default:
			}
		}()
		for o := range ended {
			if !yield(o) {
				return
			}
		}
	}
}
