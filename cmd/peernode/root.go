package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"
	"time"

	"github.com/seed-f6ddb928/peernet-go/cmd/peernode/internal/control"
	"github.com/spf13/cobra"
)

// An app is one invocation of the command.
type app struct {
	in   io.Reader
	out  *output // results
	err  *output // everything else
	dir  string  // --data-dir
	json bool    // --json

	began bool // a subcommand has begun: what fails from here on is not the command line
}

// run is the command: it returns the exit code. The first interrupt or SIGTERM ends it in good order, as it
// does when nobody reads its results any more; the second ends it at once.
func run(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop)   // gives the signals back to the system, which ends the process
	signal.Ignore(syscall.SIGPIPE) // a write that fails is enough
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()

	a := &app{in: stdin, out: &output{w: stdout, broken: cancel}, err: &output{w: stderr}}
	root := a.rootCommand()
	root.SetArgs(args)
	cmd, err := root.ExecuteContextC(ctx)
	switch failed := a.out.failed(); {
	case errors.Is(failed, syscall.EPIPE):
		return exitFailed // whoever reads has closed the pipe, and knows
	case failed != nil:
		err = fmt.Errorf("writing the result: %w", failed)
	case err != nil && !a.began:
		if _, told := errors.AsType[*usageError](err); !told {
			err = &usageError{err, usageHint(root, cmd, args)}
		}
	}
	return a.report(err)
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

		DisableSuggestions:         true, // they take several lines; usageHint makes one
		SuggestionsMinimumDistance: 2,

		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error {
			a.began = true
			if cmd.Flag("data-dir").Changed && a.dir == "" { // of a variable that is not set, say: not the usual one then
				return usage("--data-dir is empty", "give it as --data-dir DIR, or leave it out for the usual one")
			}
			return nil
		},
	}
	root.SetVersionTemplate("peernode {{.Version}}\n")
	root.SetIn(a.in)
	root.SetOut(a.out)
	root.SetErr(a.err)
	root.SetFlagErrorFunc(flagError)
	flags := root.PersistentFlags()
	flags.StringVar(&a.dir, "data-dir", "", "the `DIR` that holds the node's key and peers (default $"+dataDirVariable+
		", else peernode in the user's configuration directory)")
	flags.BoolVar(&a.json, "json", false, "print one JSON object per line")
	root.MarkPersistentFlagDirname("data-dir")
	root.AddCommand(
		a.demoCommand(), a.idCommand(), a.trustCommand(), a.runCommand(), a.statusCommand(), a.peersCommand(),
		a.discoverCommand(), a.connectCommand(), a.waitCommand(), a.whyCommand(), a.callCommand(), a.sendCommand(), a.pingCommand(),
	)
	strictHelp(root)
	return root
}

// report prints err and its hint, and returns the exit code.
func (a *app) report(err error) int {
	if err == nil {
		return exitDone
	}
	e := explain(err)
	if hint := a.accessHint(err); hint != "" && e.Code == codePermission {
		e.Hint = hint
	}
	a.say("%s", e.Text)
	if e.Hint != "" {
		a.say("hint: %s", e.Hint)
	}
	return e.Exit
}

// say prints one line to standard error.
func (a *app) say(format string, args ...any) {
	fmt.Fprintf(a.err, "peernode: %s\n", oneLine(fmt.Sprintf(format, args...)))
}

// command has ask command the node that runs on the data directory. When none runs, the error says how to
// start one there.
func (a *app) command(ask func(node control.Backend) error) error {
	dir, err := a.dataDir()
	if err != nil {
		return err
	}
	err = ask(control.NewClient(dir))
	if errors.Is(err, control.ErrNoNode) && a.dir != "" {
		return &hintedError{err, "start one with: peernode run --data-dir " + shellWord(a.dir)}
	}
	return err
}

// timeoutFlag adds --timeout to cmd, which is usual if it is not given, and returns where its value will be.
func timeoutFlag(cmd *cobra.Command, usual time.Duration, what string) *time.Duration {
	d := cmd.Flags().Duration("timeout", usual, what)
	cmd.PreRunE = func(*cobra.Command, []string) error {
		if *d <= 0 {
			return usage("--timeout must be more than 0", timeHint)
		}
		return nil
	}
	return d
}

// version returns the version of this module as it was built.
func version() string {
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "(devel)"
}
