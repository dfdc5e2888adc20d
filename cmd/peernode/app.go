package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/seed-f6ddb928/peernet-go/cmd/peernode/internal/control"
	"github.com/seed-f6ddb928/peernet-go/cmd/peernode/internal/datadir"
	"github.com/seed-f6ddb928/peernet-go/cmd/peernode/internal/failure"
	"github.com/seed-f6ddb928/peernet-go/cmd/peernode/internal/output"
	"github.com/seed-f6ddb928/peernet-go/cmd/peernode/internal/text"
	"github.com/seed-f6ddb928/peernet-go/trust"
)

// An app is one run of the command. All subcommands share it.
type app struct {
	in  io.Reader
	out *output.Printer // results; --json
	err *output.Stream  // everything else
	dir datadir.Dir     // --data-dir

	began bool // a subcommand has begun, so the command line is right
}

// say prints one line to standard error.
func (a *app) say(format string, args ...any) {
	fmt.Fprintf(a.err, "peernode: %s\n", text.OneLine(fmt.Sprintf(format, args...)))
}

// advise prints what to do about what was said before, if there is something to do.
func (a *app) advise(advice string) {
	if advice != "" {
		a.say("hint: %s", advice)
	}
}

// report prints err and the advice about it, and returns the exit code.
func (a *app) report(err error) int {
	if err == nil {
		return failure.ExitDone
	}
	e := a.explain(err)
	a.say("%s", e.Text)
	a.advise(e.Advice)
	return e.Exit
}

// explain returns failure.Explain of err, with advice about the data directory if the system denies it.
func (a *app) explain(err error) *control.Error {
	e := failure.Explain(err)
	if advice := a.dir.AccessAdvice(err); advice != "" && e.Code == failure.CodePermission {
		e.Advice = advice
	}
	return e
}

// onNode returns the RunE of a subcommand that commands the node that runs on the data directory. If no node runs, the error
// says how to start one there.
func (a *app) onNode(do func(ctx context.Context, node *control.Client, args []string) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error {
		dir, err := a.dir.Path()
		if err != nil {
			return err
		}
		err = do(cmd.Context(), control.NewClient(dir), args)
		if errors.Is(err, control.ErrNoNode) && a.dir != "" {
			return failure.WithAdvice(err, "start one with: peernode run --data-dir "+text.ShellWord(string(a.dir)))
		}
		return err
	}
}

// show returns the RunE of a subcommand that prints the answer of the running node to a request without fields.
func show[A any](a *app, o control.Operation[A], print func(A) error) func(*cobra.Command, []string) error {
	return a.onNode(func(ctx context.Context, node *control.Client, _ []string) error {
		return o.Show(ctx, node, control.Request{}, print)
	})
}

// sayBadLines says why the node cannot use its peers file, or which lines of it the node ignores, and what to do about it.
// unusable is the node's own reason, or "".
func (a *app) sayBadLines(unusable string) {
	path, set, err := a.openPeers()
	if unusable != "" {
		a.say("%s", text.OneLine(unusable))
		a.advise("the node keeps its last good list; make the file readable and writable by its user only")
		return
	}
	if err != nil || len(set.Problems()) == 0 {
		return
	}
	a.sayProblems(set)
	a.advise(fmt.Sprintf("nobody is trusted by such a line: correct it in %s, or remove it", text.ShellWord(path)))
}

// openPeers opens the peers file, and returns its path as well.
func (a *app) openPeers(settings ...trust.Setting) (path string, set *trust.Set, err error) {
	dir, err := a.dir.Path()
	if err != nil {
		return "", nil, err
	}
	path = filepath.Join(dir, datadir.PeersFile)
	set, err = trust.Open(path, settings...)
	return path, set, err
}

// sayProblems says what is wrong with the lines of the peers file.
func (a *app) sayProblems(set *trust.Set) {
	for _, problem := range set.Problems() {
		a.say("%s: %v", datadir.PeersFile, problem)
	}
}

// completePeer completes the first argument for the shell, with the labels of the trusted peers and the beginnings of keys
// without a label.
func (a *app) completePeer(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	_, set, err := a.openPeers()
	if err != nil {
		return nil, cobra.ShellCompDirectiveError
	}
	var names []string
	for _, p := range set.List() {
		name := p.Label
		if name == "" {
			name = strings.TrimSuffix(p.Key.Short(), "…")
		}
		names = append(names, name)
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}

// completePeerUnless is completePeer, unless a flag says that there is no PEER.
func (a *app) completePeerUnless(flags ...*bool) cobra.CompletionFunc {
	return func(cmd *cobra.Command, args []string, begin string) ([]string, cobra.ShellCompDirective) {
		for _, flag := range flags {
			if *flag {
				return nil, cobra.ShellCompDirectiveNoFileComp
			}
		}
		return a.completePeer(cmd, args, begin)
	}
}

// sayNoPeers says that no peer is trusted yet.
func (a *app) sayNoPeers() { a.say("no peers yet; trust one with: peernode trust add KEY") }
