package peernet_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/seed-f6ddb928/peernet-go/discovery"
	"github.com/seed-f6ddb928/peernet-go/discovery/manual"
	"github.com/seed-f6ddb928/peernet-go/identity"
	"github.com/seed-f6ddb928/peernet-go/peernet"
)

// patience bounds what a test waits for on real sockets; nothing takes so long.
const patience = 20 * time.Second

// startNode starts a node on loopback that is shut down with the test.
func startNode(tb testing.TB, c peernet.Config) *peernet.Node {
	tb.Helper()
	if c.Logger == nil && os.Getenv("PEERNET_TEST_LOG") != "" {
		c.Logger = slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelDebug}))
	}
	n, err := peernet.New(c)
	if err != nil {
		tb.Fatal(err)
	}
	if err := n.Start(tb.Context()); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := n.Shutdown(ctx); err != nil {
			tb.Errorf("shutdown: %v", err)
		}
	})
	return n
}

// pair makes two nodes trust each other, under their fingerprints as labels.
func pair(tb testing.TB, a, b *peernet.Node) {
	tb.Helper()
	if err := a.Pair(b.PublicKey(), b.PublicKey().Fingerprint()); err != nil {
		tb.Fatal(err)
	}
	if err := b.Pair(a.PublicKey(), a.PublicKey().Fingerprint()); err != nil {
		tb.Fatal(err)
	}
}

// connect makes a dial b, and waits until both can call.
func connect(tb testing.TB, a, b *peernet.Node) {
	tb.Helper()
	ctx, cancel := context.WithTimeout(tb.Context(), patience)
	defer cancel()
	if err := a.Connect(ctx, b.PublicKey(), b.Addrs()[0].String()); err != nil {
		tb.Fatal(err)
	}
	if _, err := b.Call(ctx, a.PublicKey(), "nothing", nil, peernet.WaitForReady()); !errors.Is(err, peernet.ErrNoHandler) {
		tb.Fatal(err)
	}
}

// pairOf returns two nodes that are connected.
func pairOf(tb testing.TB, ca, cb peernet.Config) (a, b *peernet.Node) {
	tb.Helper()
	a, b = startNode(tb, ca), startNode(tb, cb)
	pair(tb, a, b)
	connect(tb, a, b)
	return a, b
}

// await returns the first event of type E.
func await[E peernet.Event](tb testing.TB, events func(func(peernet.Event) bool)) (found E) {
	tb.Helper()
	for e := range events {
		if e, ok := e.(E); ok {
			return e
		}
	}
	tb.Fatalf("no %T came", found)
	return found
}

func echo(_ context.Context, r *peernet.Request) (any, error) { return r.Args(), nil }

func handle(tb testing.TB, n *peernet.Node, name string, h peernet.Handler, opts ...peernet.HandleOption) {
	tb.Helper()
	if err := n.Handle(name, h, opts...); err != nil {
		tb.Fatal(err)
	}
}

func patiently(tb testing.TB) context.Context {
	tb.Helper()
	ctx, cancel := context.WithTimeout(tb.Context(), patience)
	tb.Cleanup(cancel)
	return ctx
}

func TestTwoNodesCallSendAndPingEachOther(t *testing.T) {
	a, b := pairOf(t, peernet.Config{Name: "node a"}, peernet.Config{Name: "node b"})
	ctx := patiently(t)
	for _, way := range [][2]*peernet.Node{{a, b}, {b, a}} {
		from, to := way[0], way[1]
		handle(t, to, "echo", echo)
		got, err := peernet.Call[string](ctx, from, to.PublicKey(), "echo", "hello")
		if err != nil || got != "hello" {
			t.Errorf("echo = %q, %v", got, err)
		}
		sent := make(chan peernet.Caller, 1)
		handle(t, to, "note", func(_ context.Context, r *peernet.Request) (any, error) {
			if !r.IsSend() || r.Name() != "note" {
				t.Errorf("request is %q, send: %v", r.Name(), r.IsSend())
			}
			sent <- r.Caller()
			return nil, nil
		})
		if err := from.Send(ctx, to.PublicKey(), "note", 7); err != nil {
			t.Error(err)
		}
		if c := <-sent; c.Key != from.PublicKey() || !strings.HasPrefix(c.Name, "node ") || c.Label != from.PublicKey().Fingerprint() || !c.Addr.IsValid() {
			t.Errorf("caller = %+v", c)
		}
		if rtt, err := from.Ping(ctx, to.PublicKey()); err != nil || rtt <= 0 {
			t.Errorf("ping = %v, %v", rtt, err)
		}
	}
	info, ok := a.Peer(b.PublicKey())
	if !ok || info.State != peernet.StateConnected || info.Role != "initiator" || info.Name != "node b" || info.RTT <= 0 {
		t.Errorf("peer = %+v, %v", info, ok)
	}
}

