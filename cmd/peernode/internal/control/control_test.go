package control

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"os"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var quiet = slog.New(slog.DiscardHandler)

// A fake is a node with these operations. Those that are nil fail with errNothing.
type fake struct {
	peers      func(context.Context, Request) (Peers, error)
	discovered func(context.Context, Request) (Discovered, error)
	watch      func(context.Context, func(WatchLine) error) error
	connect    func(context.Context, Request) (Peer, error)
	wait       func(context.Context, Request) (Peer, error)
	why        func(context.Context, Request) (Why, error)
	call       func(context.Context, Request) (CallAnswer, error)
	pipe       func(context.Context, Request, func() (*Joint, error)) (WatchLine, error)
}

var errNothing = errors.New("nothing to do")

// testNode is the answer of every fake to GetNode.
var testNode = Node{
	PublicKey: "pnet1key", Addresses: []string{"127.0.0.1:7100"}, Listen: ":7100", Discovery: []string{"manual"},
	Uptime: 1.5, Peers: map[string]int{"connected": 1}, Control: "/run/control.sock",
}

// newServer returns a server with the operations of f.
func newServer(f fake) *Server {
	s := NewServer(explainTest, quiet)
	GetNode.Serve(s, func(context.Context, Request) (Node, error) { return testNode, nil })
	GetPeers.Serve(s, orNothing(f.peers))
	Discover.Serve(s, orNothing(f.discovered))
	Connect.Serve(s, orNothing(f.connect))
	Wait.Serve(s, orNothing(f.wait))
	Explain.Serve(s, orNothing(f.why))
	Call.Serve(s, orNothing(f.call))
	CallAll.Serve(s, func(_ context.Context, q Request) (CallAllAnswer, error) {
		return CallAllAnswer{Outcomes: []Outcome{
			{PublicKey: "pnet1peer", Label: "bob", Result: q.Args, Took: 0.25},
			{PublicKey: "pnet1other", Error: &Error{Code: q.Name, Text: "no", Exit: 1}},
		}}, nil
	})
	Send.Serve(s, func(context.Context, Request) (SendAnswer, error) {
		return SendAnswer{PublicKey: "pnet1peer", Label: "bob"}, nil
	})
	Ping.Serve(s, func(context.Context, Request) (PingAnswer, error) {
		return PingAnswer{PublicKey: "pnet1peer", RTT: 0.25}, nil
	})
	if f.watch == nil {
		f.watch = func(context.Context, func(WatchLine) error) error { return errNothing }
	}
	if f.pipe == nil {
		f.pipe = func(context.Context, Request, func() (*Joint, error)) (WatchLine, error) {
			return WatchLine{}, errNothing
		}
	}
	Pipe.Serve(s, f.pipe)
	Watch.Serve(s, func(ctx context.Context, _ struct{}, tell func(WatchLine) error) error { return f.watch(ctx, tell) })
	return s
}

// orNothing returns do, or if do is nil a function that fails with errNothing.
func orNothing[Q, A any](do func(context.Context, Q) (A, error)) func(context.Context, Q) (A, error) {
	if do != nil {
		return do
	}
	return func(context.Context, Q) (a A, err error) { return a, errNothing }
}

// testCodes are the codes that explainTest gives to the errors of this package.
var testCodes = map[error]string{
	ErrRequest: "request", ErrTooLarge: "too_large", ErrBusy: "busy", ErrStopping: "stopping",
	errNothing: "nothing", context.DeadlineExceeded: "deadline",
}

func explainTest(err error) *Error {
	for sentinel, code := range testCodes {
		if errors.Is(err, sentinel) {
			return &Error{Code: code, Text: err.Error(), Advice: "do otherwise", Exit: 3}
		}
	}
	return &Error{Code: "other", Text: err.Error(), Exit: 1}
}

// code returns the code of an error that came over the control socket.
func code(t *testing.T, err error) string {
	t.Helper()
	e := (*Error)(nil)
	if !errors.As(err, &e) {
		t.Fatalf("got error %v, want one that came over the socket", err)
	}
	return e.Code
}

// tempDir returns a directory of the test's own whose path is short, unlike t.TempDir's.
func tempDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "ctl-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// serve runs a server with the operations of f on a new data directory, until the test ends.
func serve(t *testing.T, f fake) (dir string, socket *Socket, server *Server) {
	t.Helper()
	dir = tempDir(t)
	socket, err := Listen(dir, quiet)
	if err != nil {
		t.Fatal(err)
	}
	server = newServer(f)
	served := make(chan error, 1)
	go func() { served <- server.Serve(socket) }()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := server.Shutdown(ctx); err != nil {
			t.Error(err)
		}
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
	return dir, socket, server
}

