package peernet

import (
	"github.com/seed-f6ddb928/peernet-go/private"
	"github.com/seed-f6ddb928/peernet-go/trust"
)

// keepSecrets makes the secrets of private mode, and keeps one for each key of the trust set.
func (n *Node) keepSecrets() {
	n.keyring = private.New(private.Config{Static: n.keys, Trusted: n.mayConnect, Now: n.config.Clock.Now, Rand: n.config.Rand})
	follow := func(c trust.Change) {
		if c.Kind == trust.Removed {
			n.keyring.Remove(c.Peer.Key)
		} else if err := n.keyring.Add(c.Peer.Key); err != nil { // the trust set takes no such key
			n.config.Logger.Error("no private mode with a peer", "peer", c.Peer.Key, "err", err)
		}
	}
	n.trust.Watch(follow)
	for _, p := range n.trust.List() {
		follow(trust.Change{Peer: p, Kind: trust.Added})
	}
}
