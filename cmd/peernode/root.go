package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"slices"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/seed-f6ddb928/peernet-go/cmd/peernode/internal/datadir"
	"github.com/seed-f6ddb928/peernet-go/cmd/peernode/internal/failure"
	"github.com/seed-f6ddb928/peernet-go/cmd/peernode/internal/output"
	"github.com/seed-f6ddb928/peernet-go/cmd/peernode/internal/usage"
)

// run is the command, and returns its exit code. The first signal of endings ends it in good order, as a closed pipe at its
// standard output does. The second signal ends it at once.
func run(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	ctx, stop := signal.NotifyContext(context.Background(), endings()...)
	defer stop()
	context.AfterFunc(ctx, stop)   // from now on a signal ends the process
	signal.Ignore(syscall.SIGPIPE) // a write that fails says the same
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()

	a := newApp(stdin, output.NewStream(ctx, stdout, cancel), output.NewStream(ctx, stderr, nil))
	root := a.rootCommand()
	root.SetArgs(args)
	cmd, err := root.ExecuteContextC(ctx)
	flush, done := context.WithTimeout(context.Background(), output.FlushTime)
	defer done()
	a.out.Flush(flush)
	switch broken := a.out.Err(); {
	case errors.Is(broken, syscall.EPIPE):
		return failure.ExitFailed // the reader has closed the pipe, and knows
	case broken != nil:
		err = fmt.Errorf("writing the result: %w", broken)
	case err != nil && !a.began && !failure.IsUsage(err):
		err = usage.Unknown(cmd, args, err)
	}
	defer a.err.Flush(flush)
	return a.report(err)
}

// endings returns the signals that end the command: those with which terminals and the system end programs. A signal that was
// ignored at the start, as under nohup, stays ignored.
func endings() []os.Signal {
	return slices.DeleteFunc([]os.Signal{syscall.SIGTERM, os.Interrupt, syscall.SIGHUP}, func(s os.Signal) bool {
		return s != syscall.SIGTERM && signal.Ignored(s)
	})
}

func newApp(in io.Reader, out, err *output.Stream) *app {
	return &app{in: in, out: &output.Printer{Stream: out}, err: err}
}

// rootCommand returns the command tree.
func (a *app) rootCommand() *cobra.Command {
	root := &cobra.Command{
		Use:   "peernode",
		Short: "A node of a network of peers that know each other by key",
		Long: `Peernode runs a node and commands it. Nodes know each other by public key: each connection is
encrypted, both ends prove their key, and only keys that were trusted beforehand get further.

Results go to standard output, everything else to standard error. Exit codes: 0 done, 1 failed,
2 wrong usage, 3 not reachable or timed out, 4 refused.`,
		Example: `  peernode demo
  peernode id
  peernode trust add pnet1… --label bob
  peernode run --echo &
  peernode discover
  peernode wait bob
  peernode why bob
  peernode call bob echo '{"hello": "world"}'`,
		Version:       version(),
		SilenceErrors: true,
		SilenceUsage:  true,

		DisableSuggestions:         true, // cobra's take several lines; package usage writes one
		SuggestionsMinimumDistance: 2,

		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error {
			a.began = true
			if err := usage.TidyFlags(cmd); err != nil {
				return err
			}
			if cmd.Flag("data-dir").Changed && a.dir == "" { // by an unset shell variable, perhaps: the default would be another node
				return failure.Usage("--data-dir is empty", "give it as --data-dir DIR, or leave it out for the usual one")
			}
			return nil
		},
	}
	root.SetVersionTemplate("peernode {{.Version}}\n")
	root.SetOut(a.out)
	root.SetErr(a.err)
	root.SetFlagErrorFunc(usage.FlagError)
	flags := root.PersistentFlags()
	flags.StringVar((*string)(&a.dir), "data-dir", "", "the `DIR` that holds the node's key and peers (default $"+datadir.Variable+
		", else peernode in the user's configuration directory)")
	flags.BoolVar(&a.out.JSON, "json", false, "print one JSON object per line")
	root.MarkPersistentFlagDirname("data-dir")
	for _, newCommand := range subcommands {
		root.AddCommand(a.complete(newCommand(a)))
	}
	usage.StrictHelp(root)
	return root
}

// complete gives cmd and its subcommands a check of the arguments and the completion of PEER, where they have none.
func (a *app) complete(cmd *cobra.Command) *cobra.Command {
	if cmd.Args == nil {
		cmd.Args = usage.Arguments
	}
	if cmd.ValidArgsFunction == nil && strings.Contains(cmd.Use, " PEER") {
		cmd.ValidArgsFunction = a.completePeer
	}
	for _, sub := range cmd.Commands() {
		a.complete(sub)
	}
	return cmd
}

// version returns the version of this module as it was built.
func version() string {
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "(devel)"
}