func TestErrorsSayWhatWentWrong(t *testing.T) {
	a, b := pairOf(t, peernet.Config{}, peernet.Config{})
	ctx := patiently(t)
	other := startNode(t, peernet.Config{})
	gone, cancel := context.WithCancel(ctx)
	cancel()
	handle(t, b, "fail", func(context.Context, *peernet.Request) (any, error) {
		return nil, fmt.Errorf("no: %w", peernet.ErrForbidden)
	})
	handle(t, b, "panic", func(context.Context, *peernet.Request) (any, error) { panic("secret") })
	handle(t, b, "wait", func(ctx context.Context, _ *peernet.Request) (any, error) { <-ctx.Done(); return nil, ctx.Err() })
	handle(t, b, "large", func(context.Context, *peernet.Request) (any, error) { return make([]byte, 2<<20), nil })
	if err := peernet.Handle(b, "typed", func(_ context.Context, _ peernet.Caller, n int) (int, error) { return n, nil }); err != nil {
		t.Fatal(err)
	}
	key := b.PublicKey()
	for _, c := range []struct {
		name string
		call func() error
		want error
		sent bool
	}{
		{"no handler", func() error { _, err := a.Call(ctx, key, "nobody", nil); return err }, peernet.ErrNoHandler, true},
		{"forbidden", func() error { _, err := a.Call(ctx, key, "fail", nil); return err }, peernet.ErrForbidden, true},
		{"panic", func() error { _, err := a.Call(ctx, key, "panic", nil); return err }, peernet.ErrInternal, true},
		{"large result", func() error { _, err := a.Call(ctx, key, "large", nil); return err }, peernet.ErrTooLarge, true},
		{"bad arguments", func() error { _, err := a.Call(ctx, key, "typed", "seven"); return err }, peernet.ErrBadArgs, true},
		{"late", func() error {
			ctx, cancel := context.WithTimeout(ctx, 50*time.Millisecond)
			defer cancel()
			_, err := a.Call(ctx, key, "wait", nil)
			return err
		}, context.DeadlineExceeded, true},
		{"given up", func() error { _, err := a.Call(gone, key, "wait", nil); return err }, context.Canceled, false},
		{"not trusted", func() error { _, err := a.Call(ctx, other.PublicKey(), "echo", nil); return err }, peernet.ErrNotTrusted, false},
		{"self", func() error { _, err := a.Call(ctx, a.PublicKey(), "echo", nil); return err }, peernet.ErrSelf, false},
		{"send to nobody", func() error { return a.Send(ctx, other.PublicKey(), "note", nil) }, peernet.ErrNotTrusted, false},
		{"ping nobody", func() error { _, err := a.Ping(ctx, other.PublicKey()); return err }, peernet.ErrNotTrusted, false},
		{"connect to nobody", func() error { return a.Connect(ctx, other.PublicKey()) }, peernet.ErrNotTrusted, false},
		{"connect to self", func() error { return a.Connect(ctx, a.PublicKey()) }, peernet.ErrSelf, false},
		{"pair with self", func() error { return a.Pair(a.PublicKey(), "me") }, peernet.ErrSelf, false},
		{"unpair nobody", func() error { return a.Unpair(other.PublicKey()) }, peernet.ErrNotTrusted, false},
		{"handler twice", func() error { return b.Handle("fail", echo) }, peernet.ErrTaken, false},
	} {
		err := c.call()
		if !errors.Is(err, c.want) || peernet.Sent(err) != c.sent {
			t.Errorf("%s: %v (sent: %v), want %v (%v)", c.name, err, peernet.Sent(err), c.want, c.sent)
		}
		if err != nil && strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: the caller learns of a panic's text: %v", c.name, err)
		}
	}
	if _, err := a.Call(ctx, key, "typed", make([]byte, 2<<20)); err == nil || peernet.Sent(err) {
		t.Errorf("arguments too large: %v", err)
	}
	if got, err := peernet.Call[int](ctx, a, key, "typed", 7); err != nil || got != 7 {
		t.Errorf("the session did not survive: %v, %v", got, err)
	}
}

