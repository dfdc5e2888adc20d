package session

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"flag"
	"io"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-f6ddb928/peernet-go/envelope"
	"github.com/seed-f6ddb928/peernet-go/handshake"
	"github.com/seed-f6ddb928/peernet-go/internal/counters"
	"github.com/seed-f6ddb928/peernet-go/internal/serve"
)

// Streams of a session, with a peer in the hands of the test.

// testWindow is the first credit of the handlers below.
const testWindow = 8 << 10

// streaming serves streams: "take" begins and hands its stream to the test until its context ends; "late" waits and never
// begins; "brief" begins and returns; "plain" answers as calls do.
func (w *world) streaming(taken chan *Stream, change ...func(*serve.Config)) func(*Config) {
	return func(c *Config) {
		sc := serve.Config{Clock: w.clock, Log: c.Log, Pool: w.Pool, Rand: rand.Reader, Calls: 4, CallBytes: 1 << 20,
			Streams: 4, StreamBytes: c.StreamBytes, Sends: 4, SendBytes: 1 << 20}
		for _, f := range change {
			f(&sc)
		}
		server := serve.New(sc)
		for name, h := range map[string]serve.Handler{
			"take": func(ctx context.Context, r *serve.Request) (any, error) {
				s := r.Stream().(*Stream)
				defer context.AfterFunc(ctx, func() { s.Interrupt(ctx.Err()) })()
				if err := s.Begin(testWindow); err != nil {
					return nil, err
				}
				taken <- s
				<-ctx.Done()
				return nil, ctx.Err()
			},
			"brief": func(_ context.Context, r *serve.Request) (any, error) {
				return nil, r.Stream().(*Stream).Begin(testWindow)
			},
			"late": func(ctx context.Context, _ *serve.Request) (any, error) {
				<-ctx.Done()
				return nil, ctx.Err()
			},
			"plain": func(_ context.Context, r *serve.Request) (any, error) { return r.Args(), nil },
		} {
			if err := server.Add(&serve.Registration{Name: name, Handler: h}); err != nil {
				w.Fatal(err)
			}
		}
		c.Serve = func(l *Link) Inbound { return server.Open(l) }
		w.Cleanup(server.Wait)
	}
}

// ofPeer and ofOurs name a stream as the peer does: one that it has opened, and one of the session's.
func ofPeer(id envelope.CallID) envelope.StreamID { return envelope.StreamID{Call: id, Mine: true} }
func ofOurs(id envelope.CallID) envelope.StreamID { return envelope.StreamID{Call: id} }

func aStream(id envelope.CallID, name string, credit int32, args any) []byte {
	return must(envelope.Msgpack.AppendCall(nil, id, name, envelope.Options{IsStream: true, Credit: credit}, args))
}

func aData(s envelope.StreamID, value any) []byte {
	b, _, err := envelope.AppendData(nil, s, value)
	return must(b, err)
}

func aCredit(s envelope.StreamID, n int) []byte { return envelope.AppendCredit(nil, s, n) }

func anEnd(s envelope.StreamID) []byte { return envelope.AppendEnd(nil, s) }

// bytesOf returns a value of exactly n bytes, encoded.
func bytesOf(n int) []byte { return make([]byte, MostBinary(n)) }

// reserved fails unless that number of bytes is reserved for streams of the peer.
func (e *end) reserved(want int) {
	e.Helper()
	synctest.Wait()
	if got := e.link.counters.StreamBytes(); got != want {
		e.Errorf("%d bytes are reserved, want %d", got, want)
	}
}

