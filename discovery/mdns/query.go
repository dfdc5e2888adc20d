package mdns

import (
	"encoding/binary"
	"errors"
	"slices"
	"strings"

	"github.com/miekg/dns"

	"github.com/seed-f6ddb928/peernet-go/identity"
)

// maxKnown bounds the known answers that are read of one packet: a node has at most 4 records and maxAddrs addresses.
const maxKnown = 16

var errMalformed = errors.New("not a packet of multicast DNS")

// A query is what one packet asks of a node.
type query struct {
	kinds kinds    // empty: nothing
	known []dns.RR // what the asker has of our records, and perhaps others of their names; at most maxKnown, without cacheFlush
}

// Names are the kinds of records that each name of one node has. They are not changed.
type names map[string]kinds

func ownNames(key identity.PublicKey) names {
	return names{typesName: typePointer, serviceName: pointer, nameOf(key): instances, hostOf(key) + "." + domain: addresses}
}

// queryIn returns what a query asks of this node. Whether an answer by unicast is asked for (RFC 6762 §5.4), whether more
// known answers follow (§7.2), and whether it is a probe (§8.1) makes no difference here.
func (n names) queryIn(packet *dns.Msg) (q query) {
	for _, question := range packet.Question {
		if class := question.Qclass & classMask; class == dns.ClassINET || class == dns.ClassANY {
			q.kinds |= n[dns.CanonicalName(question.Name)] & kindsOf[question.Qtype]
		}
	}
	for _, rr := range packet.Answer {
		h := rr.Header()
		h.Class &= classMask
		if len(q.known) < maxKnown && n.ours(rr) {
			q.known = append(q.known, rr)
		}
	}
	return q
}

// kindsOf are the kinds of records of each type that can be asked for.
var kindsOf = map[uint16]kinds{
	dns.TypeANY: typePointer | announced, dns.TypePTR: typePointer | pointer,
	dns.TypeSRV: server, dns.TypeTXT: text, dns.TypeA: address4, dns.TypeAAAA: address6,
}

// ours reports whether a record could be one of ours. Of pointers there may be hundreds, to other nodes.
func (n names) ours(rr dns.RR) bool {
	name := dns.CanonicalName(rr.Header().Name)
	if p, ok := rr.(*dns.PTR); ok {
		to := dns.CanonicalName(p.Ptr)
		return name == typesName && to == serviceName || name == serviceName && n[to] == instances
	}
	return n[name]&(instances|addresses) != 0
}

// knows reports whether the asker has a record of ours for at least half of its time yet: RFC 6762 §7.1.
func (q query) knows(r ownRecord) bool {
	want := dns.Copy(r.rr)
	want.Header().Class &= classMask
	return slices.ContainsFunc(q.known, func(have dns.RR) bool {
		return have.Header().Ttl >= want.Header().Ttl/2 && dns.IsDuplicate(want, have)
	})
}

// queryFor returns the query for instances, in the order of their names: for all records of each, and the addresses of its
// host, if that is known.
func queryFor(list []*instance) *dns.Msg {
	slices.SortFunc(list, func(a, b *instance) int { return strings.Compare(a.name, b.name) })
	m := new(dns.Msg)
	for n, i := range list {
		if n > 0 && i.name == list[n-1].name {
			continue // the same on another interface
		}
		m.Question = append(m.Question, dns.Question{Name: i.name, Qtype: dns.TypeANY, Qclass: dns.ClassINET})
		if i.host != "" {
			m.Question = append(m.Question, dns.Question{Name: i.host, Qtype: dns.TypeA, Qclass: dns.ClassINET},
				dns.Question{Name: i.host, Qtype: dns.TypeAAAA, Qclass: dns.ClassINET})
		}
	}
	m.Compress = true
	return m
}

// unpack reads a packet of at most maxPacket bytes and maxEntries, with opcode and rcode 0 (RFC 6762 §18.3, §18.11). It
// keeps nothing of b.
func unpack(b []byte) (*dns.Msg, error) {
	packet := new(dns.Msg)
	if len(b) > maxPacket || entries(b) > maxEntries || packet.Unpack(b) != nil || packet.Opcode != dns.OpcodeQuery || packet.Rcode != dns.RcodeSuccess {
		return nil, errMalformed
	}
	return packet, nil
}

// entries returns how many questions and records a packet says that it has, in the bytes 4 to 12 of its header.
func entries(b []byte) (n int) {
	for at := 4; at < min(12, len(b)-1); at += 2 {
		n += int(binary.BigEndian.Uint16(b[at:]))
	}
	return n
}