func TestNotConnectedIsToldAtOnceOrWaitedFor(t *testing.T) {
	a, b := startNode(t, peernet.Config{}), startNode(t, peernet.Config{})
	pair(t, a, b)
	handle(t, b, "echo", echo)
	ctx := patiently(t)
	if _, err := a.Call(ctx, b.PublicKey(), "echo", 1); !errors.Is(err, peernet.ErrNotConnected) {
		t.Errorf("call: %v", err)
	}
	if err := a.Connect(ctx, b.PublicKey()); !errors.Is(err, peernet.ErrNoAddress) {
		t.Errorf("connect: %v", err)
	}
	done := make(chan error, 1)
	go func() {
		got, err := peernet.Call[int](ctx, a, b.PublicKey(), "echo", 1, peernet.WaitForReady())
		if err == nil && got != 1 {
			err = fmt.Errorf("echo = %d", got)
		}
		done <- err
	}()
	connect(t, b, a) // the other way round: an inbound session serves as well
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestStrangerIsRefusedAndLearnsNothingElse(t *testing.T) {
	a, b := startNode(t, peernet.Config{}), startNode(t, peernet.Config{Name: "secret name"})
	if err := a.Pair(b.PublicKey(), "b"); err != nil {
		t.Fatal(err)
	}
	ctx := patiently(t)
	events := b.Events(ctx)
	err := a.Connect(ctx, b.PublicKey(), b.Addrs()[0].String())
	if !errors.Is(err, peernet.ErrRefused) || strings.Contains(err.Error(), "secret") {
		t.Errorf("connect: %v", err)
	}
	if e := await[peernet.Refused](t, events); e.Peer != a.PublicKey() {
		t.Errorf("refused %v", e.Peer)
	}
	if info, _ := a.Peer(b.PublicKey()); info.Name != "" || info.State == peernet.StateConnected {
		t.Errorf("the stranger sees %+v", info)
	}
}

func TestWrongKeyAndNobodyAreToldApart(t *testing.T) {
	a, b, c := startNode(t, peernet.Config{}), startNode(t, peernet.Config{}), startNode(t, peernet.Config{})
	pair(t, a, b)
	pair(t, a, c)
	ctx := patiently(t)
	if err := a.Connect(ctx, b.PublicKey(), c.Addrs()[0].String()); !errors.Is(err, peernet.ErrWrongKey) || errors.Is(err, peernet.ErrUnreachable) {
		t.Errorf("another key there: %v", err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	if err := a.Connect(ctx, b.PublicKey(), l.Addr().String()); !errors.Is(err, peernet.ErrUnreachable) {
		t.Errorf("nobody there: %v", err)
	}
	if err := a.Connect(ctx, b.PublicKey(), "127.0.0.1:0"); err == nil {
		t.Error("port 0 was dialled")
	}
	if err := a.Connect(ctx, b.PublicKey(), b.Addrs()[0].String()); err != nil {
		t.Errorf("the right key: %v", err)
	}
}

func TestNamespacesDoNotMeet(t *testing.T) {
	a, b := startNode(t, peernet.Config{Namespace: "one"}), startNode(t, peernet.Config{Namespace: "two"})
	pair(t, a, b)
	if err := a.Connect(patiently(t), b.PublicKey(), b.Addrs()[0].String()); !errors.Is(err, peernet.ErrUnreachable) {
		t.Errorf("connect: %v", err)
	}
}

func TestUnpairEndsTheSessionOnBothEnds(t *testing.T) {
	a, b := pairOf(t, peernet.Config{}, peernet.Config{})
	ctx := patiently(t)
	ended := make(chan error, 1)
	handle(t, b, "wait", func(ctx context.Context, _ *peernet.Request) (any, error) {
		<-ctx.Done()
		ended <- ctx.Err()
		return nil, nil
	})
	ea, eb := a.Events(ctx), b.Events(ctx)
	call := make(chan error, 1)
	go func() { _, err := a.Call(ctx, b.PublicKey(), "wait", nil); call <- err }()
	for _, err := b.Ping(ctx, a.PublicKey()); err != nil; { // the call precedes what follows it
		t.Fatal(err)
	}
	if err := b.Unpair(a.PublicKey()); err != nil {
		t.Fatal(err)
	}
	if e := await[peernet.Disconnected](t, ea); e.Reason != "revoked" {
		t.Errorf("a: %+v", e)
	}
	if e := await[peernet.Disconnected](t, eb); e.Reason != "revoked" {
		t.Errorf("b: %+v", e)
	}
	if err := <-call; !errors.Is(err, peernet.ErrLinkLost) {
		t.Errorf("call: %v", err)
	}
	select {
	case err := <-ended:
		if !errors.Is(err, context.Canceled) {
			t.Errorf("handler's context: %v", err)
		}
	default: // the call had not begun when trust was taken
	}
}

func TestEditOfThePeersFileCounts(t *testing.T) {
	dir := t.TempDir()
	a := startNode(t, peernet.Config{DataDir: dir, Timing: peernet.Timing{Reload: time.Hour}})
	b := startNode(t, peernet.Config{})
	if err := b.Pair(a.PublicKey(), ""); err != nil {
		t.Fatal(err)
	}
	ctx := patiently(t)
	events := a.Events(ctx)
	line := fmt.Sprintf("%v addr=%v laptop of Bea\n", b.PublicKey(), b.Addrs()[0])
	if err := os.WriteFile(filepath.Join(dir, "peers"), []byte("# mine\n"+line), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := a.Reload(); err != nil {
		t.Fatal(err)
	}
	if e := await[peernet.Paired](t, events); e.Peer != b.PublicKey() || e.Label != "laptop of Bea" {
		t.Errorf("paired %+v", e)
	}
	await[peernet.Connected](t, events) // at the address in the file
	if err := os.WriteFile(filepath.Join(dir, "peers"), []byte("# mine\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := a.Reload(); err != nil {
		t.Fatal(err)
	}
	if e := await[peernet.Disconnected](t, events); e.Reason != "revoked" {
		t.Errorf("disconnected: %+v", e)
	}
}

func TestIdentityAndTrustSurviveARestart(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new")
	peer := startNode(t, peernet.Config{}).PublicKey()
	var first identity.PublicKey
	for i := range 2 {
		n, err := peernet.New(peernet.Config{DataDir: dir})
		if err != nil {
			t.Fatal(err)
		}
		switch i {
		case 0:
			first = n.PublicKey()
			if err := n.Pair(peer, "friend"); err != nil {
				t.Fatal(err)
			}
		case 1:
			if n.PublicKey() != first {
				t.Error("another identity after a restart")
			}
			if key, err := n.Lookup("friend"); err != nil || key != peer {
				t.Errorf("Lookup = %v, %v", key, err)
			}
			if list := n.Peers(); len(list) != 1 || list[0].State != peernet.StateUnknown || list[0].Label != "friend" {
				t.Errorf("Peers = %+v", list)
			}
		}
		if err := n.Shutdown(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
}

func TestBothDialAndOneSessionStays(t *testing.T) {
	da, db := manual.New(), manual.New()
	a := startNode(t, peernet.Config{Discovery: []discovery.Provider{da}})
	b := startNode(t, peernet.Config{Discovery: []discovery.Provider{db}})
	pair(t, a, b)
	ctx := patiently(t)
	ea, eb := a.Events(ctx), b.Events(ctx)
	go da.Found(b.PublicKey(), b.Addrs()[0])
	db.Found(a.PublicKey(), a.Addrs()[0])
	await[peernet.Connected](t, ea)
	await[peernet.Connected](t, eb)
	handle(t, a, "echo", echo)
	handle(t, b, "echo", echo)
	var all sync.WaitGroup
	for i := range 200 { // while one session takes over from the other, no call is lost
		all.Go(func() {
			from, to := a, b
			if i%2 == 0 {
				from, to = b, a
			}
			if got, err := peernet.Call[int](ctx, from, to.PublicKey(), "echo", i); err != nil || got != i {
				t.Errorf("call %d: %v, %v", i, got, err)
			}
		})
	}
	all.Wait()
}

func TestThousandCallsAtOnceBothWays(t *testing.T) {
	limits := peernet.Limits{CallsPerPeer: 1000}
	a, b := pairOf(t, peernet.Config{Limits: limits}, peernet.Config{Limits: limits})
	handle(t, a, "echo", echo)
	handle(t, b, "echo", echo)
	ctx := patiently(t)
	var all sync.WaitGroup
	for i := range 2000 {
		all.Go(func() {
			from, to := a, b
			if i%2 == 0 {
				from, to = b, a
			}
			if got, err := peernet.Call[int](ctx, from, to.PublicKey(), "echo", i); err != nil || got != i {
				t.Errorf("call %d: %v, %v", i, got, err)
			}
		})
	}
	all.Wait()
}

func TestCallsOverTheLimitAreRefusedAtOnce(t *testing.T) {
	a, b := pairOf(t, peernet.Config{}, peernet.Config{Limits: peernet.Limits{CallsPerPeer: 3}})
	ctx := patiently(t)
	release, running := make(chan struct{}), make(chan struct{}, 3)
	handle(t, b, "wait", func(context.Context, *peernet.Request) (any, error) {
		running <- struct{}{}
		<-release
		return nil, nil
	})
	results := make(chan error, 3)
	for range 3 {
		go func() { _, err := a.Call(ctx, b.PublicKey(), "wait", nil); results <- err }()
	}
	for range 3 {
		<-running
	}
	if _, err := a.Call(ctx, b.PublicKey(), "wait", nil); !errors.Is(err, peernet.ErrOverloaded) {
		t.Errorf("the fourth call: %v", err)
	}
	close(release)
	for range 3 {
		if err := <-results; err != nil {
			t.Error(err)
		}
	}
}

func TestShutdownLetsCallsFinishAndThenRefuses(t *testing.T) {
	a, b := pairOf(t, peernet.Config{}, peernet.Config{})
	ctx := patiently(t)
	begun, release := make(chan struct{}), make(chan struct{})
	handle(t, b, "slow", func(context.Context, *peernet.Request) (any, error) {
		close(begun)
		<-release
		return "done", nil
	})
	call := make(chan error, 1)
	go func() {
		got, err := peernet.Call[string](ctx, a, b.PublicKey(), "slow", nil)
		if err == nil && got != "done" {
			err = fmt.Errorf("slow = %q", got)
		}
		call <- err
	}()
	<-begun
	events := a.Events(ctx)
	stopped := make(chan error, 1)
	go func() { stopped <- b.Shutdown(ctx) }()
	var err error
	for !errors.Is(err, peernet.ErrNotConnected) { // the goodbye arrives while the call is running
		if _, err = a.Call(ctx, b.PublicKey(), "nobody", nil); err == nil || ctx.Err() != nil {
			t.Fatal(err)
		}
	}
	close(release)
	if err := <-call; err != nil {
		t.Errorf("the call in flight: %v", err)
	}
	if err := <-stopped; err != nil {
		t.Errorf("shutdown: %v", err)
	}
	if e := await[peernet.Disconnected](t, events); e.Reason != "shutdown" {
		t.Errorf("disconnected: %+v", e)
	}
	if err := b.Shutdown(ctx); err != nil {
		t.Errorf("the second shutdown: %v", err)
	}
	for name, err := range map[string]error{
		"start":   b.Start(ctx),
		"connect": b.Connect(ctx, a.PublicKey()),
		"send":    b.Send(ctx, a.PublicKey(), "x", nil),
	} {
		if !errors.Is(err, peernet.ErrClosed) {
			t.Errorf("%s after shutdown: %v", name, err)
		}
	}
	for range b.Events(ctx) {
		t.Error("an event after shutdown")
	}
}

func TestShutdownEndsWithItsContext(t *testing.T) {
	a := startNode(t, peernet.Config{})
	b, err := peernet.New(peernet.Config{})
	if err != nil {
		t.Fatal(err)
	}
	if err := b.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	pair(t, a, b)
	connect(t, a, b)
	begun, release := make(chan struct{}), make(chan struct{})
	defer close(release)
	handle(t, b, "stubborn", func(context.Context, *peernet.Request) (any, error) {
		close(begun)
		<-release // it does not heed its context
		return nil, nil
	})
	call := make(chan error, 1)
	go func() { _, err := a.Call(patiently(t), b.PublicKey(), "stubborn", nil); call <- err }()
	<-begun
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := b.Shutdown(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("shutdown: %v", err)
	}
	if err := <-call; !errors.Is(err, peernet.ErrLinkLost) || !peernet.Sent(err) {
		t.Errorf("call: %v", err)
	}
}

func TestNodeThatWasNeverStarted(t *testing.T) {
	n, err := peernet.New(peernet.Config{})
	if err != nil {
		t.Fatal(err)
	}
	key := startNode(t, peernet.Config{}).PublicKey()
	if _, err := n.Call(t.Context(), key, "x", nil); !errors.Is(err, peernet.ErrNotStarted) {
		t.Errorf("call: %v", err)
	}
	if err := n.Connect(t.Context(), key, "127.0.0.1:1"); !errors.Is(err, peernet.ErrNotStarted) {
		t.Errorf("connect: %v", err)
	}
	if n.Addrs() != nil {
		t.Error("it listens")
	}
	if err := n.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
	if err := n.Start(t.Context()); !errors.Is(err, peernet.ErrClosed) {
		t.Errorf("start: %v", err)
	}
}

func TestBadConfigsAreRefused(t *testing.T) {
	for name, c := range map[string]peernet.Config{
		"namespace":      {Namespace: strings.Repeat("x", 256)},
		"name":           {Name: strings.Repeat("x", 65)},
		"frame":          {Limits: peernet.Limits{Frame: 1000}},
		"call bytes":     {Limits: peernet.Limits{CallBytesPerPeer: 1000}},
		"negative limit": {Limits: peernet.Limits{Strangers: -1}},
		"negative time":  {Timing: peernet.Timing{Dial: -1}},
	} {
		if _, err := peernet.New(c); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	n, err := peernet.New(peernet.Config{Listen: "nonsense"})
	if err != nil {
		t.Fatal(err)
	}
	if err := n.Start(t.Context()); err == nil {
		t.Error("it listens on nonsense")
	}
	if err := n.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestNodesShareAnActorSystemAndPublishThere(t *testing.T) {
	system := actor.NewActorSystem(actor.WithLoggerFactory(func(*actor.ActorSystem) *slog.Logger { return slog.New(slog.DiscardHandler) }))
	t.Cleanup(system.Shutdown)
	seen := make(chan peernet.Connected, 8)
	sub := system.EventStream.Subscribe(func(e any) {
		if e, ok := e.(peernet.Connected); ok {
			seen <- e
			panic("a subscriber that breaks takes nothing down")
		}
	})
	t.Cleanup(func() { system.EventStream.Unsubscribe(sub) })
	a, b := pairOf(t, peernet.Config{System: system}, peernet.Config{System: system})
	for range 2 {
		if e := <-seen; e.Peer != a.PublicKey() && e.Peer != b.PublicKey() {
			t.Errorf("connected to %v", e.Peer)
		}
	}
}

func TestPeersFileIsReadAgainByItself(t *testing.T) {
	dir := t.TempDir()
	a := startNode(t, peernet.Config{DataDir: dir, Timing: peernet.Timing{Reload: 5 * time.Millisecond}})
	key := startNode(t, peernet.Config{}).PublicKey()
	events := a.Events(patiently(t))
	if err := os.WriteFile(filepath.Join(dir, "peers"), []byte(key.String()+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if e := await[peernet.Paired](t, events); e.Peer != key {
		t.Errorf("paired %+v", e)
	}
}