// TestHostileStreamsEndTheSession holds what wire.md §6.11 calls a protocol error.
func TestHostileStreamsEndTheSession(t *testing.T) {
	const most = testWindow
	for name, test := range map[string]struct {
		say  [][]byte
		want error
	}{
		"data beyond credit, at once":   {[][]byte{aStream(1, "take", 100, nil), aData(ofPeer(1), bytesOf(most+1))}, errBeyondCredit},
		"data beyond credit, by little": {[][]byte{aStream(1, "take", 100, nil), aData(ofPeer(1), bytesOf(most)), aData(ofPeer(1), nil)}, errBeyondCredit},
		"data before credit":            {[][]byte{aStream(1, "late", 100, nil), aData(ofPeer(1), nil)}, errBeyondCredit},
		"data after the end":            {[][]byte{aStream(1, "take", 100, nil), anEnd(ofPeer(1)), aData(ofPeer(1), nil)}, errAfterEnd},
		"a second end":                  {[][]byte{aStream(1, "take", 100, nil), anEnd(ofPeer(1)), anEnd(ofPeer(1))}, errAfterEnd},
		"credit overflow":               {[][]byte{aStream(1, "take", 100, nil), aCredit(ofPeer(1), envelope.MaxCredit-99)}, errCreditOverflow},
		"credit overflow in two":        {[][]byte{aStream(1, "late", 1, nil), aCredit(ofPeer(1), envelope.MaxCredit-1), aCredit(ofPeer(1), 1)}, errCreditOverflow},
		"an id in flight":               {[][]byte{aStream(1, "take", 100, nil), aStream(1, "take", 100, nil)}, serve.ErrDuplicateID},
		"an id of a call in flight":     {[][]byte{aCall(1, "late", nil), aStream(1, "take", 100, nil)}, serve.ErrDuplicateID},
		"args that are none":            {[][]byte{must(envelope.Msgpack.AppendSend(nil, envelope.NameData, 1))}, envelope.ErrArray},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, w *world) {
				taken := make(chan *Stream, 4)
				e, r := w.open(handshake.Responder, w.streaming(taken))
				for _, plain := range test.say {
					r.Write(r.Frames(plain))
					synctest.Wait()
				}
				all := r.rest()
				if n := len(all); n == 0 || !bytes.Equal(all[n-1], aBye(envelope.ReasonProtocol)) {
					t.Errorf("the peer heard %x", all)
				}
				r.hangUp()
				if m := e.ended(); m.Reason != envelope.ReasonProtocol || !errors.Is(m.Err, test.want) {
					t.Errorf("ended %+v, want for %v", m, test.want)
				}
				synctest.Wait()
				if n := e.link.counters.StreamBytes(); n != 0 {
					t.Errorf("%d bytes are still reserved", n)
				}
			})
		})
	}
}

// TestWhatIsSaidOfStreamsThatAreNotOpenIsCounted and dropped: it may have crossed the end.
func TestWhatIsSaidOfStreamsThatAreNotOpenIsCounted(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		e, r := w.open(handshake.Responder, w.streaming(make(chan *Stream, 4)))
		r.say(aStream(1, "plain", 100, 5))
		r.want(aReply(1, 5))
		r.say(aData(ofPeer(1), 1), aCredit(ofPeer(1), 1), anEnd(ofPeer(1)), // it has ended
			aData(ofPeer(7), bytesOf(1<<19)), aCredit(ofPeer(7), envelope.MaxCredit), anEnd(ofPeer(7)), // there was none
			aData(ofOurs(1), 1), aCredit(ofOurs(1), 1), anEnd(ofOurs(1)))
		r.say(aPing(2))
		r.want(aPong(2))
		if n := e.link.counters; n == nil {
			t.Fatal()
		}
		var s counters.Stats
		peers, _ := e.config.Counters.Snapshot(e.config.Trusted)
		if s = peers[theirs.PublicKey()]; s.Counts[counters.StreamsIgnored] != 9 {
			t.Errorf("%d were counted, want 9", s.Counts[counters.StreamsIgnored])
		}
		e.reserved(0)
	})
}

// opens is how many streams a hostile peer opens; each is answered before the next hundred.
var opens = flag.Int("opens", 20_000, "how many streams TestMillionOpensAreRefused opens")

