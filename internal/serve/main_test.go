package serve

import (
	"context"
	"errors"
	"log/slog"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"testing/synctest"

	"go.uber.org/goleak"

	"github.com/seed-f6ddb928/peernet-go/envelope"
	"github.com/seed-f6ddb928/peernet-go/identity"
	"github.com/seed-f6ddb928/peernet-go/internal/actorkit"
	"github.com/seed-f6ddb928/peernet-go/internal/clock"
	"github.com/seed-f6ddb928/peernet-go/internal/counters"
	"github.com/seed-f6ddb928/peernet-go/internal/test/kit"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// A rig is a server in a bubble of its own. When the bubble ends, its sessions are closed, its handlers must end, and
// nothing may be left of any peer.
type rig struct {
	t *testing.T
	*Server
	log      *kit.Log
	counters counters.Node
	sessions []*Session
}

// bubble runs f inside a synctest bubble; change, if not nil, changes the server's limits.
func bubble(t *testing.T, change func(*Config), f func(t *testing.T, g *rig)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		g := &rig{t: t, log: kit.NewLog(slog.LevelInfo)}
		c := Config{Clock: clock.System, Pool: actorkit.NewPool(4), Rand: sameBytes(0xab), Log: g.log.Logger(),
			Calls: 256, CallBytes: 8 << 20, Sends: 1024, SendBytes: 8 << 20}
		if change != nil {
			change(&c)
		}
		g.Server = New(c)
		t.Cleanup(func() {
			for _, s := range g.sessions {
				s.Close(envelope.ReasonShutdown)
			}
			g.Wait()
			c.Pool.Close()
			synctest.Wait()
			if len(g.peers) != 0 {
				t.Errorf("%d peers are left of which nothing is left", len(g.peers))
			}
		})
		f(t, g)
	})
}

// count returns one number of all peers together.
func (g *rig) count(c counters.Counter) uint64 {
	_, total := g.counters.Snapshot(func(identity.PublicKey) bool { return true })
	return total.Counts[c]
}

// open opens a session of the peer with that number.
func (g *rig) open(peer byte) *caller {
	g.t.Helper()
	c := &caller{t: g.t, key: identity.PublicKey{31: peer}}
	c.counters = g.counters.Peer(c.key)
	c.Session = g.Open(c)
	g.sessions = append(g.sessions, c.Session)
	return c
}

// handle registers a handler.
func (g *rig) handle(name string, h Handler) {
	g.t.Helper()
	if err := g.Add(&Registration{Name: name, Handler: h}); err != nil {
		g.t.Fatal(err)
	}
}

// An answer is what a caller gets.
type answer struct {
	id      envelope.CallID
	result  any
	refusal *envelope.RemoteError
	refused bool // at once, without waiting for room
}

// A caller is the other end of a session, and its Conn.
type caller struct {
	*Session
	t        *testing.T
	key      identity.PublicKey
	counters *counters.Peer
	lastID   envelope.CallID

	mu      sync.Mutex // guards the rest
	answers []answer
	full    chan struct{} // not nil: a reply waits until it is closed
	deaf    bool          // no room for refusals
	checks  int
}

func (c *caller) Remote() identity.PublicKey { return c.key }
func (c *caller) Addr() netip.AddrPort       { return netip.AddrPort{} }
func (c *caller) Hello() envelope.Hello      { return envelope.Hello{} }
func (c *caller) Codec() envelope.Codec      { return envelope.Msgpack }
func (c *caller) Counters() *counters.Peer   { return c.counters }

func (c *caller) Reply(id envelope.CallID, result any, refusal *envelope.RemoteError) {
	c.mu.Lock()
	full := c.full
	c.mu.Unlock()
	if full != nil {
		<-full
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.answers = append(c.answers, answer{id, result, refusal, false})
}

func (c *caller) Refuse(id envelope.CallID, refusal *envelope.RemoteError) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.deaf {
		return false
	}
	c.answers = append(c.answers, answer{id, nil, refusal, true})
	return true
}

// ServeStream implements Conn: the answer of a stream counts like any other.
func (c *caller) ServeStream(id envelope.CallID, credit int) Stream { return &answered{c, id} }

// An answered is the stream of one call.
type answered struct {
	*caller
	id envelope.CallID
}

func (a *answered) Reply(result any, refusal *envelope.RemoteError) {
	a.caller.Reply(a.id, result, refusal)
}

func (c *caller) CheckDrained() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.checks++
}

// call calls under the next id, with options that may be left out, and returns the id.
func (c *caller) call(name string, args []byte, o ...envelope.Options) envelope.CallID {
	c.t.Helper()
	c.lastID++
	if err := c.callAs(c.lastID, name, args, o...); err != nil {
		c.t.Fatalf("call %d to %q: %v", c.lastID, name, err)
	}
	return c.lastID
}

func (c *caller) callAs(id envelope.CallID, name string, args []byte, o ...envelope.Options) error {
	e := &envelope.Envelope{Kind: envelope.KindCall, ID: id, Name: []byte(name), Args: args}
	if len(o) > 0 {
		e.Options = o[0]
	}
	defer c.Begin()
	return c.Call(e)
}

func (c *caller) send(name string, args string) {
	c.Send(&envelope.Envelope{Kind: envelope.KindSend, Name: []byte(name), Args: []byte(args)})
}

// answered returns the answers since the last time, once nothing more happens.
func (c *caller) answered() []answer {
	synctest.Wait()
	c.mu.Lock()
	defer c.mu.Unlock()
	a := c.answers
	c.answers = nil
	return a
}

// one returns the only answer since the last time, which must be to that call.
func (c *caller) one(id envelope.CallID) answer {
	c.t.Helper()
	a := c.answered()
	if len(a) != 1 || a[0].id != id {
		c.t.Fatalf("answers %+v, want one, to call %d", a, id)
	}
	return a[0]
}

// wantCode fails the test unless the only answer since the last time is to that call and has that code; "" is success.
func (c *caller) wantCode(id envelope.CallID, code envelope.Code) answer {
	c.t.Helper()
	a := c.one(id)
	var got envelope.Code
	if a.refusal != nil {
		got = a.refusal.Code
	}
	if got != code {
		c.t.Fatalf("call %d is answered with code %q (%v), want %q", id, got, a.refusal, code)
	}
	return a
}

// counts returns how many answers each code has since the last time.
func (c *caller) counts() map[envelope.Code]int {
	n := make(map[envelope.Code]int)
	for _, a := range c.answered() {
		if a.refusal == nil {
			n[""]++
		} else {
			n[a.refusal.Code]++
		}
	}
	return n
}

// A blocker is a handler that waits until the channel is closed, whatever its context says.
type blocker chan struct{}

func (g blocker) handle(context.Context, *Request) (any, error) {
	<-g
	return "through", nil
}

// waitForEnd is a handler that returns what ended its context.
func waitForEnd(ctx context.Context, _ *Request) (any, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}

// echo returns its arguments.
func echo(_ context.Context, r *Request) (any, error) { return string(r.Args().Bytes()), nil }

// A record is a handler that notes its arguments.
type record struct {
	mu  sync.Mutex
	got []string
}

func (r *record) handle(_ context.Context, q *Request) (any, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.got = append(r.got, string(q.Args().Bytes()))
	return nil, nil
}

// all returns what was noted so far, once nothing more happens.
func (r *record) all() []string {
	synctest.Wait()
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.got)
}

// sameBytes is a source of randomness without any.
type sameBytes byte

func (s sameBytes) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = byte(s)
	}
	return len(p), nil
}

var errHandler = errors.New("the disk is full")
