package peernet

import (
	"context"
	"fmt"
	"iter"
	"sync"
	"sync/atomic"
	"time"

	"github.com/seed-f6ddb928/peernet-go/envelope"
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
// args are encoded once. A peer that is named several times is asked once, and each of its entries gets the outcome.
// With WaitForReady peers that are not connected have their turn last; while one is waited for, it counts towards AtOnce.
//
// The calls have goroutines of their own. A panic in one, of middleware, ends the others, and is raised again in the caller's
// goroutine as an error that wraps it and tells its stack.
func CallMany[R any](ctx context.Context, n *Node, keys []identity.PublicKey, name string, args any, opts ...CallOption) []Outcome[R] {
	m := n.many("call", keys, name, args, opts)
	return all(ctx, m, keys, asCall[R](m))
}

// CallEach is CallMany with the outcomes as they come, one for each peer. A loop that breaks off cancels the calls
// in flight, makes no others, and goes on once they have ended: no goroutine is left. At most AtOnce outcomes are kept
// for a slow loop: the next calls wait for it. Each loop calls anew.
func CallEach[R any](ctx context.Context, n *Node, keys []identity.PublicKey, name string, args any, opts ...CallOption) iter.Seq[Outcome[R]] {
	m := n.many("call", keys, name, args, opts)
	ask := asCall[R](m)
	return func(yield func(Outcome[R]) bool) {
		ctx, cancel := context.WithCancel(ctx)
		outcomes, gone := make(chan Outcome[R]), make(chan struct{})
		var failed *crash
		go func() {
			defer close(outcomes)
			failed = m.each(ctx, func(ctx context.Context, i int) bool {
				select {
				case <-gone: // not even middleware is to see it
					return false
				default:
				}
				o := one(ctx, m, i, ask)
				select {
				case outcomes <- o:
					return true
				case <-gone:
					return false
				}
			})
		}()
		defer func() { // also if the loop's body panics
			close(gone)
			cancel()
			for range outcomes { // wait until all have ended
			}
			failed.repeat()
		}()
		for o := range outcomes {
			if !yield(o) {
				return
			}
		}
	}
}

// SendMany sends a message to the handlers of one name on several peers. It is otherwise as CallMany; a nil Err means
// what it means for Send.
func SendMany(ctx context.Context, n *Node, keys []identity.PublicKey, name string, args any, opts ...CallOption) []Outcome[struct{}] {
	m := n.many("send", keys, name, args, opts)
	return all(ctx, m, keys, func(ctx context.Context, key identity.PublicKey) (struct{}, error) {
		return struct{}{}, n.Send(ctx, key, name, m.args, opts...)
	})
}

// A many is one call or send to several peers. It is not changed once it is made.
type many struct {
	node   *Node
	keys   []identity.PublicKey // each once
	name   string
	args   Raw
	err    error // of encoding them
	opts   []CallOption
	atOnce int
	wait   bool
}

// many prepares to ask each of keys. verb says in errors what is done with name.
func (n *Node) many(verb string, keys []identity.PublicKey, name string, args any, opts []CallOption) *many {
	m := &many{node: n, keys: make([]identity.PublicKey, 0, len(keys)), name: name, opts: opts}
	o := optionsOf(opts)
	m.wait, m.atOnce = o.wait, o.atOnce
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
	var ok bool
	if m.args, ok = args.(Raw); !ok {
		var err error
		if m.args, err = envelope.RawOf(envelope.Msgpack, args); err != nil {
			m.err = &callError{verb, name, fmt.Errorf("encode the arguments: %w", err)}
		}
	}
	return m
}

// each runs ask for each of the keys, by its index, and returns when all have ended. ask is called from several goroutines,
// none of them the caller's. Once it returns false, no other begins. If it does not return at all, the context of those that
// run ends as well, and each returns the crash.
func (m *many) each(ctx context.Context, ask func(ctx context.Context, i int) bool) *crash {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	turns := m.turns()
	var (
		next   atomic.Int64
		over   atomic.Bool
		failed crash
	)
	work := func() {
		returned := false
		defer func() {
			if !returned {
				failed.keep(recover())
				over.Store(true)
				cancel()
			}
		}()
		for !over.Load() {
			turn := int(next.Add(1)) - 1
			if turn >= len(turns) {
				break
			}
			if !ask(ctx, turns[turn]) {
				over.Store(true)
			}
		}
		returned = true
	}
	var join sync.WaitGroup
	for range min(m.atOnce, len(turns)) {
		join.Go(work)
	}
	join.Wait()
	return &failed
}

// turns returns the indices of the keys in the order in which they are asked: those that must be waited for hold up none
// that is connected.
func (m *many) turns() []int {
	var connected, away []int
	for i, key := range m.keys {
		if m.wait && m.node.directory.Link(key) == nil {
			away = append(away, i)
		} else {
			connected = append(connected, i)
		}
	}
	return append(connected, away...)
}

// asCall returns a function that calls one of m's peers.
func asCall[R any](m *many) func(context.Context, identity.PublicKey) (R, error) {
	return func(ctx context.Context, key identity.PublicKey) (R, error) {
		return Call[R](ctx, m.node, key, m.name, m.args, m.opts...)
	}
}

// one asks one of m's peers, unless the arguments cannot be encoded.
func one[R any](ctx context.Context, m *many, i int, ask func(context.Context, identity.PublicKey) (R, error)) Outcome[R] {
	o := Outcome[R]{Peer: m.keys[i], Err: m.err}
	if m.err == nil {
		clock := m.node.config.Clock
		began := clock.Now()
		o.Result, o.Err = ask(ctx, o.Peer)
		o.Took = clock.Now().Sub(began)
	}
	return o
}

// all asks all of m's peers, and returns an outcome for each of keys, which m has once each.
func all[R any](ctx context.Context, m *many, keys []identity.PublicKey, ask func(context.Context, identity.PublicKey) (R, error)) []Outcome[R] {
	list := make([]Outcome[R], len(m.keys))
	m.each(ctx, func(ctx context.Context, i int) bool {
		list[i] = one(ctx, m, i, ask)
		return true
	}).repeat()
	if len(list) == len(keys) {
		return list
	}
	index := make(map[identity.PublicKey]int, len(m.keys))
	for i, key := range m.keys {
		index[key] = i
	}
	all := make([]Outcome[R], len(keys))
	for i, key := range keys {
		all[i] = list[index[key]]
	}
	return all
}
