package control

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// A fake is a Backend that does what it is given. What it is not given fails with errNothing.
type fake struct {
	peers      func(context.Context, Request) (Peers, error)
	discovered func(context.Context, Request) (Discovered, error)
	watch      func(context.Context, WatchRequest, func(Change) error) error
	connect    func(context.Context, ConnectRequest) (Peer, error)
	wait       func(context.Context, PeerRequest) (Peer, error)
	why        func(context.Context, PeerRequest) (Why, error)
	call       func(context.Context, CallRequest) (CallAnswer, error)
}

var errNothing = errors.New("nothing to do")

// testNode is the node that every fake is.
var testNode = Node{
	PublicKey: "pnet1key", Addresses: []string{"127.0.0.1:7100"}, Listen: ":7100", Discovery: []string{"manual"},
	Uptime: 1.5, Peers: map[string]int{"connected": 1}, Control: "/run/control.sock",
}

func (f fake) Node(context.Context, Request) (Node, error) {
	return testNode, nil
}

func (f fake) Peers(ctx context.Context, q Request) (Peers, error) {
	if f.peers == nil {
		return Peers{}, errNothing
	}
	return f.peers(ctx, q)
}

func (f fake) Discovered(ctx context.Context, q Request) (Discovered, error) {
	if f.discovered == nil {
		return Discovered{}, errNothing
	}
	return f.discovered(ctx, q)
}

func (f fake) Watch(ctx context.Context, q WatchRequest, tell func(Change) error) error {
	if f.watch == nil {
		return errNothing
	}
	return f.watch(ctx, q, tell)
}

func (f fake) Connect(ctx context.Context, q ConnectRequest) (Peer, error) {
	if f.connect == nil {
		return Peer{}, errNothing
	}
	return f.connect(ctx, q)
}

func (f fake) Wait(ctx context.Context, q PeerRequest) (Peer, error) {
	if f.wait == nil {
		return Peer{}, errNothing
	}
	return f.wait(ctx, q)
}

func (f fake) Why(ctx context.Context, q PeerRequest) (Why, error) {
	if f.why == nil {
		return Why{}, errNothing
	}
	return f.why(ctx, q)
}

func (f fake) Call(ctx context.Context, q CallRequest) (CallAnswer, error) {
	if f.call == nil {
		return CallAnswer{}, errNothing
	}
	return f.call(ctx, q)
}

func (f fake) CallAll(_ context.Context, q CallAllRequest) (CallAllAnswer, error) {
	return CallAllAnswer{Outcomes: []Outcome{
		{PublicKey: "pnet1peer", Label: "bob", Result: q.Args, Took: 0.25},
		{PublicKey: "pnet1other", Error: &Error{Code: q.Name, Text: "no", Exit: 1}},
	}}, nil
}

func (f fake) Send(context.Context, CallRequest) (SendAnswer, error) {
	return SendAnswer{PublicKey: "pnet1peer", Label: "bob"}, nil
}

func (f fake) Ping(context.Context, PeerRequest) (PingAnswer, error) {
	return PingAnswer{PublicKey: "pnet1peer", RTT: 0.25}, nil
}

// testCodes are the codes that explainTest gives to the errors of this package.
var testCodes = map[error]string{
	ErrRequest: "request", ErrTooLarge: "too_large", ErrBusy: "busy", ErrStopping: "stopping",
	errNothing: "nothing", context.DeadlineExceeded: "deadline",
}

