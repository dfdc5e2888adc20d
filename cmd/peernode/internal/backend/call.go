package backend

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/seed-f6ddb928/peernet-go/cmd/peernode/internal/control"
	"github.com/seed-f6ddb928/peernet-go/cmd/peernode/internal/failure"
	"github.com/seed-f6ddb928/peernet-go/envelope"
	"github.com/seed-f6ddb928/peernet-go/envelope/etf"
	"github.com/seed-f6ddb928/peernet-go/identity"
	"github.com/seed-f6ddb928/peernet-go/peernet"
	"github.com/seed-f6ddb928/peernet-go/trust"
)

// Call is control.Call.
func (b Backend) Call(ctx context.Context, q control.Request) (a control.CallAnswer, err error) {
	args, err := ParseJSON(q.Args)
	if err != nil {
		return a, err
	}
	return onAwake(ctx, b, q.Peer, func(p trust.Peer) (control.CallAnswer, error) {
		raw, err := b.node.Call(ctx, p.Key, q.Name, args)
		if err == nil {
			a.Result, err = asJSON(raw)
		}
		return a, err
	})
}

// asJSON returns a result as JSON.
func asJSON(result peernet.Raw) (json.RawMessage, error) {
	text, err := result.MarshalJSON()
	if err != nil {
		return nil, fmt.Errorf("writing the result as JSON: %w", err)
	}
	return text, nil
}

// CallAsGuest is control.CallAsGuest.
func (b Backend) CallAsGuest(ctx context.Context, q control.Request) (a control.GuestAnswer, err error) {
	args, err := ParseJSON(q.Args)
	if err != nil {
		return a, err
	}
	var key identity.PublicKey
	if q.Peer != "" {
		if key, err = identity.ParsePublicKey(q.Peer); err != nil {
			return a, err
		}
	}
	if len(q.Addresses) != 1 {
		return a, fmt.Errorf("%w: a guest calls at one address", control.ErrRequest)
	}
	raw, answered, err := b.node.CallAsGuest(ctx, q.Addresses[0], key, q.Name, args)
	if err != nil {
		return a, b.about(cmp.Or(q.Peer, q.Addresses[0]), err)
	}
	a.PublicKey = answered.String()
	a.Result, err = asJSON(raw)
	return a, err
}

// Send is control.Send.
func (b Backend) Send(ctx context.Context, q control.Request) (control.SendAnswer, error) {
	args, err := ParseJSON(q.Args)
	if err != nil {
		return control.SendAnswer{}, err
	}
	return onAwake(ctx, b, q.Peer, func(p trust.Peer) (control.SendAnswer, error) {
		return control.SendAnswer{PublicKey: p.Key.String(), Label: p.Label}, b.node.Send(ctx, p.Key, q.Name, args)
	})
}

// Ping is control.Ping.
func (b Backend) Ping(ctx context.Context, q control.Request) (control.PingAnswer, error) {
	return onAwake(ctx, b, q.Peer, func(p trust.Peer) (control.PingAnswer, error) {
		rtt, err := b.node.Ping(ctx, p.Key)
		return control.PingAnswer{PublicKey: p.Key.String(), Label: p.Label, RTT: control.Milliseconds(rtt)}, err
	})
}

// ParseJSON returns the value to send for text: nil if text is nil, otherwise one that fits into an envelope.
func ParseJSON(text json.RawMessage) (any, error) {
	if text == nil {
		return nil, nil
	}
	v, err := envelope.FromJSON(text)
	if err == nil {
		_, err = envelope.Msgpack.AppendCall(nil, 1, "any", envelope.Options{}, v) // a value may be too deep only inside the envelope
	}
	if errors.Is(err, envelope.ErrEncode) { // what only a node on the BEAM takes: the call finds out who the peer is
		_, err = etf.Codec.AppendCall(nil, 1, "any", envelope.Options{}, v)
	}
	if err != nil {
		return nil, failure.WithAdvice(fmt.Errorf("%w: %s", failure.ErrBadJSON, strings.TrimPrefix(err.Error(), "envelope: ")), jsonAdvice(text, err))
	}
	return v, nil
}

// jsonAdvice says what to do about a JSON text that cannot be sent.
func jsonAdvice(text json.RawMessage, err error) string {
	switch {
	case errors.Is(err, envelope.ErrDepth):
		return fmt.Sprintf("nest arrays and objects at most %d deep: the message itself is one more", envelope.MaxDepth-1)
	case errors.Is(err, envelope.ErrElements):
		return fmt.Sprintf("send fewer than %d values at a time", envelope.MaxElements)
	case errors.Is(err, envelope.ErrNumber):
		return "whole numbers go from -9223372036854775808 to 18446744073709551615, others to 1.7e308: give larger ones as text"
	case errors.Is(err, envelope.ErrNotation):
		return "the manual has the notation, as in {\"$atom\": \"ok\"}; for a key of that name write $$atom"
	case errors.Is(err, envelope.ErrMapKey):
		return "keys are strings, atoms, numbers, true, false or null"
	case errors.Is(err, envelope.ErrDuplicateKey):
		return "give each key of an object once"
	case bytes.ContainsAny(text, "“”„‘’«»"):
		return `JSON takes straight quotes alone: "hello"`
	}
	return `quote it for the shell, as in '{"text": "hello"}' or '"hello"'`
}

// CallAll is control.CallAll.
func (b Backend) CallAll(ctx context.Context, q control.Request) (control.CallAllAnswer, error) {
	args, err := ParseJSON(q.Args)
	if err != nil {
		return control.CallAllAnswer{}, err
	}
	b.reload()
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
	for _, o := range oversized(answer.Outcomes, control.ResultsRoom) {
		err := fmt.Errorf("%w: its result has %d bytes as JSON, and all results together have room for %d", control.ErrTooLarge, len(o.Result), control.ResultsRoom)
		o.Result, o.Error = nil, failure.Explain(b.about(cmp.Or(o.Label, o.PublicKey), failure.WithAdvice(err, "call this peer alone")))
	}
	return answer, nil
}

// oversized returns the largest outcomes, without which the results of the others have at most room bytes together: a peer
// with a large result must not cost the user the results of the others.
func oversized(outcomes []control.Outcome, room int) (out []*control.Outcome) {
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
