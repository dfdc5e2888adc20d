package candidates

import (
	"iter"
	"net/netip"
	"slices"
)

// Bounds of what one IP address may take of a key's room: an IPShare-th of it, but at least MinPerIP. A node has one
// port there, and another one after a restart. A forger of many ports cannot take the room of other IP addresses.
const (
	IPShare  = 8
	MinPerIP = 4
)

// Shares count how much of a room for Bound addresses each IP address takes.
type Shares struct {
	Bound int
	total int
	ips   map[netip.Addr]int
}

// Add counts an address at an IP address, or takes one out if n is -1.
func (s *Shares) Add(ip netip.Addr, n int) {
	if s.ips == nil {
		s.ips = make(map[netip.Addr]int)
	}
	s.total += n
	if s.ips[ip] += n; s.ips[ip] == 0 {
		delete(s.ips, ip)
	}
}

// HasRoom says whether another address at ip fits in.
func (s *Shares) HasRoom(ip netip.Addr) bool { return s.total < s.Bound && !s.isCrowded(ip) }

// isCrowded says whether ip has all that one IP address may have.
func (s *Shares) isCrowded(ip netip.Addr) bool {
	return s.ips[ip] >= max(MinPerIP, s.Bound/IPShare)
}

// IsPoor says whether ip, with another address, has fewer than some other IP address, and may have more.
func (s *Shares) IsPoor(ip netip.Addr) bool {
	if s.isCrowded(ip) {
		return false
	}
	for _, n := range s.ips {
		if n > s.ips[ip]+1 {
			return true
		}
	}
	return false
}

// An Occupant is an address that takes room, and what decides whether it makes room for a newcomer.
type Occupant struct {
	IP       netip.Addr
	Standing Standing
	Own      bool // the source that names the newcomer names it
	Doubted  bool // it may be gone already
	Quiet    bool // it was not heard again when it should have been
}

// Evict returns the lowest-ranked occupants; the caller evicts one of them at random for a newcomer at ip. If there are none,
// the newcomer gets no room. standing is that of a hint at ip; occupants of a higher one stay.
//
// isFair says that the newcomer takes from an IP address that has more: only what its own source names, or what is gone.
// The shares become more equal each time, so such evictions end, and the newcomer need not wait. Such occupants go first.
// Then go those that are gone; those that the same source names, so that a source that is flooded evicts its own; those
// that are doubted; those at the IP address that has most; and those that are quiet.
func Evict[T any](s *Shares, ip netip.Addr, standing Standing, all iter.Seq[T], describe func(T) Occupant) (equal []T, isFair bool) {
	var worst [6]int
	has := s.ips[ip] + 1
	for one := range all {
		o := describe(one)
		if o.Standing > standing || s.isCrowded(ip) && o.IP != ip {
			continue
		}
		share := s.ips[o.IP]
		if o.IP == ip {
			share = has
		}
		isRich := share > has && (o.Standing == Gone || o.Own)
		order := [...]int{first(isRich), first(o.Standing == Gone), first(o.Own), first(o.Doubted), -share, first(o.Quiet)}
		switch c := slices.Compare(order[:], worst[:]); {
		case len(equal) == 0 || c < 0:
			equal, worst, isFair = []T{one}, order, isRich
		case c == 0:
			equal = append(equal, one)
		}
	}
	return equal, isFair
}

// first orders what is true before what is not.
func first(b bool) int {
	if b {
		return 0
	}
	return 1
}
