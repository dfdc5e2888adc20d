package peernet_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/seed-f6ddb928/peernet-go/discovery"
	"github.com/seed-f6ddb928/peernet-go/identity"
	"github.com/seed-f6ddb928/peernet-go/internal/test/memnet"
	"github.com/seed-f6ddb928/peernet-go/peernet"
)

// A star is a node, connected to others on a network in memory.
type star struct {
	*testing.T
	system *actor.ActorSystem // of all nodes: one costs more than a node
	net    *memnet.Network
	hosts  []*memnet.Host // the hub's is the first
	hub    *peernet.Node
	others []*peernet.Node
	keys   []identity.PublicKey // of the others
}

// starOf runs f in a bubble, with a star of n others.
func starOf(t *testing.T, n int, f func(t *testing.T, s *star)) {
	synctest.Test(t, func(t *testing.T) {
		quiet := slog.New(slog.DiscardHandler)
		s := &star{T: t, net: memnet.New(1), system: actor.NewActorSystem(actor.WithLoggerFactory(func(*actor.ActorSystem) *slog.Logger { return quiet }),
			actor.WithDeadLetterThrottleInterval(time.Millisecond))}
		t.Cleanup(func() {
			s.system.Shutdown()
			time.Sleep(time.Second) // the throttle of dead letters lives for a moment
		})
		s.hub = s.node()
		for range n {
			other := s.node()
			pair(t, s.hub, other)
			if err := s.hub.Connect(t.Context(), other.PublicKey(), other.Addrs()[0].String()); err != nil {
				t.Fatal(err)
			}
			s.others, s.keys = append(s.others, other), append(s.keys, other.PublicKey())
		}
		f(t, s)
	})
}

func (s *star) node(change ...func(*peernet.Config)) *peernet.Node {
	s.Helper()
	addr := netip.AddrFrom4([4]byte{10, 0, byte(len(s.hosts) / 250), byte(len(s.hosts)%250 + 1)})
	host := s.net.Host(addr)
	s.hosts = append(s.hosts, host)
	c := peernet.Config{Listen: addr.String() + ":7100", System: s.system, Network: peernet.Network{
		Listen: host.Listen, Dial: host.Dial,
		Interfaces: func() ([]discovery.Interface, error) { return nil, nil },
	}}
	for _, f := range change {
		f(&c)
	}
	return startNode(s.T, c)
}

// newKey returns a key that no node trusts.
func newKey(tb testing.TB) identity.PublicKey {
	tb.Helper()
	keys, err := identity.GenerateKeyPair(nil)
	if err != nil {
		tb.Fatal(err)
	}
	return keys.PublicKey()
}

// errAny stands for an error that is no other's.
var errAny = errors.New("any error")

func TestEachPeerHasItsOutcome(t *testing.T) {
	starOf(t, 5, func(t *testing.T, s *star) {
		for i, n := range s.others {
			handle(t, n, "who", func(ctx context.Context, _ *peernet.Request) (any, error) {
				switch i {
				case 1:
					return nil, peernet.ErrForbidden
				case 2:
					<-ctx.Done()
					return nil, ctx.Err()
				case 3:
					s.hosts[4].Crash() // the machine is gone, and with it the link
					<-ctx.Done()
				case 4:
					return "no number", nil
				}
				return i, nil
			})
		}
		away := newKey(t)
		if err := s.hub.Pair(away, ""); err != nil {
			t.Fatal(err)
		}
		keys := append(slices.Clone(s.keys), away, newKey(t), s.hub.PublicKey(), s.keys[0])
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		got := peernet.CallMany[int](ctx, s.hub, keys, "who", nil)
		if len(got) != len(keys) {
			t.Fatalf("%d outcomes of %d peers", len(got), len(keys))
		}
		for i, want := range []struct {
			err  error
			sent bool
		}{
			{nil, false},
			{peernet.ErrForbidden, true},
			{context.DeadlineExceeded, true},
			{peernet.ErrLinkLost, true},
			{errAny, true}, // what it answers is no number
			{peernet.ErrNotConnected, false},
			{peernet.ErrNotTrusted, false},
			{peernet.ErrSelf, false},
			{nil, false}, // the first again
		} {
			o := got[i]
			as := errors.Is(o.Err, want.err) || want.err == errAny && o.Err != nil
			if o.Peer != keys[i] || !as || peernet.Sent(o.Err) != want.sent {
				t.Errorf("peer %d: %+v", i, o)
			}
		}
		if got[2].Took != time.Minute || got[0].Took >= time.Minute {
			t.Errorf("took %v and %v", got[0].Took, got[2].Took)
		}
	})
}

