package doctor

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/seed-f6ddb928/peernet-go/cmd/peernode/internal/control"
	"github.com/seed-f6ddb928/peernet-go/cmd/peernode/internal/text"
	"github.com/seed-f6ddb928/peernet-go/peernet"
)

// heardLately is the largest age of a sighting that shows that a peer is there: announces come every few seconds.
const heardLately = 30 * time.Second

// Peer says why a peer is not connected, as the running node knows it, and what mends that.
func Peer(w control.Why, all []Interface, now time.Time) Finding {
	name := text.PeerName(w.PublicKey, w.Label)
	f := peerFinding(w, name, all, now)
	f.Peer = w.PublicKey
	return f
}

func peerFinding(w control.Why, name string, all []Interface, now time.Time) Finding {
	if w.State == string(peernet.StateConnected) {
		return ok(CheckPeer, "%s is connected, at %s", name, w.Address)
	}
	advice, word := text.OneLine(w.Advice), text.ShellWord(cmp.Or(w.Label, w.PublicKey))
	switch {
	case strings.Contains(advice, "namespace"):
		return problem(CheckPeer, "run both with the same name: peernode run --namespace NAME, or both without", "%s answers in another namespace", name)
	case strings.Contains(advice, "private mode, which"), strings.Contains(advice, "private mode is on at the peer"):
		return problem(CheckPeer, "run both with it, peernode run --private, or both without; "+advice, "%s does not answer this node: perhaps only one of the two is in private mode", name)
	}
	for _, a := range w.Addresses {
		if !isDropped(a.LastResult) {
			continue
		}
		if at, err := netip.ParseAddrPort(a.Address); err == nil && isHeard(a, now) {
			return problem(CheckPeer, fmt.Sprintf("let TCP port %d in there, as with: sudo ufw allow %d/tcp", at.Port(), at.Port()),
				"%s announces itself at %s and does not answer there: a firewall of that machine drops what this node sends", name, a.Address)
		}
	}
	if far := elsewhere(w.Addresses, all); far != "" {
		return problem(CheckPeer, fmt.Sprintf("give an address that this machine reaches, as with: peernode trust set %s --addr HOST:PORT; see the route with: ip route get %s",
			word, far), "%s is known only at %s, which is on none of this machine's networks: announces do not reach it, and no dial has reached it", name, far)
	}
	for _, a := range w.Addresses {
		if at, err := netip.ParseAddrPort(a.Address); err == nil && isDropped(a.LastResult) {
			return problem(CheckPeer, fmt.Sprintf("see that it runs there and that TCP port %d is let in, as with: sudo ufw allow %d/tcp", at.Port(), at.Port()),
				"nothing answers at %s, not even a refusal: %s is off, or a firewall drops what this node sends", a.Address, name)
		}
	}
	if advice == "" {
		advice = "run: peernode why " + word
	}
	return problem(CheckPeer, advice, "%s is not connected: %s", name, text.OneLine(w.Reason))
}

// isDropped reports whether a dial got no answer, not even a refusal.
func isDropped(result string) bool {
	return strings.Contains(result, "timeout") || strings.Contains(result, "deadline exceeded")
}

func isHeard(a control.Address, now time.Time) bool {
	return (a.Source == "udp" || a.Source == "mdns") && now.Sub(a.LastSeen) < heardLately
}

// elsewhere returns one of the addresses if none of them is on a network of this machine, and "" if one is or may be.
func elsewhere(addrs []control.Address, all []Interface) (far string) {
	for _, a := range addrs {
		at, err := netip.ParseAddrPort(a.Address)
		if err != nil {
			return "" // a name: it may be anywhere
		}
		ip := at.Addr().Unmap()
		if ip.IsLoopback() || ip.IsLinkLocalUnicast() || slices.ContainsFunc(all, func(i Interface) bool {
			return slices.ContainsFunc(i.Addrs, func(p netip.Prefix) bool { return p.Contains(ip) })
		}) {
			return ""
		}
		far = ip.String()
	}
	return far
}
