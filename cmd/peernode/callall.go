package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/seed-f6ddb928/peernet-go/cmd/peernode/internal/control"
	"github.com/seed-f6ddb928/peernet-go/identity"
	"github.com/seed-f6ddb928/peernet-go/peernet"
)

// errNotAll: some peers have not answered; each was told of.
var errNotAll = errors.New("not all peers have answered")

// callAll calls the handler and argument that args name, of every trusted peer.
func (a *app) callAll(ctx context.Context, timeout time.Duration, args []string) error {
	if err := checkName(args[0]); err != nil {
		return err
	}
	argument, err := a.argument(args[1:])
	if err != nil {
		return err
	}
	return a.command(func(node control.Backend) error {
		answer, err := node.CallAll(ctx, control.CallAllRequest{Timeout: control.Within(timeout), Name: args[0], Args: argument})
		if err != nil {
			return err
		}
		return a.outcomes(answer.Outcomes)
	})
}

// CallAll implements control.Backend.
func (b backend) CallAll(ctx context.Context, q control.CallAllRequest) (control.CallAllAnswer, error) {
	var args any
	if len(q.Args) > 0 {
		var err error
		if args, err = parseJSON(q.Args); err != nil {
			return control.CallAllAnswer{}, err
		}
	}
	_ = b.node.Reload() // it may have been edited a moment ago; the node reports by itself what is wrong with the file
	peers := b.node.Trusted()
	keys := make([]identity.PublicKey, len(peers))
	for i, p := range peers {
		keys[i] = p.Key
	}
	answer := control.CallAllAnswer{Outcomes: []control.Outcome{}}
	for i, o := range peernet.CallMany[peernet.Raw](ctx, b.node, keys, q.Name, args) {
		outcome := control.Outcome{PublicKey: o.Peer.String(), Label: peers[i].Label, Took: control.Milliseconds(o.Took)}
		err := o.Err
		if err == nil {
			outcome.Result, err = o.Result.MarshalJSON()
		}
		if err != nil {
			outcome.Error = explain(b.about(orElse(outcome.Label, outcome.PublicKey), err))
		}
		answer.Outcomes = append(answer.Outcomes, outcome)
	}
	for _, o := range tooMuch(answer.Outcomes, control.ResultsRoom) {
		err := fmt.Errorf("%w: its result has %d bytes as JSON, and all results together have room for %d", control.ErrTooLarge, len(o.Result), control.ResultsRoom)
		o.Result, o.Error = nil, explain(b.about(orElse(o.Label, o.PublicKey), &hintedError{err, "call this peer alone"}))
	}
	return answer, nil
}

// tooMuch returns the largest results, so many that the others have at most room bytes together: a peer that says much keeps
// nobody from hearing the others.
func tooMuch(outcomes []control.Outcome, room int) (out []*control.Outcome) {
	total := 0
	for i := range outcomes {
		out = append(out, &outcomes[i])
		total += len(outcomes[i].Result)
	}
	slices.SortStableFunc(out, func(a, b *control.Outcome) int { return len(b.Result) - len(a.Result) })
	for i, o := range out {
		if total <= room {
			return out[:i]
		}
		total -= len(o.Result)
	}
	return out
}

// outcomes prints what came of a call to several peers.
func (a *app) outcomes(outcomes []control.Outcome) error {
	if len(outcomes) == 0 {
		a.say("no peers yet; trust one with: peernode trust add KEY")
	}
	var failed error
	for _, o := range outcomes {
		if o.Error != nil {
			failed = errNotAll
		}
		var err error
		switch {
		case a.json:
			err = a.object(o)
		case o.Error != nil:
			a.say("%s", o.Error.Text)
		default:
			_, err = fmt.Fprintf(a.out, "%s  %s\n", peerName(o.PublicKey, o.Label), printableJSON(o.Result))
		}
		if err != nil {
			return err
		}
	}
	return failed
}
