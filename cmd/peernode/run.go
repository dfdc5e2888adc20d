package main

import (
	"cmp"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/seed-f6ddb928/peernet-go/cmd/peernode/internal/failure"
	"github.com/seed-f6ddb928/peernet-go/cmd/peernode/internal/usage"
	"github.com/seed-f6ddb928/peernet-go/envelope"
	"github.com/seed-f6ddb928/peernet-go/peernet"
)

// maxNamespace is the limit of --namespace in bytes: wire.md §4.1.
const maxNamespace = 255

// privateProvider is the only provider for private mode.
const privateProvider = "udp"

func runCommand(a *app) *cobra.Command {
	r := &runner{app: a, begun: make(chan struct{})}
	run := &cobra.Command{
		Use:   "run",
		Short: "Run the node until it is interrupted",
		Long: `Run runs the node of the data directory: it listens, looks for the peers it trusts and connects to them,
and does what the other subcommands ask of it. It prints what happens, with --json as one object per line;
the first says where it listens. Interrupt it, send it SIGTERM, or close its terminal: it says goodbye to
its peers and stops within 5 seconds. A second signal ends it at once. It does not wait for a reader of its
output: 1,024 lines are kept, more are dropped and counted.

It looks for peers on the networks that the machine is on, and announces where it listens: by broadcasts
over UDP, and by multicast DNS. Both carry its public key in clear. It warns of what does not work there and
tries again; peernode status says how it is doing. With --discovery none it neither looks nor announces:
peers are then found at the addresses in the peers file, by peernode connect, and by their own dialling.`,
		Example: `  peernode run --echo
  peernode run --listen 127.0.0.1:7100 --discovery none
  peernode run --interface eth0 --advertise=false
  peernode run --expose web=3000 --allow web=alice --forward 8080=bob:web
  peernode run --json | jq -c 'select(.event == "connected")'`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if r.config.Private && !cmd.Flag("discovery").Changed {
				r.providers.How = privateProvider
			}
			return r.run(cmd.Context())
		},
	}
	flags := run.Flags()
	flags.StringVar(&r.config.Listen, "listen", ":0", "where to listen: `HOST:PORT`, PORT for 127.0.0.1:PORT, or :PORT for any address of this machine; port 0 is any free one")
	flags.StringVar(&r.config.Name, "name", "", "the `NAME` this node calls itself to its peers, at most 64 bytes")
	flags.StringVar(&r.config.Namespace, "namespace", "", "`NAME` a network of its own: only nodes of the same namespace can connect")
	r.providers.Add(run)
	flags.BoolVar(&r.advertise, "advertise", true, "tell the network where this node listens; false: look for peers in silence")
	flags.BoolVar(&r.config.Private, "private", false, "tell only its peers who this node is; they must be private too, and all clocks right to 5 minutes")
	flags.StringVar(&r.dialect, "dialect", dialectAuto, "speak `HOW` with peers: native, beam (with PeerNet on Elixir), or auto, to find out with each")
	flags.IntVar(&r.config.Limits.Peers, "max-peers", 0, "connect to at most `N` peers at a time (default: to all that are trusted)")
	flags.IntVar(&r.config.Limits.Sessions, "max-sessions", 0, "have at most `N` connections to peers, those that are being replaced included (default: 4 to each)")
	flags.DurationVar(&r.config.Timing.Idle, "idle", 0, "disconnect a peer that was not used for so `LONG`, such as 10m, until it is needed again (default: never)")
	flags.BoolVar(&r.echo, "echo", false, "serve the handler echo: it returns what it is called with and prints what it is sent")
	flags.BoolVar(&r.guests, "guests", false, "with --echo: let guests call it too: anybody who can reach the node and asks")
	flags.StringArrayVar(&r.tunnels.expose, "expose", nil, "serve NAME to peers, who reach HOST:PORT by it: `NAME=HOST:PORT`; may be repeated")
	flags.StringArrayVar(&r.tunnels.allow, "allow", nil, "let only PEER open the exposed NAME: `NAME=PEER`; may be repeated (default: all trusted peers)")
	flags.StringArrayVar(&r.tunnels.forward, "forward", nil, "forward HOST:PORT of this machine to NAME of a peer: `HOST:PORT=PEER:NAME`; may be repeated")
	flags.StringVar(&r.metrics, "metrics", "", "serve metrics for Prometheus at http://`HOST:PORT`/metrics; port 0 is any free one (default: do not)")
	flags.StringVar(&r.logLevel, "log-level", "warn", "the least `LEVEL` to log to standard error: debug, info, warn or error")
	run.RegisterFlagCompletionFunc("dialect", cobra.FixedCompletions(dialectNames, cobra.ShellCompDirectiveNoFileComp))
	run.RegisterFlagCompletionFunc("log-level", cobra.FixedCompletions([]string{"debug", "info", "warn", "error"}, cobra.ShellCompDirectiveNoFileComp))
	return run
}

