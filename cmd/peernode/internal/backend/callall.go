package backend

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/seed-f6ddb928/peernet-go/cmd/peernode/internal/control"
	"github.com/seed-f6ddb928/peernet-go/cmd/peernode/internal/failure"
	"github.com/seed-f6ddb928/peernet-go/identity"
	"github.com/seed-f6ddb928/peernet-go/peernet"
)

// CallAll implements control.Backend.
func (b Backend) CallAll(ctx context.Context, q control.CallAllRequest) (control.CallAllAnswer, error) {
	args, err := ParseJSON(q.Args)
	if err != nil {
		return control.CallAllAnswer{}, err
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
			outcome.Error = failure.Explain(b.about(cmp.Or(outcome.Label, outcome.PublicKey), err))
		}
		answer.Outcomes = append(answer.Outcomes, outcome)
	}
	for _, o := range tooMuch(answer.Outcomes, control.ResultsRoom) {
		err := fmt.Errorf("%w: its result has %d bytes as JSON, and all results together have room for %d", control.ErrTooLarge, len(o.Result), control.ResultsRoom)
		o.Result, o.Error = nil, failure.Explain(b.about(cmp.Or(o.Label, o.PublicKey), failure.WithHint(err, "call this peer alone")))
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