func explainTest(err error) *Error {
	for sentinel, code := range testCodes {
		if errors.Is(err, sentinel) {
			return &Error{Code: code, Text: err.Error(), Hint: "do otherwise", Exit: 3}
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

// serve runs a server with b on a data directory, which it returns with the socket and the server. All is
// stopped when the test ends.
func serve(t *testing.T, b Backend) (dir string, socket *Socket, server *Server) {
	t.Helper()
	dir = tempDir(t)
	socket, err := Listen(dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	server = NewServer(b, explainTest, nil)
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
		PublicKey: "pnet1bob", Label: "bob", Name: "bob's", State: "connected", Since: &since, Reason: "dialled",
		Address: "127.0.0.1:1", Role: "initiator", RTT: 0.5, LastHeard: &since,
		Addresses: []Address{{Address: "127.0.0.1:1", Source: "manual", LastSeen: &since, LastResult: "connected"}},
	}
	why := Why{
		Peer:    bob,
		History: []Step{{Time: &since, State: "found", Address: "127.0.0.1:1", Source: "manual", Reason: "heard"}},
		Next:    &since, Advice: "wait", Sentences: []string{"heard of", "connected"},
	}
	dir, _, _ := serve(t, fake{
		peers: func(context.Context, Request) (Peers, error) { return Peers{[]Peer{bob}}, nil },
		connect: func(_ context.Context, q ConnectRequest) (Peer, error) {
			if q.Peer != "bob" || len(q.Addresses) != 1 || q.Addresses[0] != "127.0.0.1:1" || q.limit() != time.Second {
				t.Errorf("got %+v", q)
			}
			return bob, nil
		},
		wait: func(_ context.Context, q PeerRequest) (Peer, error) {
			if q.Peer != "bob" || q.limit() != time.Minute {
				t.Errorf("got %+v", q)
			}
			return bob, nil
		},
		why: func(_ context.Context, q PeerRequest) (Why, error) {
			if q.Peer != "bob" {
				t.Errorf("got %+v", q)
			}
			return why, nil
		},
		call: func(_ context.Context, q CallRequest) (CallAnswer, error) {
			if q.Peer != "bob" || q.Name != "echo" || q.limit() != DefaultTimeout {
				t.Errorf("got %+v", q)
			}
			return CallAnswer{q.Args}, nil
		},
	})
	c, ctx := NewClient(dir), t.Context()

	node, err := c.Node(ctx, Request{})
	expect(t, node, testNode, err)
	peers, err := c.Peers(ctx, Request{})
	expect(t, peers, Peers{[]Peer{bob}}, err)
	peer, err := c.Connect(ctx, ConnectRequest{Timeout: Within(time.Second), Peer: "bob", Addresses: []string{"127.0.0.1:1"}})
	expect(t, peer, bob, err)
	peer, err = c.Wait(ctx, PeerRequest{Timeout: Within(time.Minute), Peer: "bob"})
	expect(t, peer, bob, err)
	reasons, err := c.Why(ctx, PeerRequest{Peer: "bob"})
	expect(t, reasons, why, err)
	// The answer keeps what a JSON library would lose in a float, or escape for HTML.
	args := json.RawMessage(`{"n":12345678901234567890,"s":"<&>"}`)
	result, err := c.Call(ctx, CallRequest{Peer: "bob", Name: "echo", Args: args})
	expect(t, result, CallAnswer{args}, err)
	all, err := c.CallAll(ctx, CallAllRequest{Name: "echo", Args: args})
	expect(t, all, CallAllAnswer{[]Outcome{
		{PublicKey: "pnet1peer", Label: "bob", Result: args, Took: 0.25},
		{PublicKey: "pnet1other", Error: &Error{Code: "echo", Text: "no", Exit: 1}},
	}}, err)
	sent, err := c.Send(ctx, CallRequest{Peer: "bob", Name: "echo"})
	expect(t, sent, SendAnswer{PublicKey: "pnet1peer", Label: "bob"}, err)
	pong, err := c.Ping(ctx, PeerRequest{Peer: "bob"})
	expect(t, pong, PingAnswer{PublicKey: "pnet1peer", RTT: 0.25}, err)
}

// expect compares values by their JSON, which is what counts.
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

func TestErrorsArriveWithCodeHintAndExit(t *testing.T) {
	dir, _, _ := serve(t, fake{})
	_, err := NewClient(dir).Call(t.Context(), CallRequest{Peer: "bob", Name: "echo"})
	e := (*Error)(nil)
	if !errors.As(err, &e) {
		t.Fatal(err)
	}
	if want := (Error{Code: "nothing", Text: errNothing.Error(), Hint: "do otherwise", Exit: 3}); *e != want {
		t.Errorf("got %+v, want %+v", *e, want)
	}
}

func TestTimeoutIsBounded(t *testing.T) {
	for _, c := range []struct {
		name string
		in   Timeout
		want time.Duration
	}{
		{"none", Timeout{}, DefaultTimeout},
		{"negative", Timeout{-1}, DefaultTimeout},
		{"one second", Within(time.Second), time.Second},
		{"part of a millisecond", Within(time.Microsecond), time.Millisecond},
		{"longest", Within(24 * time.Hour), 24 * time.Hour},
		{"too long", Within(25 * time.Hour), 24 * time.Hour},
		{"more than a duration holds", Timeout{1 << 62}, 24 * time.Hour},
	} {
		if got := c.in.limit(); got != c.want {
			t.Errorf("%s: got %v, want %v", c.name, got, c.want)
		}
	}
}