func TestAPeerNamedTwiceIsAskedOnce(t *testing.T) {
	starOf(t, 2, func(t *testing.T, s *star) {
		var asked atomic.Int64
		for _, n := range s.others {
			handle(t, n, "count", func(context.Context, *peernet.Request) (any, error) { return asked.Add(1), nil })
		}
		a, b := s.keys[0], s.keys[1]
		keys := []identity.PublicKey{a, b, a, a}
		got := peernet.CallMany[int64](t.Context(), s.hub, keys, "count", nil)
		if asked.Load() != 2 || got[0] != got[2] || got[0] != got[3] || got[0].Result+got[1].Result != 3 || got[1].Peer != b {
			t.Errorf("asked %d times: %+v", asked.Load(), got)
		}
		n := 0
		for range peernet.CallEach[int64](t.Context(), s.hub, keys, "count", nil) {
			n++
		}
		if n != 2 || asked.Load() != 4 {
			t.Errorf("%d outcomes, asked %d times", n, asked.Load())
		}
	})
}

func TestOutcomesComeAsTheyArrive(t *testing.T) {
	starOf(t, 4, func(t *testing.T, s *star) {
		for i, n := range s.others {
			handle(t, n, "wait", func(context.Context, *peernet.Request) (any, error) {
				time.Sleep(time.Duration(4-i) * time.Second)
				return nil, nil
			})
		}
		began := time.Now()
		i := 4
		for o := range peernet.CallEach[any](t.Context(), s.hub, s.keys, "wait", nil) {
			i--
			if o.Err != nil || o.Peer != s.keys[i] || time.Since(began).Truncate(time.Second) != time.Duration(4-i)*time.Second {
				t.Errorf("after %v: %+v", time.Since(began), o)
			}
		}
		if i != 0 {
			t.Errorf("%d outcomes are missing", i)
		}
	})
}

func TestALoopThatBreaksOffCancelsTheRest(t *testing.T) {
	starOf(t, 6, func(t *testing.T, s *star) {
		var began, cancelled atomic.Int64
		for i, n := range s.others {
			handle(t, n, "work", func(ctx context.Context, _ *peernet.Request) (any, error) {
				began.Add(1)
				if i == 0 {
					time.Sleep(time.Second)
					return nil, nil
				}
				<-ctx.Done()
				cancelled.Add(1)
				return nil, ctx.Err()
			})
		}
		for o := range peernet.CallEach[any](t.Context(), s.hub, s.keys, "work", nil, peernet.AtOnce(3)) {
			if o.Peer != s.keys[0] || o.Err != nil {
				t.Errorf("%+v", o)
			}
			synctest.Wait() // the place of the first is another's
			break
		}
		synctest.Wait()
		if b, c := began.Load(), cancelled.Load(); b != 4 || c != 3 {
			t.Errorf("%d began, %d were cancelled", b, c)
		}
	})
}

func TestAContextThatEndsLeavesAnOutcomeForEveryPeer(t *testing.T) {
	starOf(t, 5, func(t *testing.T, s *star) {
		for i, n := range s.others {
			handle(t, n, "work", func(ctx context.Context, _ *peernet.Request) (any, error) {
				if i > 0 {
					<-ctx.Done()
				}
				return i, ctx.Err()
			})
		}
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		got := peernet.CallMany[int](ctx, s.hub, s.keys, "work", nil, peernet.AtOnce(2))
		for i, o := range got {
			answered, sent := i == 0, i == 1 || i == 2
			if o.Peer != s.keys[i] || (o.Err == nil) != answered || !answered && !errors.Is(o.Err, context.Canceled) || peernet.Sent(o.Err) != sent {
				t.Errorf("peer %d: %+v", i, o)
			}
		}
	})
}

// TestNoMoreAreAskedAtOnceThanAllowed: of a thousand; the race detector makes do with a hundred.
func TestNoMoreAreAskedAtOnceThanAllowed(t *testing.T) {
	n := 1000
	if raceEnabled {
		n = 100
	}
	starOf(t, n, func(t *testing.T, s *star) {
		var now, most atomic.Int64
		for _, n := range s.others {
			handle(t, n, "work", func(context.Context, *peernet.Request) (any, error) {
				if at := now.Add(1); at > most.Load() {
					most.Store(at)
				}
				time.Sleep(time.Second)
				now.Add(-1)
				return nil, nil
			})
		}
		for _, c := range []struct {
			opts []peernet.CallOption
			want int64
		}{{[]peernet.CallOption{peernet.AtOnce(8)}, 8}, {[]peernet.CallOption{peernet.AtOnce(0)}, 64}, {nil, 64}, {[]peernet.CallOption{peernet.AtOnce(n)}, int64(n)}} {
			most.Store(0)
			began := time.Now()
			for _, o := range peernet.CallMany[any](t.Context(), s.hub, s.keys, "work", nil, c.opts...) {
				if o.Err != nil {
					t.Fatal(o.Err)
				}
			}
			if took := time.Since(began).Truncate(time.Second); most.Load() != c.want || took != time.Duration((int64(n)+c.want-1)/c.want)*time.Second {
				t.Errorf("%d at once instead of %d, in %v", most.Load(), c.want, took)
			}
		}
	})
}

