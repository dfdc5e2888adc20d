package peernet

import (
	"net/netip"
	"time"

	"github.com/seed-f6ddb928/peernet-go/identity"
	"github.com/seed-f6ddb928/peernet-go/internal/peers"
	"github.com/seed-f6ddb928/peernet-go/trust"
)

// A PeerState is the state of the link to a peer.
type PeerState string

// States of a peer.
const (
	StateUnknown    = PeerState(peers.Unknown)    // no source says where the peer is
	StateFound      = PeerState(peers.Found)      // a source says where it is, and it is not being dialled
	StateDialling   = PeerState(peers.Dialling)   // an address is being dialled, or a handshake runs
	StateConnected  = PeerState(peers.Connected)  // calls can be made
	StateBackingOff = PeerState(peers.BackingOff) // waiting before the next dial
)

// A PeerInfo describes a peer at one moment.
type PeerInfo struct {
	Key   identity.PublicKey
	Label string // ours, from the trust set
	Name  string // what the peer calls itself: untrusted, empty unless connected
	// Dialect is that of the session while connected. Otherwise it is what the peers file fixes, or the peer was heard to
	// speak; empty: not known.
	Dialect Dialect

	State  PeerState
	Since  time.Time // when it entered the state
	Reason string    // why, as part of a sentence

	Blocked time.Time // until when this node blocks the peer; zero: it does not

	// Of the session, while connected.
	Addr      netip.AddrPort
	Role      string        // this node's: "initiator" or "responder"
	RTT       time.Duration // of the last ping; 0: none yet
	LastHeard time.Time

	Addresses []Address // at which it may be
}

// An Address is one address at which a peer may be.
type Address struct {
	Addr       netip.AddrPort // invalid: this is Name itself, which is looked up at each dial
	Name       string         // the "host:port" that Addr was looked up from, as it was written; empty: it was written as Addr
	Source     string         // the provider or the setting that said so
	LastSeen   time.Time
	LastResult string // of the last dial; empty: not dialled yet
}

// Peers returns every trusted peer, in the order of the peers file.
func (n *Node) Peers() []PeerInfo {
	trusted := n.trust.List()
	list := make([]PeerInfo, 0, len(trusted))
	for _, p := range trusted {
		info, _ := n.info(p)
		list = append(list, info)
	}
	return list
}

// Peer returns one trusted peer; false: the key is not trusted.
func (n *Node) Peer(key identity.PublicKey) (PeerInfo, bool) {
	p, ok := n.trust.Get(key)
	if !ok {
		return PeerInfo{}, false
	}
	info, _ := n.info(p)
	return info, true
}

// blockedReason is the Reason of a peer that is blocked.
const blockedReason = "blocked by this node"

// info describes a trusted peer. of is what the directory knows of it, with its history.
func (n *Node) info(p trust.Peer) (i PeerInfo, of peers.Info) {
	info, link := n.directory.Info(p.Key)
	i = PeerInfo{Key: p.Key, Label: p.Label, State: PeerState(info.State), Since: info.Since, Reason: info.Reason,
		Blocked: n.blockedUntil(p.Key)}
	if !i.Blocked.IsZero() {
		i.Reason = blockedReason
	}
	for _, a := range info.Addresses {
		i.Addresses = append(i.Addresses, Address(a))
	}
	if link != nil {
		i.Name, i.Addr, i.Role = link.Hello().Name, link.Addr(), link.Role().String()
		i.RTT, i.LastHeard = link.RTT(), link.Heard()
		i.Dialect = Dialect(link.Dialect().String())
	} else if d, known := n.dialects.Of(p.Key); known {
		i.Dialect = Dialect(d.String())
	}
	return i, info
}

// Trusted returns the trust set, in the order of the peers file.
func (n *Node) Trusted() []trust.Peer { return n.trust.List() }

// Lookup returns the key that text names: a key in any text form, or the label of a trusted peer.
func (n *Node) Lookup(text string) (identity.PublicKey, error) {
	if key, err := identity.ParsePublicKey(text); err == nil {
		return key, nil
	}
	p, err := n.trust.Find(text)
	return p.Key, err
}
