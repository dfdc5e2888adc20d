package backend

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/seed-f6ddb928/peernet-go/cmd/peernode/internal/control"
	"github.com/seed-f6ddb928/peernet-go/cmd/peernode/internal/failure"
	"github.com/seed-f6ddb928/peernet-go/envelope"
	"github.com/seed-f6ddb928/peernet-go/trust"
)

// Call implements control.Backend.
func (b Backend) Call(ctx context.Context, q control.CallRequest) (control.CallAnswer, error) {
	p, args, err := b.prepare(ctx, q)
	if err != nil {
		return control.CallAnswer{}, err
	}
	raw, err := b.node.Call(ctx, p.Key, q.Name, args)
	if err != nil {
		return control.CallAnswer{}, b.about(q.Peer, err)
	}
	result, err := raw.MarshalJSON()
	if err != nil {
		return control.CallAnswer{}, b.about(q.Peer, fmt.Errorf("writing the result as JSON: %w", err))
	}
	return control.CallAnswer{Result: result}, nil
}

// Send implements control.Backend.
func (b Backend) Send(ctx context.Context, q control.CallRequest) (control.SendAnswer, error) {
	p, args, err := b.prepare(ctx, q)
	if err != nil {
		return control.SendAnswer{}, err
	}
	if err := b.node.Send(ctx, p.Key, q.Name, args); err != nil {
		return control.SendAnswer{}, b.about(q.Peer, err)
	}
	return control.SendAnswer{PublicKey: p.Key.String(), Label: p.Label}, nil
}

// Ping implements control.Backend.
func (b Backend) Ping(ctx context.Context, q control.PeerRequest) (control.PingAnswer, error) {
	p, err := b.findAwake(ctx, q.Peer)
	if err != nil {
		return control.PingAnswer{}, err
	}
	rtt, err := b.node.Ping(ctx, p.Key)
	if err != nil {
		return control.PingAnswer{}, b.about(q.Peer, err)
	}
	return control.PingAnswer{PublicKey: p.Key.String(), Label: p.Label, RTT: control.Milliseconds(rtt)}, nil
}

// prepare returns the peer and the arguments of a call or send.
func (b Backend) prepare(ctx context.Context, q control.CallRequest) (trust.Peer, any, error) {
	p, err := b.findAwake(ctx, q.Peer)
	if err != nil {
		return trust.Peer{}, nil, err
	}
	args, err := ParseJSON(q.Args)
	return p, args, err
}

// ParseJSON returns the value that is sent for text: nil for none, and else one that fits into an envelope.
func ParseJSON(text json.RawMessage) (any, error) {
	if text == nil {
		return nil, nil
	}
	v, err := envelope.FromJSON(text)
	if err == nil {
		_, err = envelope.Msgpack.AppendCall(nil, 1, "any", envelope.Options{}, v) // some may be too deep just there
	}
	if err != nil {
		return nil, failure.WithHint(fmt.Errorf("%w: %s", failure.ErrBadJSON, strings.TrimPrefix(err.Error(), "envelope: ")), jsonHint(err))
	}
	return v, nil
}

// jsonHint says what to do about a text of which no value can be made.
func jsonHint(err error) string {
	switch {
	case errors.Is(err, envelope.ErrDepth):
		return fmt.Sprintf("nest arrays and objects at most %d deep: the message itself is one more", envelope.MaxDepth-1)
	case errors.Is(err, envelope.ErrElements):
		return fmt.Sprintf("send fewer than %d values at a time", envelope.MaxElements)
	case errors.Is(err, envelope.ErrNumber):
		return "whole numbers go from -9223372036854775808 to 18446744073709551615, others to 1.7e308: give larger ones as text"
	case errors.Is(err, envelope.ErrDuplicateKey):
		return "give each key of an object once"
	}
	return `quote it for the shell, as in '{"text": "hello"}' or '"hello"'`
}
