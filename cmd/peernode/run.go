package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"time"

	"github.com/seed-f6ddb928/peernet-go/cmd/peernode/internal/control"
	"github.com/seed-f6ddb928/peernet-go/peernet"
	"github.com/spf13/cobra"
)

// A node that is told to stop has stopTime to do so; the commands that wait at its control socket are
// answered within controlTime of that.
const (
	stopTime    = 5 * time.Second
	controlTime = time.Second
)

// Limits of --name and --namespace in bytes: wire.md §6.7 and §4.1.
const (
	maxName      = 64
	maxNamespace = 255
)

// A runner is one run of a node.
type runner struct {
	*app
	listen    string
	name      string
	namespace string
	ways      wayFlags
	advertise bool
	private   bool
	limits    peernet.Limits
	idle      time.Duration
	echo      bool
	metrics   string
	logLevel  string
}

func (a *app) runCommand() *cobra.Command {
	r := &runner{app: a}
	run := &cobra.Command{
		Use:   "run",
		Short: "Run the node until it is interrupted",
		Long: `Run runs the node of the data directory: it listens, looks for the peers it trusts and connects to them,
and does what the other subcommands ask of it. It prints what happens, with --json as one object per line;
the first says where it listens. Interrupt it, or send it SIGTERM, and it takes leave of its peers and
stops within 5 seconds; a second time ends it at once.

It looks for peers on the networks that the machine is on, and tells them where it listens: by broadcasts
over UDP, and by multicast DNS. Both carry its public key in clear. What does not work there is warned of
and tried again; peernode status tells how it is going. With --discovery none it neither looks nor tells:
peers are then found at the addresses in the peers file, by peernode connect, and by their own dialling.`,
		Example: `  peernode run --echo
  peernode run --listen 127.0.0.1:7100 --discovery none
  peernode run --interface eth0 --advertise=false
  peernode run --json | jq -c 'select(.event == "connected")'`,
		Args: arguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if r.private && !cmd.Flag("discovery").Changed {
				r.ways.how = privateWay
			}
			return r.run(cmd.Context())
		},
	}
	flags := run.Flags()
	flags.StringVar(&r.listen, "listen", ":0", "where to listen: `HOST:PORT`, or :PORT for all addresses; port 0 is any free one")
	flags.StringVar(&r.name, "name", "", "the `NAME` this node calls itself to its peers, at most 64 bytes")
	flags.StringVar(&r.namespace, "namespace", "", "`NAME` a network of its own: only nodes of the same namespace can connect")
	r.ways.add(run)
	flags.BoolVar(&r.advertise, "advertise", true, "tell the network where this node listens; false: look for peers in silence")
	flags.BoolVar(&r.private, "private", false, "tell nobody but its peers who this node is; they must be private too, and all clocks right to 5 minutes")
	flags.IntVar(&r.limits.Peers, "max-peers", 0, "connect to at most `N` peers at a time (default: to all that are trusted)")
	flags.IntVar(&r.limits.Sessions, "max-sessions", 0, "have at most `N` connections to peers, those that are being replaced included (default: 4 to each)")
	flags.DurationVar(&r.idle, "idle", 0, "disconnect a peer that nobody has used for so `LONG`, such as 10m, until it is needed again (default: never)")
	flags.BoolVar(&r.echo, "echo", false, "serve the handler echo: it returns what it is called with and prints what it is sent")
	flags.StringVar(&r.metrics, "metrics", "", "serve metrics for Prometheus at http://`HOST:PORT`/metrics; port 0 is any free one (default: do not)")
	flags.StringVar(&r.logLevel, "log-level", "warn", "the least `LEVEL` to log to standard error: debug, info, warn or error")
	run.RegisterFlagCompletionFunc("log-level", cobra.FixedCompletions([]string{"debug", "info", "warn", "error"}, cobra.ShellCompDirectiveNoFileComp))
	return run
}

