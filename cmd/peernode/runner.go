package main

import (
	"cmp"
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"github.com/seed-f6ddb928/peernet-go/cmd/peernode/internal/backend"
	"github.com/seed-f6ddb928/peernet-go/cmd/peernode/internal/control"
	"github.com/seed-f6ddb928/peernet-go/cmd/peernode/internal/failure"
	"github.com/seed-f6ddb928/peernet-go/cmd/peernode/internal/metrics"
	"github.com/seed-f6ddb928/peernet-go/cmd/peernode/internal/providers"
	"github.com/seed-f6ddb928/peernet-go/cmd/peernode/internal/text"
	"github.com/seed-f6ddb928/peernet-go/peernet"
	peermetrics "github.com/seed-f6ddb928/peernet-go/peernet/prometheus"
)

// A node that is told to stop may take stopTime. Within controlTime of that the commands that wait at its control socket get
// their answers.
const (
	stopTime    = 5 * time.Second
	controlTime = time.Second
)

// A runner is one run of a node.
type runner struct {
	*app
	config    peernet.Config
	providers providers.Flags
	advertise bool
	echo      bool
	guests    bool // are served the handlers, too
	dialect   string
	metrics   string // the address to serve metrics at, or ""
	logLevel  string
	tunnels   tunneler

	node  *peernet.Node
	begun chan struct{} // closed when the first event is printed
}

// run runs the node until ctx ends, and stops it.
func (r *runner) run(ctx context.Context) (err error) {
	if err := r.check(); err != nil {
		return err
	}
	r.err.Drop(func(n int) []byte {
		return fmt.Appendf(nil, "peernode: %s dropped: nobody read them\n", text.Count(n, "line"))
	})
	r.out.DropEvents(backend.Lagged)
	if r.config.Logger, err = r.logger(); err != nil {
		return err
	}
	dir, err := r.dir.Make()
	if err != nil {
		return err
	}
	r.warnMissing()
	lock, err := control.Acquire(dir)
	if err != nil {
		return err
	}
	defer lock.Release()
	r.config.DataDir, r.config.Discovery, r.config.ListenOnly = dir, r.providers.Make(), !r.advertise
	if r.node, err = peernet.New(r.config); err != nil {
		return err
	}
	info := &backend.Run{Config: r.config, Interfaces: r.providers.Interfaces}
	b := backend.New(r.node, info)
	if r.metrics != "" {
		page, err := r.serveMetrics(ctx)
		if err != nil {
			return err
		}
		defer page.Close()
		info.Metrics = page.URL()
	}
	if r.echo {
		var opts []peernet.HandleOption
		if r.guests {
			opts = append(opts, peernet.Guests())
		}
		if err := r.node.Handle("echo", r.handleEcho, opts...); err != nil {
			return err
		}
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	report := func(e control.Event) { r.report(ctx, e) }
	defer r.tunnels.end()
	if err := r.tunnels.begin(b, report); err != nil {
		return err
	}
	subscribed, unsubscribe := context.WithCancel(context.Background())
	defer unsubscribe()
	events := r.node.Events(subscribed) // before the start, so that none is missed
	if err := r.node.Start(ctx); err != nil {
		return b.ListenError(r.config.Listen, err)
	}
	info.Started = time.Now()
	var printing sync.WaitGroup
	defer func() {
		if e := r.stop(unsubscribe, &printing); err == nil {
			err = e
		}
	}()
	socket, err := control.Listen(dir, r.config.Logger)
	if err != nil {
		return err
	}
	info.Socket = socket.Path()
	r.out.Event(backend.Listening(r.node, info.Socket)) // a write that fails is remembered by the stream, and ends ctx
	close(r.begun)
	var forwarding sync.WaitGroup
	forwarding.Go(func() { r.tunnels.run(ctx, report) })
	defer forwarding.Wait() // before the node stops, which waits for streams
	defer cancel()
	printing.Go(func() {
		for e := range events {
			r.out.Event(b.Event(e))
		}
	})
	server := control.NewServer(failure.Explain, r.config.Logger)
	b.Serve(server)
	return serve(ctx, server, socket)
}

// report prints an event of a tunnel, after the first event of the node.
func (r *runner) report(ctx context.Context, e control.Event) {
	select {
	case <-r.begun:
	case <-ctx.Done():
		if !r.hasBegun() {
			return
		}
	}
	if e.Kind == "forwarding" {
		r.warnOpen(e.Address)
	}
	r.out.Event(e)
}

// hasBegun says whether the first event is printed.
func (r *runner) hasBegun() bool {
	select {
	case <-r.begun:
		return true
	default:
		return false
	}
}

// warnMissing warns of network interfaces in --interface that are not there: they may come later, or be mistyped.
func (r *runner) warnMissing() {
	missing, advice := r.providers.Missing()
	for _, name := range missing {
		r.say("--interface: no %.80q on this machine now", name)
		r.advise(advice)
	}
}

// serveMetrics serves the page of --metrics. It warns if others can reach the page.
func (r *runner) serveMetrics(ctx context.Context) (*metrics.Page, error) {
	collector := peermetrics.New(r.node)
	r.node.Use(collector.Measure)
	registry := prometheus.NewRegistry()
	registry.MustRegister(collector, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	page, err := metrics.Serve(ctx, r.metrics, registry, r.config.Logger)
	if err == nil && !page.Local() {
		r.say("--metrics: everybody who can reach %v can read who this node's peers are, and how much they talk: there is no password", page.Addr())
	}
	return page, err
}

// stop stops the node, and prints that it has stopped if events were printed. Its events end when it has stopped, or with
// unsubscribe if that takes too long.
func (r *runner) stop(unsubscribe func(), printing *sync.WaitGroup) error {
	ctx, cancel := context.WithTimeout(context.Background(), stopTime)
	defer cancel()
	err := r.node.Shutdown(ctx)
	if err != nil {
		unsubscribe()
	}
	printing.Wait()
	if r.hasBegun() {
		r.out.Event(backend.Stopped())
	}
	return err
}

// handleEcho is the handler echo: it returns the argument of a call, and prints a send.
func (r *runner) handleEcho(ctx context.Context, q *peernet.Request) (any, error) {
	if !q.IsSend() {
		return q.Args(), nil
	}
	select {
	case <-r.begun:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	e, err := backend.Received(q)
	if err != nil {
		return nil, err
	}
	return nil, r.out.Event(e)
}

// serve answers at the control socket until ctx ends.
func serve(ctx context.Context, server *control.Server, socket *control.Socket) error {
	down := make(chan error, 1)
	stop := context.AfterFunc(ctx, func() {
		ctx, cancel := context.WithTimeout(context.Background(), controlTime)
		defer cancel()
		down <- server.Shutdown(ctx)
	})
	err := server.Serve(socket)
	if stop() { // ctx has not ended
		return err
	}
	return cmp.Or(err, <-down)
}
