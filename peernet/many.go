package peernet

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/seed-f6ddb928/peernet-go/envelope"
	"github.com/seed-f6ddb928/peernet-go/identity"
)

// An Outcome is what became of a call or send to one of several peers.
type Outcome[R any] struct {
	Peer   identity.PublicKey
	Result R             // if Err is nil
	Err    error         // as Call or Send returns it; Sent tells whether the peer may have been asked
	Took   time.Duration // from the moment it was the peer's turn, by the node's clock
}

// defaultAtOnce is what AtOnce is if it is not given.
const defaultAtOnce = 64

// AtOnce sets how many peers CallMany, CallEach and SendMany ask at the same time; 64 if n is less than 1. It changes
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

// CallMany calls the handlers of one name of several peers, AtOnce so many at the same time, and returns when the last
// call has ended. There is an outcome for each of keys, in their order, however ctx ends: then the calls in flight fail as
// Call does, and the rest without being sent. One that fails stops no other: to stop at some outcome, use CallEach.
//
// args are encoded once. A peer that is named several times is asked once, and its outcome stands in each of its places.
// With WaitForReady those that are not connected have their turn last; while one is waited for, it is one of AtOnce.
//
// The calls have goroutines of their own. A panic in one, of middleware, ends the others, and is raised again in the caller's
// as an error that wraps it and tells its stack.
func CallMany[R any](ctx context.Context, n *Node, keys []identity.PublicKey, name string, args any, opts ...CallOption) []Outcome[R] {
	m := n.many("call", keys, name, args, opts)
	list := make([]Outcome[R], len(m.keys))
	m.each(ctx, func(ctx context.Context, i int) bool {
		list[i] = callOne[R](ctx, m, i)
		return true
	}).again()
	return inPlaces(keys, m, list)
}

// CallEach is CallMany with the outcomes as they come, one for each peer. A loop that breaks off cancels the calls that
// are in flight, makes no others, and goes on once they have ended: no goroutine is left. At most AtOnce outcomes are kept
// for a loop that is slow: the next calls wait for it. Each loop calls anew.
func CallEach[R any](ctx context.Context, n *Node, keys []identity.PublicKey, name string, args any, opts ...CallOption) iter.Seq[Outcome[R]] {
	m := n.many("call", keys, name, args, opts)
	return func(yield func(Outcome[R]) bool) {
		ctx, cancel := context.WithCancel(ctx)
		outcomes, gone := make(chan Outcome[R]), make(chan struct{})
		var failed *crash
		go func() {
			defer close(outcomes)
			failed = m.each(ctx, func(ctx context.Context, i int) bool {
				select {
				case <-gone: // not even middleware gets to see it
					return false
				default:
				}
				o := callOne[R](ctx, m, i)
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
			for range outcomes { // until all have ended
			}
			failed.again()
		}()
		for o := range outcomes {
			if !yield(o) {
				return
			}
		}
	}
}

// SendMany sends a message to the handlers of one name of several peers. It is otherwise as CallMany; nil says of each
// peer what it says of Send.
func SendMany(ctx context.Context, n *Node, keys []identity.PublicKey, name string, args any, opts ...CallOption) []Outcome[struct{}] {
	m := n.many("send", keys, name, args, opts)
	list := make([]Outcome[struct{}], len(m.keys))
	m.each(ctx, func(ctx context.Context, i int) bool {
		list[i] = one(m, i, func(key identity.PublicKey) (struct{}, error) {
			return struct{}{}, n.Send(ctx, key, name, m.args, opts...)
		})
		return true
	}).again()
	return inPlaces(keys, m, list)
}

// A many is one question to several peers. It is not changed once it is made.
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
// none of them the caller's. Once it returns false no other begins. If it does not return at all, that ends the context of
// those that run, too, and is what each returns.
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

// turns returns the indices of the keys in the order in which they are asked: whoever must be waited for holds up nobody
// who is connected.
func (m *many) turns() []int {
	turns := make([]int, len(m.keys))
	for i := range turns {
		turns[i] = i
	}
	if m.wait {
		away := make([]bool, len(m.keys))
		for i, key := range m.keys {
			away[i] = m.node.directory.Link(key) == nil
		}
		slices.SortStableFunc(turns, func(i, j int) int {
			switch {
			case away[i] == away[j]:
				return 0
			case away[j]:
				return -1
			}
			return 1
		})
	}
	return turns
}

// callOne calls one of m's peers.
func callOne[R any](ctx context.Context, m *many, i int) Outcome[R] {
	return one(m, i, func(key identity.PublicKey) (R, error) {
		return Call[R](ctx, m.node, key, m.name, m.args, m.opts...)
	})
}

// one asks one of m's peers, unless the arguments cannot be sent to anybody.
func one[R any](m *many, i int, ask func(identity.PublicKey) (R, error)) Outcome[R] {
	o := Outcome[R]{Peer: m.keys[i], Err: m.err}
	if m.err == nil {
		clock := m.node.config.Clock
		began := clock.Now()
		o.Result, o.Err = ask(o.Peer)
		o.Took = clock.Now().Sub(began)
	}
	return o
}

// inPlaces returns the outcome of each of keys, of which m has each once.
func inPlaces[R any](keys []identity.PublicKey, m *many, list []Outcome[R]) []Outcome[R] {
	if len(list) == len(keys) {
		return list
	}
	at := make(map[identity.PublicKey]int, len(m.keys))
	for i, key := range m.keys {
		at[key] = i
	}
	all := make([]Outcome[R], len(keys))
	for i, key := range keys {
		all[i] = list[at[key]]
	}
	return all
}