// run runs the node until ctx ends, and stops it.
func (r *runner) run(ctx context.Context) (err error) {
	if err := r.check(); err != nil {
		return err
	}
	log, err := r.logger()
	if err != nil {
		return err
	}
	dir, err := r.makeDataDir()
	if err != nil {
		return err
	}
	r.ways.warn(r.app)
	lock, err := control.Acquire(dir)
	if err != nil {
		return err
	}
	defer lock.Release()
	var page *scrapePage
	if r.metrics != "" {
		if page, err = r.listenScrapes(ctx, r.metrics); err != nil {
			return err
		}
		defer page.close()
	}

	config := peernet.Config{
		DataDir:   dir,
		Listen:    r.listen,
		Name:      r.name,
		Namespace: r.namespace,
		Discovery: r.ways.providers(),
		Logger:    log,

		ListenOnly: !r.advertise,
		Private:    r.private,
		Limits:     r.limits,
		Timing:     peernet.Timing{Idle: r.idle},
	}
	node, err := peernet.New(config)
	if err != nil {
		return err
	}
	p := newEventPrinter(r.app, newLabeller(node))
	if page != nil {
		times := newHandlerTimes()
		node.Use(times.around)
		page.serve(newRegistry(node.Stats, times), log)
	}
	if r.echo {
		if err := node.Handle("echo", p.echo); err != nil {
			return err
		}
	}
	subscribed, unsubscribe := context.WithCancel(context.Background())
	defer unsubscribe()
	events := node.Events(subscribed) // before the start, so that none is missed
	if err := node.Start(ctx); err != nil {
		return listenFailed(err)
	}
	info := newRunInfo(config)
	if page != nil {
		info.metrics = page.url()
	}
	printed := make(chan struct{})
	close(printed) // nothing is printing yet
	defer func() {
		ctx, cancel := context.WithTimeout(context.Background(), stopTime)
		defer cancel()
		if e := node.Shutdown(ctx); err == nil {
			err = e
		}
		select {
		case <-printed: // the last events are out
		case <-ctx.Done():
		}
		p.stopped()
	}()
	socket, err := control.Listen(dir, log)
	if err != nil {
		return err
	}
	info.socket = socket.Path()
	if err := p.listening(node.PublicKey(), node.Addrs(), info.socket); err != nil {
		socket.Close()
		return err
	}
	printed = make(chan struct{})
	go func() {
		defer close(printed)
		p.print(events)
	}()
	return serve(ctx, control.NewServer(backend{node, info}, explain, log), socket)
}

// check says whether the flags can work.
func (r *runner) check() error {
	if err := checkListen(r.listen); err != nil {
		return err
	}
	if _, _, ok := splitAddress(r.metrics); r.metrics != "" && !ok {
		return usage(fmt.Sprintf("--metrics: %.80q is not an address", r.metrics), metricsHint)
	}
	if err := r.ways.check(); err != nil {
		return err
	}
	for _, name := range r.ways.names() {
		if r.private && name != privateWay {
			return usage(fmt.Sprintf("--private: discovery by %s would tell everybody who this node is", name), "give --discovery "+privateWay+", or leave it out")
		}
	}
	for _, f := range []struct {
		name  string
		value int
	}{{"max-peers", r.limits.Peers}, {"max-sessions", r.limits.Sessions}} {
		if f.value < 0 {
			return usage(fmt.Sprintf("--%s is less than 0", f.name), "give it in digits, such as 4, or leave it out")
		}
	}
	if r.limits.Sessions > 0 && r.limits.Sessions < r.limits.Peers {
		return usage(fmt.Sprintf("--max-sessions %d is less than --max-peers %d", r.limits.Sessions, r.limits.Peers),
			"each peer needs a connection: give at least as many, or leave --max-sessions out")
	}
	if r.idle < 0 {
		return usage("--idle is less than 0", timeHint)
	}
	if err := checkLength("name", r.name, maxName); err != nil {
		return err
	}
	return checkLength("namespace", r.namespace, maxNamespace)
}

// listenFailed returns the error of a start with the hint that fits --listen: what else can fail at a start has one
// that fits.
func listenFailed(err error) error {
	if d, ok := errors.AsType[*net.DNSError](err); ok {
		return usage(fmt.Sprintf("--listen: %v", d), "give the host as an address of this machine, or leave it out for all addresses")
	}
	if o, ok := errors.AsType[*net.OpError](err); ok && errors.Is(o, fs.ErrPermission) {
		return &hintedError{err, "the system keeps this port for others, as those below 1024: choose another with --listen"}
	}
	return err
}

// serve answers at the control socket until ctx ends.
func serve(ctx context.Context, server *control.Server, socket *control.Socket) error {
	served := make(chan error, 1)
	go func() { served <- server.Serve(socket) }()
	select {
	case err := <-served:
		return err
	case <-ctx.Done():
	}
	ctx, cancel := context.WithTimeout(context.Background(), controlTime)
	defer cancel()
	err := server.Shutdown(ctx)
	if e := <-served; err == nil {
		err = e
	}
	return err
}

// logger returns a logger to standard error.
func (r *runner) logger() (*slog.Logger, error) {
	var level slog.Level
	if err := level.UnmarshalText([]byte(r.logLevel)); err != nil {
		return nil, usage(fmt.Sprintf("--log-level: there is none called %.80q", r.logLevel), "those that are there: debug, info, warn, error")
	}
	return slog.New(slog.NewTextHandler(logWriter{r.err}, &slog.HandlerOptions{Level: level})), nil
}

// A logWriter begins each record as everything on standard error begins.
type logWriter struct{ w io.Writer }

func (l logWriter) Write(record []byte) (int, error) {
	if _, err := l.w.Write(append([]byte("peernode: "), record...)); err != nil {
		return 0, err
	}
	return len(record), nil
}
