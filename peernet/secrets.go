package peernet

import (
	"github.com/seed-f6ddb928/peernet-go/identity"
	"github.com/seed-f6ddb928/peernet-go/private"
	"github.com/seed-f6ddb928/peernet-go/trust"
)

// keepSecrets makes the secrets of private mode, and keeps one for each key of the trust set.
func (n *Node) keepSecrets() {
	n.keyring = private.New(private.Config{Static: n.keys, Trusted: n.trust.Contains, Now: n.config.Clock.Now, Rand: n.config.Rand})
	n.trust.Watch(func(c trust.Change) {
		switch c.Kind {
		case trust.Added:
			n.keepSecret(c.Peer.Key)
		case trust.Removed:
			n.keyring.Remove(c.Peer.Key)
		}
	})
	for _, p := range n.trust.List() {
		n.keepSecret(p.Key)
	}
}

func (n *Node) keepSecret(key identity.PublicKey) {
	if err := n.keyring.Add(key); err != nil { // the trust set takes no such key
		n.config.Logger.Error("no private mode with a peer", "peer", key, "err", err)
	}
}
