// Package candidates says which address of a key is better: which to dial first, and which to give up when there is no
// room for all (wire.md §8.1). Everybody on a LAN can forge announces, at any number of IP addresses and ports. So IP
// addresses get equal shares and take turns, and what a session has shown is worth more than what is announced.
//
// The finder asks about its presences, a peer about the addresses that it dials. Time and randomness are passed in. The
// types are not safe for concurrent use.
package candidates

import (
	"net/netip"
	"slices"
)

// A Standing is what speaks for an address. A higher one is dialled earlier and given up later.
type Standing uint8

// Standings. Those below Named are the hints of wire.md §8: dials there are limited, and get less patience.
const (
	Gone   Standing = iota // no source says any more that the peer is there
	Hint                   // discovery says so
	AtHome                 // discovery says so, and the last session led to this IP address
	Named                  // the peers file says so
	Proven                 // a handshake proved the peer there
	Asked                  // a Connect that waits names it
)

// Privileges are what the sessions with a key have shown about its addresses. Only they raise an address above what is
// said about it.
type Privileges struct {
	Home   netip.Addr       // where the last session led; invalid: there was none
	Proven []netip.AddrPort // where handshakes proved the peer, the latest first

	doubted []netip.AddrPort // where sessions broke, the latest first, one of each IP address
}

// maxDoubted bounds the IP addresses whose sessions broke.
const maxDoubted = 8

// Prove notes that a handshake has proved the peer at addr. Only the latest few keep that privilege.
func (p *Privileges) Prove(addr netip.AddrPort, few int) {
	others := slices.DeleteFunc(p.Proven, func(a netip.AddrPort) bool { return a == addr })
	p.Proven = slices.Insert(others, 0, addr)
	p.Proven = p.Proven[:min(few, len(p.Proven))]
}

// Doubt takes the privileges of an IP address where a session broke: an attacker may have passed the handshake on to the true
// peer, and swallowed what followed. An honest peer that was cut off is there too, so the address stays a hint, and Order
// puts it second.
func (p *Privileges) Doubt(addr netip.AddrPort) {
	isThere := func(a netip.AddrPort) bool { return a.Addr() == addr.Addr() }
	p.Proven = slices.DeleteFunc(p.Proven, isThere)
	if p.Home == addr.Addr() {
		p.Home = netip.Addr{}
	}
	p.doubted = slices.Insert(slices.DeleteFunc(p.doubted, isThere), 0, addr)
	p.doubted = p.doubted[:min(maxDoubted, len(p.doubted))]
}

// isDoubted says whether a session at an IP address broke.
func (p *Privileges) isDoubted(ip netip.Addr) bool {
	return slices.ContainsFunc(p.doubted, func(a netip.AddrPort) bool { return a.Addr() == ip })
}

// WasLast says whether the last session led to an IP address, broken or not. A peer that has restarted there on another port
// need not wait for what others announce.
func (p *Privileges) WasLast(ip netip.Addr) bool {
	return ip == p.Home || len(p.doubted) > 0 && p.doubted[0].Addr() == ip
}

// Standing ranks addr. said is what its sources claim: never AtHome or Proven.
func (p *Privileges) Standing(addr netip.AddrPort, said Standing) Standing {
	switch {
	case said < Asked && slices.Contains(p.Proven, addr):
		return Proven
	case said == Gone && slices.Contains(p.doubted, addr):
		return Hint
	case said == Hint:
		return p.OfHint(addr.Addr())
	}
	return said
}

// OfHint returns the standing of a hint at an IP address. None of its ports was proved.
func (p *Privileges) OfHint(ip netip.Addr) Standing {
	if ip == p.Home {
		return AtHome
	}
	return Hint
}
