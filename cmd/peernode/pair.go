package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/seed-f6ddb928/peernet-go/cmd/peernode/internal/control"
	"github.com/seed-f6ddb928/peernet-go/cmd/peernode/internal/failure"
	"github.com/seed-f6ddb928/peernet-go/cmd/peernode/internal/text"
	"github.com/seed-f6ddb928/peernet-go/cmd/peernode/internal/usage"
	"github.com/seed-f6ddb928/peernet-go/peernet"
)

// joinTimeout is how long pair looks for the other node if --timeout does not say.
const joinTimeout = 30 * time.Second

// codeLine bounds a line that should be a code.
const codeLine = 256

// A pairFlags is what the flags of pair say.
type pairFlags struct {
	label, at        string
	stdin, join, yes bool
	timeout          *time.Duration
}

func pairCommand(a *app) *cobra.Command {
	var f pairFlags
	pair := &cobra.Command{
		Use:   "pair [CODE]",
		Short: "Make this node and another one trust each other, by a short code",
		Long: `Pair prints a code, such as 42-otter-velvet, that another node can pair with for two minutes, and waits
for it. There the code is given to pair: as CODE, or, so that it does not stand in the list of processes, with
--join, which asks for it, or --code-stdin. Then both nodes trust each other and are connected. Case, spaces and
missing hyphens in a code do not matter.

On a local network the nodes find each other. Elsewhere --at says where the node that shows the code listens.
A code works once. A wrong one ends it, and the other node has to make a new one.

Both nodes must be running: peernode run. A peer gets the name that it has given itself (run --name), or that of
--label. While the node shows a code, any node on its networks can see that it does, and can begin to pair; pair reports
each one that has begun. In private mode everybody who connects then learns this node's key, so pair asks for --yes.`,
		Example: `  peernode pair
  peernode pair 42-otter-velvet --label bob
  peernode pair --join --at bob.example:7100`,
		Args: func(cmd *cobra.Command, args []string) error {
			joins := 0
			for _, given := range []bool{len(args) > 0, f.stdin, f.join} {
				if given {
					joins++
				}
			}
			switch {
			case joins > 1:
				return failure.Usage("pair: the code is given in two ways", "give CODE, --join or --code-stdin")
			case joins == 0 && f.at != "":
				return failure.Usage("pair: --at is for the node that joins", "give --at together with CODE, --join or --code-stdin")
			case joins == 0 && cmd.Flags().Changed("timeout"):
				return failure.Usage("pair: --timeout is for the node that joins", "a code lives for two minutes: leave --timeout out")
			case usage.CheckLabel(f.label) != nil:
				return usage.CheckLabel(f.label)
			case f.at != "":
				if _, err := usage.CheckDial("--at", f.at); err != nil {
					return err
				}
			}
			return usage.Arguments(cmd, args)
		},
	}
	flags := pair.Flags()
	flags.StringVar(&f.label, "label", "", "the `NAME` to call the peer by; without it the peer's own name")
	flags.StringVar(&f.at, "at", "", "the `HOST:PORT` where the node that shows the code listens")
	flags.BoolVar(&f.join, "join", false, "ask for the code that the other node shows")
	flags.BoolVar(&f.stdin, "code-stdin", false, "read the code that the other node shows from standard input")
	flags.BoolVar(&f.yes, "yes", false, "in private mode: show this node's key to every node that connects, or to the one that answers")
	f.timeout = usage.Timeout(pair, joinTimeout, "how long to look for the node that shows the code")
	pair.RunE = a.onNode(func(ctx context.Context, node *control.Client, args []string) error {
		q := control.Request{Label: f.label, Reveal: f.yes}
		if len(args) == 0 && !f.stdin && !f.join {
			return a.offerPairing(ctx, node, q)
		}
		code, err := a.readCode(ctx, args, f.join)
		if err != nil {
			return err
		}
		q.Code, q.Timeout = code.Text(), control.Within(*f.timeout)
		if f.at != "" {
			q.Addresses = []string{f.at}
		}
		return control.JoinPairing.Show(ctx, node, q, a.connected)
	})
	return pair
}

// offerLine is a code that pair shows with --json, attemptLine what others do about it.
type (
	offerLine struct {
		Code   string    `json:"code"`
		Number uint16    `json:"number"` // that is announced
		Until  time.Time `json:"until"`
	}
	attemptLine struct {
		Attempts int `json:"attempts"` // to join, right or wrong
	}
)

// offerPairing shows a code, and waits until somebody has paired by it.
func (a *app) offerPairing(ctx context.Context, node *control.Client, q control.Request) error {
	offer, err := control.OfferPairing.Ask(ctx, node, q)
	if err != nil {
		return err
	}
	lives := time.Until(offer.Until).Round(time.Second)
	if err := a.out.Print(offerLine(offer), "%s", offer.Code); err != nil {
		return err
	}
	a.say("the code works once, for %v; on the other node run: peernode pair %s", lives, offer.Code)
	for attempts := 0; ; {
		q := control.Request{Timeout: control.Within(lives + 2*control.DefaultTimeout), Attempts: attempts}
		state, err := control.AwaitPairing.Ask(ctx, node, q)
		if err != nil {
			return err
		}
		if state.Peer != nil {
			return a.connected(*state.Peer)
		}
		attempts = state.Attempts
		a.say("attempt %d: a node has begun to join", attempts)
		if a.out.JSON {
			if err := a.out.Object(attemptLine{attempts}); err != nil {
				return err
			}
		}
	}
}

// readCode returns the code in args, or the one that standard input has. If ask is true it asks for it, and again if it
// cannot be one: nothing is lost by that.
func (a *app) readCode(ctx context.Context, args []string, ask bool) (peernet.PairingCode, error) {
	if len(args) > 0 {
		return parseCode(args[0])
	}
	in := bufio.NewReaderSize(a.in, codeLine)
	for {
		if ask {
			fmt.Fprint(a.err, "code: ")
		}
		line, err := readLine(ctx, in)
		if err != nil && (line == "" || !errors.Is(err, io.EOF)) {
			if ask {
				fmt.Fprintln(a.err) // the prompt's line is over
			}
			if errors.Is(err, io.EOF) {
				err = failure.Usage("pair: standard input has no code", "type the code that the other node shows")
			}
			return peernet.PairingCode{}, err
		}
		code, err := parseCode(line)
		if err == nil || !ask {
			return code, err
		}
		a.report(err)
	}
}

// parseCode reads a code. It does not print what was typed: most of that is the secret.
func parseCode(given string) (peernet.PairingCode, error) {
	code, err := peernet.ParsePairingCode(given)
	if err != nil {
		err = failure.UsageOf(err, "give the code that the other node shows, such as 42-otter-velvet")
	}
	return code, err
}

// readLine reads one line of at most codeLine bytes. Reading a terminal cannot be called off, so the goroutine that reads may
// outlive ctx; then the command ends.
func readLine(ctx context.Context, in *bufio.Reader) (string, error) {
	type read struct {
		line []byte
		err  error
	}
	done := make(chan read, 1)
	go func() {
		line, err := in.ReadSlice('\n')
		done <- read{append([]byte(nil), line...), err}
	}()
	select {
	case r := <-done:
		if errors.Is(r.err, bufio.ErrBufferFull) {
			return "", failure.Usage("pair: standard input has a line of more than "+text.Count(codeLine, "byte")+": that is no code", "type the code that the other node shows")
		}
		return strings.TrimSpace(string(r.line)), r.err
	case <-ctx.Done():
		return "", ctx.Err()
	}
}
