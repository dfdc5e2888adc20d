package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"

	"github.com/spf13/cobra"

	"github.com/seed-f6ddb928/peernet-go/cmd/peernode/internal/backend"
	"github.com/seed-f6ddb928/peernet-go/cmd/peernode/internal/control"
	"github.com/seed-f6ddb928/peernet-go/cmd/peernode/internal/failure"
	"github.com/seed-f6ddb928/peernet-go/cmd/peernode/internal/text"
	"github.com/seed-f6ddb928/peernet-go/cmd/peernode/internal/usage"
)

// maxStdin bounds the JSON that is read from standard input: it is more than the control socket takes.
const maxStdin = 16 << 20

// argumentHelp says in help texts how the argument of a call is given.
const argumentHelp = `The argument is one JSON value, null if there is none; - reads it from standard input. Put -- before the
first argument that begins with a minus sign and is not one of peernode's flags.`

func callCommand(a *app) *cobra.Command {
	var all bool
	call := &cobra.Command{
		Use:   "call PEER NAME [JSON|-]",
		Short: "Call a handler of a connected peer and print its result",
		Long: `Call has the running node call the handler NAME of a connected peer, and prints the result as JSON:
indented for people, on one line with --json. Strings keep their quotes, so that the output is always JSON.

With --all, and no PEER, it calls every trusted peer at the same time, and prints a line for each that answers,
its name and its result; standard error says which do not answer, and why. With --json each peer is an object, with its
result or its error. The exit code is 1 unless all have answered.

` + argumentHelp + `

` + usage.PeerHelp,
		Example: `  peernode call bob echo '{"hello": "world"}'
  date +'"%F"' | peernode call bob echo -
  peernode call --all echo '"anybody?"'`,
		Args: func(cmd *cobra.Command, args []string) error {
			if all {
				return usage.ArgumentsAs(cmd, "--all", []string{"NAME", "[JSON|-]"}, args)
			}
			return usage.Arguments(cmd, args)
		},
		ValidArgsFunction: func(cmd *cobra.Command, args []string, begin string) ([]string, cobra.ShellCompDirective) {
			if all {
				return nil, cobra.ShellCompDirectiveNoFileComp
			}
			return a.completePeer(cmd, args, begin)
		},
	}
	call.Flags().BoolVar(&all, "all", false, "call every trusted peer")
	timeout := usage.Timeout(call, control.DefaultTimeout, "how long to wait for the result; the peer is told")
	call.RunE = a.onNode(func(ctx context.Context, node *control.Client, args []string) error {
		peer := ""
		if !all {
			peer, args = args[0], args[1:]
		}
		argument, err := a.argument(ctx, args[1:])
		if err != nil {
			return err
		}
		if all {
			answer, err := control.CallAll.Ask(ctx, node, control.Request{Timeout: control.Within(*timeout), Name: args[0], Args: argument})
			if err != nil {
				return err
			}
			return a.outcomes(answer.Outcomes)
		}
		answer, err := control.Call.Ask(ctx, node, control.Request{
			Timeout: control.Within(*timeout), Peer: peer, Name: args[0], Args: argument,
		})
		if err != nil {
			return err
		}
		return a.result(answer.Result)
	})
	return call
}

// utf16 are the beginnings of a file in UTF-16, as some shells write it.
var utf16 = []string{"\xff\xfe", "\xfe\xff"}

// argument returns the JSON that args give: none, the text itself, or standard input for -.
func (a *app) argument(ctx context.Context, args []string) (json.RawMessage, error) {
	if len(args) == 0 {
		return nil, nil
	}
	value := []byte(args[0])
	if args[0] == "-" {
		var err error
		read := make(chan struct{})
		go func() {
			defer close(read)
			value, err = io.ReadAll(io.LimitReader(a.in, maxStdin+1))
		}()
		select {
		case <-read:
		case <-ctx.Done(): // nothing can end the read
			return nil, ctx.Err()
		}
		if err != nil {
			return nil, fmt.Errorf("reading standard input: %w", err)
		}
		if len(value) > maxStdin {
			return nil, fmt.Errorf("%w: standard input has more than %d bytes", control.ErrTooLarge, maxStdin)
		}
		if slices.Contains(utf16, string(value[:min(len(value), 2)])) {
			return nil, failure.WithHint(fmt.Errorf("%w: standard input is UTF-16", failure.ErrBadJSON), "write it as UTF-8")
		}
	}
	value = append([]byte{}, bytes.TrimFunc(value, func(r rune) bool { return r == ' ' || text.IsHidden(r) })...) // nil is no argument
	if _, err := backend.ParseJSON(value); err != nil {
		return nil, err
	}
	return value, nil
}

// result prints what a handler returned.
func (a *app) result(result json.RawMessage) error {
	var b bytes.Buffer
	if err := json.Indent(&b, result, "", "  "); err != nil {
		return fmt.Errorf("reading the result: %w", err)
	}
	return a.out.Print(result, "%s", text.PrintableJSON(b.Bytes()))
}

// outcomes prints what came of a call to several peers.
func (a *app) outcomes(outcomes []control.Outcome) error {
	if len(outcomes) == 0 {
		a.sayNoPeers()
	}
	var failed error
	for _, o := range outcomes {
		if o.Error != nil {
			failed = failure.ErrNotAll
		}
		if o.Error != nil && !a.out.JSON {
			a.say("%s", o.Error.Text)
			continue
		}
		if err := a.out.Print(o, "%s  %s", text.PeerName(o.PublicKey, o.Label), text.PrintableJSON(o.Result)); err != nil {
			return err
		}
	}
	return failed
}