// TestMillionOpensAreRefused: what is refused leaves nothing, and what may run is as many as the limit says.
func TestMillionOpensAreRefused(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		taken := make(chan *Stream, 10)
		e, r := w.open(handshake.Responder, w.streaming(taken, func(c *serve.Config) { c.Streams = 3 }))
		opens := envelope.CallID(*opens)
		runtime.GC()
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		for id := envelope.CallID(1); id <= opens; id += 100 {
			var batch [][]byte
			for i := range envelope.CallID(100) {
				batch = append(batch, aStream(id+i, "take", envelope.MaxCredit, nil))
			}
			r.say(batch...)
			for range 100 {
				plain, err := r.Next()
				if err != nil {
					t.Fatal(err)
				}
				var m envelope.Envelope
				if err := envelope.Msgpack.Parse(plain, &m); err != nil || m.Kind == envelope.KindReply && m.ID > 3 != errors.Is(m.Err, envelope.ErrOverloaded) {
					t.Fatalf("heard %x", plain)
				}
			}
		}
		runtime.GC()
		runtime.ReadMemStats(&after)
		if grown := int64(after.HeapAlloc) - int64(before.HeapAlloc); grown > 1<<20 {
			t.Errorf("%d opens have left %d bytes", opens, grown)
		}
		t.Logf("%d opens, %d of them refused", opens, opens-3)
		if len(taken) != 3 || e.link.streams.countAll() != 3 {
			t.Errorf("%d streams run, %d are in the table", len(taken), e.link.streams.countAll())
		}
		e.reserved(3 * (testWindow + 1)) // and the arguments
		r.say(aCancel(1), aCancel(2), aCancel(3))
		e.reserved(0)
	})
}

// TestBytesOfStreamsAreBoundedPerPeer: by the windows of both directions, and arguments.
func TestBytesOfStreamsAreBoundedPerPeer(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		args := make([]byte, 5000) // 5003 encoded
		e, r := w.open(handshake.Responder, func(c *Config) { c.StreamBytes = 2*testWindow + 6000 }, w.streaming(make(chan *Stream, 4)))
		for id, args := range [][]byte{1: args, 2: nil, 3: args, 4: nil} { // for those of 3 there is no room, and not for the window of 4
			if id == 0 {
				continue
			}
			id := envelope.CallID(id)
			r.say(aStream(id, "take", 100, args))
			if id < 3 {
				r.want(aCredit(ofOurs(id), testWindow))
				continue
			}
			plain, err := r.Next()
			var m envelope.Envelope
			if err == nil {
				err = envelope.Msgpack.Parse(plain, &m)
			}
			if err != nil || m.ID != id || !errors.Is(m.Err, envelope.ErrOverloaded) {
				t.Errorf("heard %x, %v", plain, err)
			}
		}
		e.reserved(2*testWindow + 5003 + 1)
	})
}

// TestCreditComesBackInHalves: a dialogue of small values costs no credit, and a value of half of the window always finds some.
func TestCreditComesBackInHalves(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		taken := make(chan *Stream, 1)
		e, r := w.open(handshake.Responder, func(c *Config) { c.StreamBytes = 2*testWindow + 1 }, w.streaming(taken)) // no room to grow
		r.say(aStream(1, "take", 100, nil))
		r.want(aCredit(ofOurs(1), testWindow))
		s := <-taken
		sent := 0
		for sent+10 < testWindow/2 {
			r.say(aData(ofPeer(1), bytesOf(10)))
			sent += 10
			if v, err := s.Recv(t.Context()); err != nil || len(v) != 10 {
				t.Fatalf("%d bytes, %v", len(v), err)
			}
		}
		r.say(aPing(2))
		r.want(aPong(2)) // and no credit before it
		r.say(aData(ofPeer(1), bytesOf(testWindow/2)))
		if _, err := s.Recv(t.Context()); err != nil {
			t.Fatal(err)
		}
		r.want(aCredit(ofOurs(1), sent+testWindow/2))
		e.reserved(testWindow + 1)
		r.say(anEnd(ofPeer(1)))
		if _, err := s.Recv(t.Context()); err != io.EOF {
			t.Errorf("after the end: %v", err)
		}
		e.reserved(1) // the arguments
	})
}