// check returns nil if the flags can work.
func (r *runner) check() error {
	limits := r.config.Limits
	const numberForm = "give it in digits, such as 4, or leave it out"
	return cmp.Or(
		usage.CheckListen("--listen", &r.config.Listen),
		r.checkMetrics(),
		r.providers.Check(),
		r.checkPrivate(),
		r.checkDialect(),
		r.checkGuests(),
		r.tunnels.check(),
		usage.CheckNumber("max-peers", limits.Peers, numberForm),
		usage.CheckNumber("max-sessions", limits.Sessions, numberForm),
		checkSessions(limits.Sessions, limits.Peers),
		usage.CheckNumber("idle", r.config.Timing.Idle, usage.TimeForm),
		usage.CheckText("name", r.config.Name, envelope.MaxHelloString),
		usage.CheckText("namespace", r.config.Namespace, maxNamespace),
	)
}

// checkMetrics returns an error if --metrics is there and no address.
func (r *runner) checkMetrics() error {
	if r.metrics == "" {
		return nil
	}
	return usage.CheckListen("--metrics", &r.metrics)
}

// checkPrivate returns an error if a provider would announce the key of a private node in clear.
func (r *runner) checkPrivate() error {
	for _, name := range r.providers.Names() {
		if r.config.Private && name != privateProvider {
			return failure.Usage(fmt.Sprintf("--private: discovery by %s would tell everybody who this node is", name),
				"give --discovery "+privateProvider+", or leave it out")
		}
	}
	return nil
}

// checkGuests returns an error if there is nothing that guests could call, or nobody may come.
func (r *runner) checkGuests() error {
	switch {
	case r.guests && !r.echo:
		return failure.Usage("--guests: the node has no handler that guests could call", "add --echo")
	case r.guests && r.config.Private:
		return failure.Usage("--guests: a private node does not answer strangers", "leave one of --guests and --private out")
	}
	return nil
}

// dialectAuto has the node find out which dialect a peer speaks.
const dialectAuto = "auto"

// dialectNames are the values of --dialect.
var dialectNames = []string{string(peernet.DialectNative), string(peernet.DialectBEAM), dialectAuto}

// checkDialect sets the dialects of the node from --dialect. It returns an error for an unknown name, and for BEAM beside
// --private or --namespace.
func (r *runner) checkDialect() error {
	switch {
	case !slices.Contains(dialectNames, r.dialect):
		return failure.Usage(fmt.Sprintf("--dialect: unknown dialect %.80q", r.dialect), "use one of: "+strings.Join(dialectNames, ", "))
	case r.dialect == dialectAuto:
		r.config.Dialects = nil
		return nil
	case r.dialect == string(peernet.DialectBEAM) && r.config.Private:
		return failure.Usage("--dialect beam: this dialect has no private mode", "leave one of --dialect and --private out")
	case r.dialect == string(peernet.DialectBEAM) && r.config.Namespace != "":
		return failure.Usage("--dialect beam: this dialect has no namespaces", "leave one of --dialect and --namespace out")
	}
	r.config.Dialects = []peernet.Dialect{peernet.Dialect(r.dialect)}
	return nil
}

// checkSessions returns nil if the limit of sessions allows one with each peer.
func checkSessions(sessions, peers int) error {
	if sessions > 0 && sessions < peers {
		return failure.Usage(fmt.Sprintf("--max-sessions %d is less than --max-peers %d", sessions, peers),
			"each peer needs a connection: give at least as many, or leave --max-sessions out")
	}
	return nil
}

// logger returns a logger to standard error.
func (r *runner) logger() (*slog.Logger, error) {
	var level slog.Level
	if err := level.UnmarshalText([]byte(r.logLevel)); err != nil {
		return nil, failure.Usage(fmt.Sprintf("--log-level: unknown level %.80q", r.logLevel), "use one of: debug, info, warn, error")
	}
	return slog.New(slog.NewTextHandler(logWriter{r.err}, &slog.HandlerOptions{Level: level})), nil
}

// A logWriter begins each record with "peernode: ", as all lines on standard error begin.
type logWriter struct{ w io.Writer }

func (l logWriter) Write(record []byte) (int, error) {
	if _, err := l.w.Write(append([]byte("peernode: "), record...)); err != nil {
		return 0, err
	}
	return len(record), nil
}
