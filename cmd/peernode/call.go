package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/seed-f6ddb928/peernet-go/cmd/peernode/internal/backend"
	"github.com/seed-f6ddb928/peernet-go/cmd/peernode/internal/control"
	"github.com/seed-f6ddb928/peernet-go/cmd/peernode/internal/failure"
	"github.com/seed-f6ddb928/peernet-go/cmd/peernode/internal/text"
	"github.com/seed-f6ddb928/peernet-go/cmd/peernode/internal/usage"
	"github.com/seed-f6ddb928/peernet-go/identity"
)

// maxStdin bounds the JSON that is read from standard input. It is more than the control socket takes.
const maxStdin = 16 << 20

// argumentHelp says in help texts how to give the argument of a call.
const argumentHelp = `The argument is one JSON value, null if there is none; - reads it from standard input. Put -- before the
first argument that begins with a minus sign and is not one of peernode's flags.`

func callCommand(a *app) *cobra.Command {
	var all, guest bool
	var at string
	call := &cobra.Command{
		Use:   "call PEER NAME [JSON|-]",
		Short: "Call a handler of a connected peer and print its result",
		Long: `Call has the running node call the handler NAME of a connected peer, and prints the result as JSON:
indented for people, on one line with --json. Strings keep their quotes, so that the output is always JSON.

With --all, and no PEER, it calls every trusted peer at the same time, and prints a line for each that answers,
its name and its result; standard error says which do not answer, and why. With --json each peer is an object, with its
result or its error. The exit code is 1 unless all have answered.

With --guest the node calls as a guest: it dials HOST:PORT, and neither end need trust the other. The handler there has
to be one for guests. If KEY is given, no other key may answer; if not, standard error says which one has. Without KEY
this node shows its own key to whatever answers there.

` + argumentHelp + `

` + usage.PeerHelp,
		Example: `  peernode call bob echo '{"hello": "world"}'
  date +'"%F"' | peernode call bob echo -
  peernode call --all echo '"anybody?"'
  peernode call --guest --at 192.168.1.7:7100 echo '"hello"'`,
		Args: func(cmd *cobra.Command, args []string) error {
			switch {
			case all && guest:
				return failure.Usage("call: --all and --guest exclude each other", "leave one of them out")
			case guest != (at != ""):
				return failure.Usage("call: --guest and --at go together", "give both, as in --guest --at 192.168.1.7:7100, or neither")
			case guest && isKey(args):
				return usage.ArgumentsAs(cmd, "--guest", []string{"KEY", "NAME", "[JSON|-]"}, args)
			case guest:
				return usage.ArgumentsAs(cmd, "--guest", []string{"NAME", "[JSON|-]"}, args)
			case all:
				return usage.ArgumentsAs(cmd, "--all", []string{"NAME", "[JSON|-]"}, args)
			}
			return usage.Arguments(cmd, args)
		},
		ValidArgsFunction: a.completePeerUnless(&all, &guest),
	}
	call.Flags().BoolVar(&all, "all", false, "call every trusted peer")
	call.Flags().BoolVar(&guest, "guest", false, "call as a guest, at the address of --at")
	call.Flags().StringVar(&at, "at", "", "the address `HOST:PORT` to dial as a guest")
	timeout := usage.Timeout(call, control.DefaultTimeout, "how long to wait for the result; the peer is told")
	call.RunE = a.onNode(func(ctx context.Context, node *control.Client, args []string) error {
		if all || guest && !isKey(args) {
			args = slices.Insert(args, 0, "") // in the place of PEER
		}
		q, err := a.callRequest(ctx, args, *timeout)
		if err != nil {
			return err
		}
		switch {
		case all:
			return control.CallAll.Show(ctx, node, q, a.outcomes)
		case guest:
			q.Addresses = []string{at}
			return control.CallAsGuest.Show(ctx, node, q, func(answer control.GuestAnswer) error {
				if q.Peer == "" {
					a.say("%s answers", answer.PublicKey)
				}
				return a.result(control.CallAnswer{Result: answer.Result})
			})
		}
		return control.Call.Show(ctx, node, q, a.result)
	})
	return call
}

// isKey says whether the first of [KEY] NAME [JSON|-] is meant to be a public key.
func isKey(args []string) bool {
	if len(args) < 2 {
		return false
	}
	_, err := identity.ParsePublicKey(args[0])
	return err == nil || len(args) > 2 || errors.Is(err, identity.ErrKeyChecksum)
}

// callRequest returns the request of PEER NAME [JSON|-].
func (a *app) callRequest(ctx context.Context, args []string, timeout time.Duration) (q control.Request, err error) {
	q = control.Request{Timeout: control.Within(timeout), Peer: args[0], Name: args[1]}
	q.Args, err = a.argument(ctx, args[2:])
	return q, err
}

// utf16 are the beginnings of a file in UTF-16, as some shells write it.
var utf16 = []string{"\xff\xfe", "\xfe\xff"}

// argument returns the JSON that args give: nil if they are empty, the text itself, or standard input for -.
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
		case <-ctx.Done(): // the read cannot be ended
			return nil, ctx.Err()
		}
		if err != nil {
			return nil, fmt.Errorf("reading standard input: %w", err)
		}
		if len(value) > maxStdin {
			return nil, fmt.Errorf("%w: standard input has more than %d bytes", control.ErrTooLarge, maxStdin)
		}
		if slices.Contains(utf16, string(value[:min(len(value), 2)])) {
			return nil, failure.WithAdvice(fmt.Errorf("%w: standard input is UTF-16", failure.ErrBadJSON), "write it as UTF-8")
		}
	}
	value = append([]byte{}, bytes.TrimFunc(value, func(r rune) bool { return r == ' ' || text.IsHidden(r) })...) // nil is no argument
	if _, err := backend.ParseJSON(value); err != nil {
		return nil, err
	}
	return value, nil
}

// result prints the result of a handler.
func (a *app) result(answer control.CallAnswer) error {
	var b bytes.Buffer
	if err := json.Indent(&b, answer.Result, "", "  "); err != nil {
		return fmt.Errorf("reading the result: %w", err)
	}
	return a.out.Print(answer.Result, "%s", text.PrintableJSON(b.Bytes()))
}

// outcomes prints the results and errors of a call to several peers.
func (a *app) outcomes(answer control.CallAllAnswer) error {
	if len(answer.Outcomes) == 0 {
		a.sayNoPeers()
	}
	var failed error
	for _, o := range answer.Outcomes {
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