// TestAwaitedPeersHoldUpNoOther: with one place, those that are connected are asked before it is given to one that
// is not.
func TestAwaitedPeersHoldUpNoOther(t *testing.T) {
	starOf(t, 3, func(t *testing.T, s *star) {
		for _, n := range s.others {
			handle(t, n, "echo", echo)
		}
		late := s.node()
		handle(t, late, "echo", echo)
		pair(t, s.hub, late)
		time.AfterFunc(time.Minute, func() {
			if err := s.hub.Connect(context.Background(), late.PublicKey(), late.Addrs()[0].String()); err != nil {
				t.Error(err)
			}
		})
		keys := append([]identity.PublicKey{late.PublicKey()}, s.keys...)
		for i, o := range peernet.CallMany[string](t.Context(), s.hub, keys, "echo", "hi", peernet.AtOnce(1), peernet.WaitForReady()) {
			if o.Err != nil || o.Result != "hi" || i > 0 && o.Took > time.Second {
				t.Errorf("peer %d: %+v", i, o)
			}
		}
	})
}

func TestASendToManyReachesEach(t *testing.T) {
	starOf(t, 3, func(t *testing.T, s *star) {
		var mu sync.Mutex
		heard := make(map[int]string)
		for i, n := range s.others {
			handle(t, n, "note", func(_ context.Context, r *peernet.Request) (any, error) {
				mu.Lock()
				defer mu.Unlock()
				var text string
				err := r.Args().Decode(&text)
				heard[i] += text
				return nil, err
			})
		}
		nobody := newKey(t)
		got := peernet.SendMany(t.Context(), s.hub, append(slices.Clone(s.keys), nobody), "note", "hi")
		synctest.Wait()
		for i, o := range got[:3] {
			if o.Peer != s.keys[i] || o.Err != nil {
				t.Errorf("%+v", o)
			}
		}
		if o := got[3]; o.Peer != nobody || !errors.Is(o.Err, peernet.ErrNotTrusted) {
			t.Errorf("%+v", o)
		}
		mu.Lock()
		defer mu.Unlock()
		if !maps.Equal(heard, map[int]string{0: "hi", 1: "hi", 2: "hi"}) {
			t.Errorf("%v", heard)
		}
	})
}

func TestConnectedAreThoseThatCanBeCalled(t *testing.T) {
	starOf(t, 3, func(t *testing.T, s *star) {
		if err := s.hub.Pair(newKey(t), ""); err != nil {
			t.Fatal(err)
		}
		if got := s.hub.Connected(); !slices.Equal(got, s.keys) {
			t.Errorf("%v, not %v", got, s.keys)
		}
		if err := s.others[1].Shutdown(t.Context()); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if got := s.hub.Connected(); !slices.Equal(got, []identity.PublicKey{s.keys[0], s.keys[2]}) {
			t.Errorf("%v", got)
		}
	})
}

// A counted is an argument that counts how often it is encoded.
type counted struct{ n *atomic.Int64 }

func (c counted) MarshalText() ([]byte, error) {
	if c.n == nil {
		return nil, errUnsendable
	}
	return fmt.Append(nil, c.n.Add(1)), nil
}

var errUnsendable = errors.New("it cannot be sent")

func TestArgumentsAreEncodedOnce(t *testing.T) {
	starOf(t, 3, func(t *testing.T, s *star) {
		for _, n := range s.others {
			handle(t, n, "echo", echo)
		}
		for _, o := range peernet.CallMany[[]byte](t.Context(), s.hub, s.keys, "echo", counted{new(atomic.Int64)}) {
			if o.Err != nil || string(o.Result) != "1" {
				t.Errorf("%+v", o)
			}
		}
		for _, o := range slices.Concat(
			slices.Collect(peernet.CallEach[[]byte](t.Context(), s.hub, s.keys, "echo", counted{})),
			peernet.CallMany[[]byte](t.Context(), s.hub, s.keys, "echo", counted{}),
		) {
			if !errors.Is(o.Err, errUnsendable) || peernet.Sent(o.Err) {
				t.Errorf("%+v", o)
			}
		}
		if got := peernet.CallMany[any](t.Context(), s.hub, nil, "echo", nil); len(got) != 0 {
			t.Errorf("%v of nobody", got)
		}
		for o := range peernet.CallEach[any](t.Context(), s.hub, nil, "echo", nil) {
			t.Errorf("%v of nobody", o)
		}
	})
}