func TestEveryOperationArrivesWhole(t *testing.T) {
	since := time.Date(2026, 11, 21, 20, 0, 0, 0, time.UTC)
	bob := Peer{
		PublicKey: "pnet1bob", Label: "bob", Name: "bob's", State: "connected", Since: since, Reason: "dialled",
		Address: "127.0.0.1:1", Role: "initiator", RTT: 0.5, LastHeard: since,
		Addresses: []Address{{Address: "127.0.0.1:1", Source: "manual", LastSeen: since, LastResult: "connected"}},
	}
	why := Why{
		Peer:    bob,
		History: []Step{{Time: since, State: "found", Address: "127.0.0.1:1", Source: "manual", Reason: "heard"}},
		Next:    since, Advice: "wait", Sentences: []string{"heard of", "connected"},
	}
	dir, _, _ := serve(t, fake{
		peers: func(context.Context, Request) (Peers, error) { return Peers{Peers: []Peer{bob}}, nil },
		connect: func(_ context.Context, q Request) (Peer, error) {
			if q.Peer != "bob" || len(q.Addresses) != 1 || q.Addresses[0] != "127.0.0.1:1" || q.Timeout.Limit() != time.Second {
				t.Errorf("got %+v", q)
			}
			return bob, nil
		},
		wait: func(_ context.Context, q Request) (Peer, error) {
			if q.Peer != "bob" || q.Timeout.Limit() != time.Minute {
				t.Errorf("got %+v", q)
			}
			return bob, nil
		},
		why: func(_ context.Context, q Request) (Why, error) {
			if q.Peer != "bob" {
				t.Errorf("got %+v", q)
			}
			return why, nil
		},
		call: func(_ context.Context, q Request) (CallAnswer, error) {
			if q.Peer != "bob" || q.Name != "echo" || q.Timeout.Limit() != DefaultTimeout {
				t.Errorf("got %+v", q)
			}
			return CallAnswer{q.Args}, nil
		},
	})
	c, ctx := NewClient(dir), t.Context()

	node, err := GetNode.Ask(ctx, c, Request{})
	expect(t, node, testNode, err)
	peers, err := GetPeers.Ask(ctx, c, Request{})
	expect(t, peers, Peers{Peers: []Peer{bob}}, err)
	peer, err := Connect.Ask(ctx, c, Request{Timeout: Within(time.Second), Peer: "bob", Addresses: []string{"127.0.0.1:1"}})
	expect(t, peer, bob, err)
	peer, err = Wait.Ask(ctx, c, Request{Timeout: Within(time.Minute), Peer: "bob"})
	expect(t, peer, bob, err)
	reasons, err := Explain.Ask(ctx, c, Request{Peer: "bob"})
	expect(t, reasons, why, err)
	// The answer keeps a number that a float does not hold, and characters that JSON for HTML escapes.
	args := json.RawMessage(`{"n":12345678901234567890,"s":"<&>"}`)
	result, err := Call.Ask(ctx, c, Request{Peer: "bob", Name: "echo", Args: args})
	expect(t, result, CallAnswer{args}, err)
	all, err := CallAll.Ask(ctx, c, Request{Name: "echo", Args: args})
	expect(t, all, CallAllAnswer{[]Outcome{
		{PublicKey: "pnet1peer", Label: "bob", Result: args, Took: 0.25},
		{PublicKey: "pnet1other", Error: &Error{Code: "echo", Text: "no", Exit: 1}},
	}}, err)
	sent, err := Send.Ask(ctx, c, Request{Peer: "bob", Name: "echo"})
	expect(t, sent, SendAnswer{PublicKey: "pnet1peer", Label: "bob"}, err)
	pong, err := Ping.Ask(ctx, c, Request{Peer: "bob"})
	expect(t, pong, PingAnswer{PublicKey: "pnet1peer", RTT: 0.25}, err)
}

// expect compares values by their JSON.
func expect[T any](t *testing.T, got, want T, err error) {
	t.Helper()
	if err != nil {
		t.Error(err)
		return
	}
	g, _ := json.Marshal(got)
	w, _ := json.Marshal(want)
	if string(g) != string(w) {
		t.Errorf("got %s, want %s", g, w)
	}
}

func TestErrorsArriveWithCodeAdviceAndExit(t *testing.T) {
	dir, _, _ := serve(t, fake{})
	_, err := Call.Ask(t.Context(), NewClient(dir), Request{Peer: "bob", Name: "echo"})
	e := (*Error)(nil)
	if !errors.As(err, &e) {
		t.Fatal(err)
	}
	if want := (Error{Code: "nothing", Text: errNothing.Error(), Advice: "do otherwise", Exit: 3}); *e != want {
		t.Errorf("got %+v, want %+v", *e, want)
	}
}

func TestTimeoutIsBounded(t *testing.T) {
	for _, c := range []struct {
		name string
		in   Timeout
		want time.Duration
	}{
		{"none", 0, DefaultTimeout},
		{"negative", -1, DefaultTimeout},
		{"one second", Within(time.Second), time.Second},
		{"part of a millisecond", Within(time.Microsecond), time.Millisecond},
		{"longest", Within(24 * time.Hour), 24 * time.Hour},
		{"too long", Within(25 * time.Hour), 24 * time.Hour},
		{"more than a duration holds", 1 << 62, 24 * time.Hour},
	} {
		if got := c.in.Limit(); got != c.want {
			t.Errorf("%s: got %v, want %v", c.name, got, c.want)
		}
	}
}
