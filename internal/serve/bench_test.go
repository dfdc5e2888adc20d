package serve

import (
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"testing"
	"time"
	"unsafe"

	"github.com/seed-f6ddb928/peernet-go/envelope"
	"github.com/seed-f6ddb928/peernet-go/identity"
	"github.com/seed-f6ddb928/peernet-go/internal/actorkit"
	"github.com/seed-f6ddb928/peernet-go/internal/clock"
	"github.com/seed-f6ddb928/peernet-go/internal/counters"
)

// An idleConn is a Conn that takes an answer and says when.
type idleConn struct {
	answered chan struct{}
	counters counters.Peer
}

func (*idleConn) Remote() identity.PublicKey              { return identity.PublicKey{31: 1} }
func (*idleConn) Addr() netip.AddrPort                    { return netip.AddrPort{} }
func (*idleConn) Hello() envelope.Hello                   { return envelope.Hello{} }
func (*idleConn) CheckDrained()                           {}
func (*idleConn) ServeStream(envelope.CallID, int) Stream { panic("no streams") }
func (c *idleConn) Counters() *counters.Peer              { return &c.counters }
func (c *idleConn) Codec() envelope.Codec                 { return envelope.Msgpack }

func (c *idleConn) Reply(envelope.CallID, any, *envelope.RemoteError)         { c.answered <- struct{}{} }
func (c *idleConn) Refuse(envelope.CallID, *envelope.RemoteError) (room bool) { return true }

// newIdle returns a session that answers calls to "nothing", and ends with the test.
func newIdle(tb testing.TB, room int) (*Session, *idleConn) {
	pool := actorkit.NewPool(64)
	server := New(Config{Clock: clock.System, Log: slog.New(slog.DiscardHandler), Pool: pool,
		Calls: 256, CallBytes: 8 << 20, Sends: 1024, SendBytes: 8 << 20})
	if err := server.Add(&Registration{Name: "nothing", Handler: func(context.Context, *Request) (any, error) { return nil, nil }}); err != nil {
		tb.Fatal(err)
	}
	conn := &idleConn{answered: make(chan struct{}, room)}
	session := server.Open(conn)
	tb.Cleanup(func() {
		session.Close(envelope.ReasonShutdown)
		server.Wait()
		pool.Close()
	})
	return session, conn
}

func TestCallAllocatesItsRequestAndNothingElse(t *testing.T) {
	session, conn := newIdle(t, 1)
	call := envelope.Envelope{Kind: envelope.KindCall, Name: []byte("nothing"), Args: make([]byte, 64),
		Options: envelope.Options{HasTimeout: true, Timeout: time.Minute}}
	if n := testing.AllocsPerRun(1000, func() {
		call.ID++
		if err := session.Call(&call); err != nil {
			t.Fatal(err)
		}
		session.Begin()
		<-conn.answered
	}); n != 1 {
		t.Errorf("%v allocations, want 1", n)
	}
	if size := unsafe.Sizeof(Request{}); size > 192 {
		t.Errorf("a request has %d bytes, more than 192 take the next size class", size)
	}
}

// BenchmarkCall measures what a call costs here: it is found, entered, run and answered. The callers are as many
// calls in flight.
func BenchmarkCall(b *testing.B) {
	for _, callers := range []int{1, 64} {
		b.Run(fmt.Sprintf("callers=%d", callers), func(b *testing.B) {
			session, conn := newIdle(b, callers)
			call := envelope.Envelope{Kind: envelope.KindCall, Name: []byte("nothing"), Args: make([]byte, 64)}
			for range callers {
				conn.answered <- struct{}{}
			}
			b.ReportAllocs()
			for b.Loop() {
				<-conn.answered
				call.ID++
				if err := session.Call(&call); err != nil {
					b.Fatal(err)
				}
				session.Begin()
			}
			for range callers {
				<-conn.answered
			}
		})
	}
}
