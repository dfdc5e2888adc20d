package peernet

import (
	"fmt"
	"path/filepath"
	"slices"

	"github.com/seed-f6ddb928/peernet-go/handshake"
	"github.com/seed-f6ddb928/peernet-go/identity"
	"github.com/seed-f6ddb928/peernet-go/internal/dialects"
	"github.com/seed-f6ddb928/peernet-go/trust"
)

// A Dialect is how a node and a peer speak with each other: "native" or "beam" (docs/wire.md §13).
type Dialect string

// The dialects. A node speaks DialectBEAM with nodes of PeerNet on Elixir.
const (
	DialectNative Dialect = "native"
	DialectBEAM   Dialect = "beam"
)

// checkDialects replaces an empty Dialects by those that the node can speak, and refuses BEAM beside a namespace or private
// mode.
func (c *Config) checkDialects() error {
	beam := slices.Contains(c.Dialects, DialectBEAM)
	for _, d := range c.Dialects {
		if _, err := handshake.ParseDialect(string(d)); err != nil {
			return fmt.Errorf("config: Dialects has %.80q: choose %q, %q or both, or leave it out for both", string(d), DialectNative, DialectBEAM)
		}
	}
	switch {
	case c.Namespace == "" && !c.Private:
		if len(c.Dialects) == 0 {
			c.Dialects = []Dialect{DialectNative, DialectBEAM}
		}
	case beam && c.Private:
		return errBEAMPrivate
	case beam:
		return errBEAMNamespace
	default:
		c.Dialects = []Dialect{DialectNative}
	}
	c.Dialects = slices.Clone(c.Dialects)
	return nil
}

// openDialects reads what the node has learnt of its peers' dialects.
func (n *Node) openDialects() {
	c := dialects.Config{Clock: n.config.Clock, Fixed: n.fixedDialect, Trusted: n.trust.Contains, Warn: func(err error) { n.config.Logger.Warn("state file", "err", err) }}
	for _, d := range n.config.Dialects {
		spoken, _ := handshake.ParseDialect(string(d)) // checked
		c.Speaks = append(c.Speaks, spoken)
	}
	if dir := n.config.DataDir; dir != "" {
		c.Path = filepath.Join(dir, "state")
	}
	n.dialects = dialects.Open(c)
}

// mayBeBEAM says whether a session with a peer may be in BEAM.
func (n *Node) mayBeBEAM(key identity.PublicKey) bool {
	d, known := n.dialects.Of(key)
	return n.dialects.Speaks(handshake.BEAM) && (!known || d == handshake.BEAM)
}

// fixedDialect returns the dialect that the peers file has for a peer.
func (n *Node) fixedDialect(key identity.PublicKey) (handshake.Dialect, bool) {
	p, _ := n.trust.Get(key)
	for _, text := range p.Option(trust.OptionDialect) {
		d, err := handshake.ParseDialect(text)
		return d, err == nil
	}
	return handshake.Native, false
}
