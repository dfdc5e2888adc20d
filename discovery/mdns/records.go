package mdns

import (
	"net/netip"
	"slices"

	"github.com/miekg/dns"

	"github.com/seed-f6ddb928/peernet-go/discovery"
	"github.com/seed-f6ddb928/peernet-go/identity"
)

// typesName is where RFC 6763 §9 has the types of services that there are.
const typesName = "_services._dns-sd._udp." + domain

// TTLs in seconds: wire.md §8.2.
const (
	serviceTTL = 4500
	hostTTL    = 120 // of what names the host
)

// A kinds is a set of kinds of records.
type kinds uint8

const (
	typePointer kinds = 1 << iota // from typesName to serviceName
	pointer                       // from serviceName to the instance
	server                        // SRV
	text                          // TXT
	address4                      // A
	address6                      // AAAA

	addresses = address4 | address6
	instances = server | text // of the instance's name
	announced = pointer | instances | addresses
)

// additional returns what an answer with records of some kinds has beside them, so that it need not be asked for: RFC 6763
// §12, RFC 6762 §6.2.
func additional(answers kinds) (more kinds) {
	if answers&pointer != 0 {
		more |= instances | addresses
	}
	if answers&(server|addresses) != 0 {
		more |= addresses
	}
	return more &^ answers
}

// An ownRecord is one of our own records.
type ownRecord struct {
	kind kinds
	rr   dns.RR
}

// goodbye returns what takes the record back.
func (r ownRecord) goodbye() dns.RR {
	rr := dns.Copy(r.rr)
	rr.Header().Ttl = 0
	return rr
}

// recordsOn returns what a node that listens on an address says of itself on an interface: wire.md §8.2. The addresses are that
// one, or those of the interface, at most maxAddrs of them: of each family those that are link-local only if there are no
// others. offer is the number of the pairing that it offers, or 0.
func recordsOn(i discovery.Interface, key identity.PublicKey, listens netip.AddrPort, offer uint16) []ownRecord {
	instance, host := nameOf(key), hostOf(key)+"."+domain
	head := func(name string, kind, class uint16, ttl uint32) dns.RR_Header {
		return dns.RR_Header{Name: name, Rrtype: kind, Class: dns.ClassINET | class, Ttl: ttl}
	}
	list := []ownRecord{
		{typePointer, &dns.PTR{Hdr: head(typesName, dns.TypePTR, 0, serviceTTL), Ptr: serviceName}},
		{pointer, &dns.PTR{Hdr: head(serviceName, dns.TypePTR, 0, serviceTTL), Ptr: instance}},
		{server, &dns.SRV{Hdr: head(instance, dns.TypeSRV, flushBit, hostTTL), Port: listens.Port(), Target: host}},
		{text, &dns.TXT{Hdr: head(instance, dns.TypeTXT, flushBit, serviceTTL), Txt: attributes(key, offer)}},
	}
	for _, a := range ownAddresses(i, listens.Addr()) {
		if a.Is4() {
			list = append(list, ownRecord{address4, &dns.A{Hdr: head(host, dns.TypeA, flushBit, hostTTL), A: a.AsSlice()}})
		} else {
			list = append(list, ownRecord{address6, &dns.AAAA{Hdr: head(host, dns.TypeAAAA, flushBit, hostTTL), AAAA: a.AsSlice()}})
		}
	}
	return list
}

// ownAddresses returns the addresses that a node which listens on an address has on an interface, in order.
func ownAddresses(i discovery.Interface, listens netip.Addr) (list []netip.Addr) {
	if listens = listens.Unmap(); !listens.IsUnspecified() {
		return []netip.Addr{listens.WithZone("")}
	}
	for _, p := range i.Addrs {
		a := p.Addr()
		if a.Is6() && listens.Is4() {
			continue
		}
		isBetter := func(o netip.Prefix) bool { return o.Addr().Is4() == a.Is4() && !o.Addr().IsLinkLocalUnicast() }
		if len(list) < maxAddrs && (!a.IsLinkLocalUnicast() || !slices.ContainsFunc(i.Addrs, isBetter)) {
			list = append(list, a)
		}
	}
	return list
}
