package peernet

import (
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"time"

	"github.com/seed-f6ddb928/peernet-go/discovery"
	"github.com/seed-f6ddb928/peernet-go/handshake"
	"github.com/seed-f6ddb928/peernet-go/identity"
	"github.com/seed-f6ddb928/peernet-go/internal/dialects"
	"github.com/seed-f6ddb928/peernet-go/internal/peers"
)

// An Explanation says why a peer is connected, or is not.
type Explanation struct {
	Peer    PeerInfo
	History []Step    // oldest first, at most 32; the last connection and its end are among them
	Next    time.Time // when the node dials it again by itself; zero: never
	Asleep  bool      // it was idle, and is dialled when it is needed: by Connect, or a call with WaitForReady
	Advice  string    // what a person can do, if anything

	at time.Time
}

// Explain tells what the node knows of its link to a trusted peer. The error is ErrNotTrusted or ErrSelf.
func (n *Node) Explain(key identity.PublicKey) (Explanation, error) {
	if key == n.self {
		return Explanation{}, ErrSelf
	}
	p, ok := n.trust.Get(key)
	if !ok {
		return Explanation{}, errPairFirst
	}
	peer, info := n.info(p)
	e := Explanation{Peer: peer, Next: info.Next, Asleep: info.Asleep, at: n.config.Clock.Now()}
	for _, s := range info.History {
		e.History = append(e.History, Step{s.At, PeerState(s.State), s.Addr, s.Source, s.Reason, s.Times, s.Last})
	}
	e.Advice = advice(n.self, e.Peer, info.Err, n.config.Private)
	if !peer.Blocked.IsZero() {
		return e, nil // nothing else matters
	}
	if e.Peer.State != StateConnected && !hasAnswered(info.Err) && mayBeRemote(e.Peer.Addresses) && isOffline(n.config.Network.Interfaces) {
		const why = "this machine has no network: none of its interfaces but loopback is up and has an address"
		if len(e.Peer.Addresses) > 0 || e.Advice == "" {
			e.Advice = why
		} else {
			e.Advice = why + "; " + e.Advice // the peer may be on this machine
		}
	}
	if e.Peer.State == StateUnknown {
		for _, s := range n.Providers() {
			if s.State == ProviderFailed {
				e.Advice = fmt.Sprintf("%s does not work: %v; %s", s.Name, s.Err, e.Advice)
			} else if len(s.Problems) > 0 {
				e.Advice = fmt.Sprintf("%s %v; %s", s.Name, s.Problems[0], e.Advice)
			}
		}
	}
	return e, nil
}

// hasAnswered says whether something answered a dial that failed with err.
func hasAnswered(err error) bool {
	return err != nil && (!errors.Is(err, ErrUnreachable) || errors.Is(err, ErrUnanswered))
}

// isUnresolved says whether a dial failed as a host name gave no address.
func isUnresolved(err error) bool {
	e, ok := errors.AsType[*peers.DialError](err)
	return ok && e.Name != ""
}

// mayBeRemote says whether the peer may be on another machine.
func mayBeRemote(addrs []Address) bool {
	nowhere := true // names alone may be anywhere
	for _, a := range addrs {
		switch {
		case !a.Addr.IsValid():
		case !a.Addr.Addr().IsLoopback():
			return true
		default:
			nowhere = false
		}
	}
	return nowhere
}

// isOffline says whether no interface of this machine but loopback is in use. It is false if that cannot be told.
func isOffline(interfaces func() ([]discovery.Interface, error)) bool {
	all, err := interfaces()
	return err == nil && !slices.ContainsFunc(all, func(i discovery.Interface) bool {
		return i.Flags&net.FlagUp != 0 && i.Flags&net.FlagLoopback == 0 && len(i.Addrs) > 0
	})
}

