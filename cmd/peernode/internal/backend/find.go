package backend

import (
	"context"

	"github.com/seed-f6ddb928/peernet-go/cmd/peernode/internal/failure"
	"github.com/seed-f6ddb928/peernet-go/cmd/peernode/internal/text"
	"github.com/seed-f6ddb928/peernet-go/trust"
)

// find returns the peer that name names. A key that is not trusted is returned without a label: what is to
// be done with it fails with the reason.
func (b Backend) find(name string) (trust.Peer, error) {
	p, err := b.lookup(name)
	if _, trusted := b.node.Peer(p.Key); trusted && err == nil {
		return p, nil
	}
	if b.node.Reload() != nil { // the node reports by itself what is wrong with the file
		return p, err
	}
	return b.lookup(name) // the file may have been edited a moment ago
}

func (b Backend) lookup(name string) (trust.Peer, error) {
	key, err := b.node.Lookup(name)
	if err != nil {
		return text.FindPrefix(b.node.Trusted(), name, err)
	}
	info, _ := b.node.Peer(key)
	return trust.Peer{Key: key, Label: info.Label}, nil
}

// findAwake is find, and connects to a peer whose connection ended because nobody used it: it is needed now.
func (b Backend) findAwake(ctx context.Context, name string) (trust.Peer, error) {
	p, err := b.find(name)
	if err != nil {
		return trust.Peer{}, err
	}
	if e, err := b.node.Explain(p.Key); err != nil || !e.Asleep {
		return p, nil // what follows says what is wrong
	}
	if err := b.node.Connect(ctx, p.Key); err != nil {
		return trust.Peer{}, b.about(name, err)
	}
	return p, nil
}

// about returns err as one that concerns the peer that the user named like this.
func (b Backend) about(peer string, err error) error {
	return failure.About(b.node.PublicKey().String(), peer, err)
}
