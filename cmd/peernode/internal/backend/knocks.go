package backend

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/seed-f6ddb928/peernet-go/cmd/peernode/internal/control"
	"github.com/seed-f6ddb928/peernet-go/cmd/peernode/internal/failure"
	"github.com/seed-f6ddb928/peernet-go/cmd/peernode/internal/text"
	"github.com/seed-f6ddb928/peernet-go/identity"
	"github.com/seed-f6ddb928/peernet-go/trust"
)

// Knocks is control.GetKnocks. The list may be empty, but is never nil.
func (b Backend) Knocks(context.Context, control.Request) (control.Knocks, error) {
	list, err := b.node.Knocks()
	if err != nil {
		return control.Knocks{}, err
	}
	answer := control.Knocks{Knocks: []control.Knock{}}
	for _, k := range list {
		answer.Knocks = append(answer.Knocks, control.Knock{Number: k.Number, PublicKey: k.Key.String(), Address: address(k.Addr),
			First: moment(k.First), Last: moment(k.Last), Count: k.Count})
	}
	return answer, nil
}

// knocker returns the key that given names: the number of a knock, or else a peer or a whole key. A number is never a label.
func (b Backend) knocker(given string) (trust.Peer, error) {
	if !text.IsNumber(given) {
		if key, err := identity.ParsePublicKey(given); err == nil {
			info, _ := b.node.Peer(key)
			return trust.Peer{Key: key, Label: info.Label}, nil
		}
		p, err := b.find(given)
		if errors.Is(err, trust.ErrNotFound) {
			err = failure.WithAdvice(err, "see who has knocked with: peernode trust pending; and who is trusted with: peernode trust list")
		}
		return p, err
	}
	list, err := b.node.Knocks()
	if err != nil {
		return trust.Peer{}, err
	}
	for _, k := range list {
		if strconv.Itoa(k.Number) == given {
			return trust.Peer{Key: k.Key}, nil
		}
	}
	err = fmt.Errorf("%w %.20s", failure.ErrNoKnock, given)
	if _, lookupErr := b.node.Lookup(given); lookupErr == nil {
		err = fmt.Errorf("%w; name the peer that has this label by its key", err)
	}
	return trust.Peer{}, err
}

// onKey has do change something about the key that q.Peer names as knocker has it. do returns what has become of the key.
func (b Backend) onKey(q control.Request, do func(identity.PublicKey) (change string, err error)) (control.KeyChange, error) {
	p, err := b.knocker(q.Peer)
	if err != nil {
		return control.KeyChange{}, err
	}
	change, err := do(p.Key)
	if info, ok := b.node.Peer(p.Key); ok {
		p.Label = info.Label
	}
	return control.KeyChange{PublicKey: p.Key.String(), Label: p.Label, Change: change}, err
}

// changeIf returns change if something has changed.
func changeIf(changed bool, change string) string {
	if changed {
		return change
	}
	return unchanged
}

// AcceptKnock is control.AcceptKnock.
func (b Backend) AcceptKnock(_ context.Context, q control.Request) (control.KeyChange, error) {
	return b.onKey(q, func(key identity.PublicKey) (string, error) { return added, b.node.Pair(key, q.Name) })
}

// IgnoreKnock is control.IgnoreKnock.
func (b Backend) IgnoreKnock(_ context.Context, q control.Request) (control.KeyChange, error) {
	return b.onKey(q, func(key identity.PublicKey) (string, error) { return changeIf(b.node.Ignore(key), "ignored"), nil })
}

// Block is control.BlockKey.
func (b Backend) Block(_ context.Context, q control.Request) (control.KeyChange, error) {
	if q.For <= 0 {
		return control.KeyChange{}, errors.Join(control.ErrRequest, errors.New("for_ms is not more than 0"))
	}
	c, err := b.onKey(q, func(key identity.PublicKey) (string, error) {
		return "blocked", b.node.Block(key, time.Duration(q.For)*time.Millisecond)
	})
	for _, o := range b.node.Blocked() {
		if err == nil && o.Key.String() == c.PublicKey {
			c.Until = moment(o.Until)
		}
	}
	return c, err
}

// Unblock is control.UnblockKey.
func (b Backend) Unblock(_ context.Context, q control.Request) (control.KeyChange, error) {
	return b.onKey(q, func(key identity.PublicKey) (string, error) {
		was, err := b.node.Unblock(key)
		return changeIf(was, "unblocked"), err
	})
}

// Blocked is control.GetBlocked. The list may be empty, but is never nil.
func (b Backend) Blocked(context.Context, control.Request) (control.Blocked, error) {
	answer := control.Blocked{Blocked: []control.Block{}}
	for _, o := range b.node.Blocked() {
		info, _ := b.node.Peer(o.Key)
		answer.Blocked = append(answer.Blocked, control.Block{PublicKey: o.Key.String(), Label: info.Label, Until: moment(o.Until)})
	}
	return answer, nil
}
