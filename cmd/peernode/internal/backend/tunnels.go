package backend

import (
	"context"
	"net"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/seed-f6ddb928/peernet-go/cmd/peernode/internal/control"
	"github.com/seed-f6ddb928/peernet-go/cmd/peernode/internal/failure"
	"github.com/seed-f6ddb928/peernet-go/cmd/peernode/internal/tunnel"
	"github.com/seed-f6ddb928/peernet-go/identity"
	"github.com/seed-f6ddb928/peernet-go/peernet"
	"github.com/seed-f6ddb928/peernet-go/trust"
)

// tunnels are what is exposed and forwarded now. It is safe for concurrent use.
type tunnels struct {
	mu   sync.Mutex // guards open
	open []control.Tunnel
}

func (t *tunnels) add(o control.Tunnel) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.open = append(t.open, o)
}

// remove removes the one with that name or, if it is forwarded, that address.
func (t *tunnels) remove(o control.Tunnel) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.open = slices.DeleteFunc(t.open, func(p control.Tunnel) bool { return p.Address == o.Address && p.Name == o.Name })
}

func (t *tunnels) list() []control.Tunnel {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.Clone(t.open)
}

// maxReports is how many events of tunnels wait for a client that does not read them; more are dropped and counted.
const maxReports = 256

// A reports is a queue of events that never makes the one who adds to it wait.
type reports struct {
	queue chan control.Event

	mu     sync.Mutex // guards missed
	missed int
}

func newReports() *reports { return &reports{queue: make(chan control.Event, maxReports)} }

func (r *reports) add(e control.Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.missed > 0 {
		select {
		case r.queue <- Lagged(r.missed):
			r.missed = 0
		default:
		}
	}
	select {
	case r.queue <- e:
	default:
		r.missed++
	}
}