// advice returns what a person can do about a peer that is not connected. private says whether the node is in private mode.
func advice(self identity.PublicKey, p PeerInfo, failed error, private bool) string {
	switch {
	case p.State == StateConnected:
		return ""
	case !p.Blocked.IsZero():
		return "unblock the peer, or wait"
	case errors.Is(failed, ErrRefused):
		return fmt.Sprintf("let the peer trust this node's key, %v", self)
	case errors.Is(failed, ErrWrongKey):
		return "another node answers at that address: check the address, or the key"
	case errors.Is(failed, dialects.ErrNotSpoken):
		return "let this node speak the peer's dialect too, without a namespace and outside of private mode if that is BEAM; if the peer speaks another one by now, " +
			"add dialect=native or dialect=beam to its line of the peers file"
	case errors.Is(failed, ErrNotAccepted):
		return fmt.Sprintf("let the peer trust this node's key, %v; if the peer is a Go node, remove dialect=beam from its line of the peers file", self)
	case errors.Is(failed, handshake.ErrMessage2):
		return "check that both nodes use the same namespace"
	case errors.Is(failed, ErrUnanswered) && private:
		return fmt.Sprintf("check that private mode is on at the peer too, that it trusts this node's key, %v, and that both clocks are right to 5 minutes", self)
	case errors.Is(failed, ErrUnanswered):
		return "check whether the peer is in private mode, which must be on at both ends, or speaks BEAM alone: then add dialect=beam to its line of the peers file; it may also be busy"
	case isUnresolved(failed):
		return "check the name, this machine's name servers, and that the peer runs; or give an IP address"
	case errors.Is(failed, ErrUnreachable):
		return "check that the peer runs, its address, and what lies between, such as a firewall"
	case p.State == StateUnknown && private:
		return fmt.Sprintf("nobody has said where the peer is: check that private mode is on at the peer too, that it trusts this node's key, %v, and that both clocks are right to 5 minutes; "+
			"or connect to it once at an address, or give it one in the peers file (addr=HOST:PORT)", self)
	case p.State == StateUnknown:
		return "nobody has said where the peer is: connect to it once at an address, or give it one in the peers file (addr=HOST:PORT)"
	}
	return ""
}

// String returns the explanation in sentences, the newest last.
func (e Explanation) String() string {
	var b strings.Builder
	for _, s := range e.History {
		fmt.Fprintf(&b, "%s ago", ago(e.at.Sub(s.At)))
		if s.Times > 1 {
			fmt.Fprintf(&b, " to %s ago, %d times", ago(e.at.Sub(s.Last)), s.Times)
		}
		fmt.Fprintf(&b, ": %v\n", s)
	}
	fmt.Fprintf(&b, "now %s", e.Peer.State)
	if e.Peer.State == StateConnected {
		in := ""
		if e.Peer.Dialect == DialectBEAM {
			in = " in BEAM"
		}
		fmt.Fprintf(&b, " to %v as %s%s, last heard %s ago", e.Peer.Addr, e.Peer.Role, in, ago(e.at.Sub(e.Peer.LastHeard)))
	} else if until := e.Peer.Blocked; !until.IsZero() {
		fmt.Fprintf(&b, "; blocked by this node until %s", until.Local().Format(time.DateTime))
	} else if e.Peer.State == StateDialling {
		b.WriteString("; it is being tried now")
	} else if e.Asleep {
		b.WriteString("; will be dialled when it is needed: by a call that waits for it, or when asked")
	} else if e.Next.IsZero() && e.Peer.State == StateBackingOff {
		b.WriteString("; will be dialled when it is its turn")
	} else if e.Next.IsZero() {
		b.WriteString("; will be dialled when trust or addresses change, or when asked")
	} else {
		fmt.Fprintf(&b, "; will be dialled again in %v", max(0, e.Next.Sub(e.at)).Round(100*time.Millisecond))
	}
	if e.Advice != "" {
		fmt.Fprintf(&b, "; %s", e.Advice)
	}
	return b.String()
}