// TestWindowGrowsWhileTheReaderKeepsUp, within half of what there is, and shrinks when others need it.
func TestWindowGrowsWhileTheReaderKeepsUp(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		taken := make(chan *Stream, 4)
		e, r := w.open(handshake.Responder, func(c *Config) { c.StreamBytes = 16*testWindow + 2 }, w.streaming(taken))
		r.say(aStream(1, "take", 100, nil))
		r.want(aCredit(ofOurs(1), testWindow))
		s := <-taken
		exchange := func() {
			t.Helper()
			for range 64 {
				r.say(aData(ofPeer(1), bytesOf(testWindow/4)))
				if _, err := s.Recv(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
		}
		exchange()
		e.reserved(8*testWindow + 1)
		for id := envelope.CallID(2); id <= 4; id++ { // together they pass half
			r.say(aStream(id, "take", 100, nil))
		}
		exchange()
		e.reserved(7*testWindow + 4)
	})
}

// TestReaderThatStopsGrantsNothing, and what it holds is what it was granted.
func TestReaderThatStopsGrantsNothing(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		e, r := w.open(handshake.Responder, w.streaming(make(chan *Stream, 4)))
		r.say(aStream(1, "take", 100, nil))
		r.want(aCredit(ofOurs(1), testWindow))
		for range testWindow {
			r.Write(r.Frames(aData(ofPeer(1), nil))) // of one byte each
		}
		synctest.Wait()
		e.look(func(s *session) {
			st := s.streams.find(ofPeer(1))
			st.mu.Lock()
			defer st.mu.Unlock()
			held := 0
			for _, c := range st.in.values.chunks {
				held += cap(c.b)
			}
			if held > 2*testWindow {
				t.Errorf("%d values of one byte hold %d bytes", testWindow, held)
			}
		})
		r.say(aCall(2, "plain", 1))
		r.want(aReply(2, 1)) // others go on
		e.reserved(testWindow + 1)
	})
}

// TestStreamsKeepAReplacedSession, an idle one included, as long as they last, and not longer than its bound.
func TestStreamsKeepAReplacedSession(t *testing.T) {
	for reason, want := range map[envelope.Reason]time.Duration{
		envelope.ReasonRotated: time.Hour, envelope.ReasonDuplicate: time.Hour,
		envelope.ReasonShutdown: 30 * time.Second, envelope.ReasonIdle: 30 * time.Second,
	} {
		t.Run(string(reason), func(t *testing.T) {
			bubble(t, func(t *testing.T, w *world) {
				taken := make(chan *Stream, 1)
				near, far := w.pipe()
				ca, cb := w.config(ours, theirs), w.config(theirs, ours)
				for _, c := range []*Config{ca, cb} {
					w.streaming(taken)(c)
					c.LingerReplaced = time.Hour
				}
				b := w.spawn(cb, far, handshake.Responder, false)
				a := w.spawn(ca, near, handshake.Initiator, false)
				a.alive(open)
				s, err := a.link.OpenStream(t.Context(), StreamCall{Name: "take", Window: testWindow})
				if err != nil {
					t.Fatal(err)
				}
				theirs := <-taken
				began := time.Now()
				a.tell(Close{Reason: reason})
				time.Sleep(want - time.Second)
				if err := s.Send(t.Context(), "late"); err != nil {
					t.Error(err)
				}
				if _, err := theirs.Recv(t.Context()); err != nil {
					t.Error(err)
				}
				if _, err := a.link.OpenStream(t.Context(), StreamCall{Name: "take", Window: testWindow}); !Unsent(err) {
					t.Errorf("a new stream: %v", err)
				}
				err = s.Wait(t.Context())
				if took := time.Since(began); took != want || !errors.Is(err, ErrLinkLost) {
					t.Errorf("ended after %v with %v", took, err)
				}
				a.ended()
				b.ended()
			})
		})
	}
}