// tell tells the events until ctx ends.
func (r *reports) tell(ctx context.Context, tell func(control.WatchLine) error) error {
	for {
		select {
		case e := <-r.queue:
			if err := tell(control.WatchLine{Event: &e}); err != nil {
				return err
			}
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// Expose is control.Expose.
func (b Backend) Expose(ctx context.Context, q control.Request, tell func(control.WatchLine) error) error {
	return carry(ctx, q, tell, b.NewExposed)
}

// Forward is control.Forward.
func (b Backend) Forward(ctx context.Context, q control.Request, tell func(control.WatchLine) error) error {
	return carry(ctx, q, tell, b.NewForwarded)
}

// carry runs a tunnel until ctx ends, and tells what it reports.
func carry(ctx context.Context, q control.Request, tell func(control.WatchLine) error, make func(control.Request, func(control.Event)) (*Tunnel, error)) error {
	r := newReports()
	t, err := make(q, r.add)
	if err != nil {
		return err
	}
	if err := tell(control.WatchLine{Event: &t.Began}); err != nil {
		t.Close()
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	var running sync.WaitGroup
	running.Go(func() { t.Run(ctx) })
	defer running.Wait()
	defer cancel()
	return r.tell(ctx, tell)
}

// A Tunnel is a TCP address that is exposed or forwarded. Run it, or close it.
type Tunnel struct {
	Began control.Event // that it can be used
	run   func(context.Context)
	close func()
}

// Run carries what comes until ctx ends, and closes the tunnel.
func (t *Tunnel) Run(ctx context.Context) {
	defer t.close()
	t.run(ctx)
}

// Close ends the tunnel, and breaks its connections. It may be called again.
func (t *Tunnel) Close() { t.close() }

// NewExposed lets peers reach q.Target by q.Name. It reports every connection.
func (b Backend) NewExposed(q control.Request, report func(control.Event)) (*Tunnel, error) {
	allow, err := b.keys(q.Allow)
	if err != nil {
		return nil, err
	}
	x := tunnel.Exposure{Name: q.Name, Target: q.Target, Allow: allow}
	end, err := tunnel.Expose(b.node, x, func(r tunnel.Report) { report(b.report(r)) })
	if err != nil {
		return nil, err
	}
	open := control.Tunnel{Name: q.Name, Target: q.Target, Allow: texts(allow)}
	b.tunnels.add(open)
	return &Tunnel{exposed(open), func(ctx context.Context) { <-ctx.Done() }, sync.OnceFunc(func() {
		b.tunnels.remove(open)
		end()
	})}, nil
}

// NewForwarded listens at q.Listen for connections to q.Name of q.Peer. Run accepts and reports them.
func (b Backend) NewForwarded(q control.Request, report func(control.Event)) (*Tunnel, error) {
	p, err := b.trusted(q.Peer)
	if err != nil {
		return nil, err
	}
	l, err := net.Listen("tcp", q.Listen)
	if err != nil {
		return nil, b.ListenError(q.Listen, err)
	}
	open := control.Tunnel{Name: q.Name, Address: l.Addr().String(), Peer: p.Key.String(), Label: p.Label}
	b.tunnels.add(open)
	began := control.Event{Kind: "forwarding", Time: timestamp(time.Now()), Address: open.Address, Peer: open.Peer, Label: open.Label, Name: open.Name}
	return &Tunnel{began, func(ctx context.Context) {
		tunnel.Forward(ctx, b.node, l, p.Key, q.Name, func(r tunnel.Report) { report(b.report(r)) })
	}, sync.OnceFunc(func() {
		b.tunnels.remove(open)
		l.Close()
	})}, nil
}

// Pipe is control.Pipe.
func (b Backend) Pipe(ctx context.Context, q control.Request, join func() (*control.Joint, error)) (control.WatchLine, error) {
	return onAwake(ctx, b, q.Peer, func(p trust.Peer) (line control.WatchLine, err error) {
		s, err := tunnel.Open(ctx, b.node, p.Key, q.Name, q.Timeout.Limit())
		if err != nil {
			return line, failure.OfStream(err)
		}
		defer s.Close()
		j, err := join()
		if err != nil {
			return line, err
		}
		return b.join(j, tunnel.Report{Peer: p.Key, Name: q.Name}, func() (tunnel.Counts, error) { return s.Join(ctx, j) }), nil
	})
}

// Take is control.Take.
func (b Backend) Take(ctx context.Context, q control.Request, join func() (*control.Joint, error)) (line control.WatchLine, err error) {
	allow, err := b.keys(q.Allow)
	if err != nil {
		return line, err
	}
	t, err := tunnel.NewTaker(b.node, q.Name, allow)
	if err != nil {
		return line, err
	}
	defer t.Close()
	j, err := join()
	if err != nil {
		return line, err
	}
	e := exposed(control.Tunnel{Name: q.Name, Allow: texts(allow)})
	if err := j.Tell(control.WatchLine{Event: &e}); err != nil {
		return line, err
	}
	taken, err := take(ctx, t, j)
	if err != nil {
		return line, err
	}
	return b.join(j, tunnel.Report{Peer: taken.From().Key, Name: q.Name}, func() (tunnel.Counts, error) { return taken.Join(ctx, j) }), nil
}

// join tells the client that a stream is open, joins them, and returns the line that says how that ended.
func (b Backend) join(j *control.Joint, r tunnel.Report, do func() (tunnel.Counts, error)) (last control.WatchLine) {
	_ = r.Of(func(r tunnel.Report) { // the last line has the error
		e := b.report(r)
		if last = (control.WatchLine{Event: &e}); r.Opened && j.Tell(last) != nil {
			j.Close() // so does do find out
		}
	}, do)
	return last
}

// take waits for a stream until ctx ends, or the client has gone. The client says nothing before it is told of the stream.
func take(ctx context.Context, t *tunnel.Taker, j *control.Joint) (*tunnel.Taken, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	var watching sync.WaitGroup
	watching.Go(func() {
		if _, err := j.Next(); err != nil {
			cancel(err)
		}
	})
	taken, err := t.Take(ctx)
	cause := context.Cause(ctx)
	j.SetReadDeadline(time.Unix(1, 0))
	watching.Wait()
	j.SetReadDeadline(time.Time{})
	if err != nil {
		return nil, cause
	}
	return taken, nil
}

// keys returns the keys of the peers that names name.
func (b Backend) keys(names []string) (keys []identity.PublicKey, err error) {
	for _, name := range names {
		p, err := b.trusted(name)
		if err != nil {
			return nil, err
		}
		keys = append(keys, p.Key)
	}
	return keys, nil
}

// trusted is find for a peer that must be trusted already, so that a mistyped label is noticed at once. It also works before the node
// has started.
func (b Backend) trusted(name string) (trust.Peer, error) {
	p, err := b.find(name)
	if err != nil {
		return p, err
	}
	for _, t := range b.node.Trusted() {
		if t.Key == p.Key {
			return t, nil
		}
	}
	return p, b.about(name, peernet.ErrNotTrusted)
}

// exposed returns the event that a name can be used by peers from now on.
func exposed(t control.Tunnel) control.Event {
	return control.Event{Kind: "exposed", Time: timestamp(time.Now()), Name: t.Name, Target: t.Target, Allow: t.Allow}
}

// report returns r as the command prints it and the control socket carries it.
func (b Backend) report(r tunnel.Report) control.Event {
	known, _ := b.node.Peer(r.Peer)
	e := control.Event{
		Kind: "opened", Time: timestamp(time.Now()), Peer: r.Peer.String(), Label: known.Label, Name: r.Name, Address: r.Address,
	}
	if r.Opened {
		return e
	}
	e.Kind, e.BytesIn, e.BytesOut, e.Took = "closed", &r.In, &r.Out, control.Milliseconds(r.Took)
	if r.Err != nil {
		name := e.Label
		if name == "" {
			name = strings.TrimSuffix(r.Peer.Short(), "…")
		}
		e.Error = failure.Explain(b.about(name, failure.OfStream(r.Err)))
	}
	return e
}
