package mdns

import (
	"errors"
	"net"
	"net/netip"
	"testing"

	"github.com/miekg/dns"
)

// A fact is what a test's packets say of one instance. The zero values are left out.
type fact struct {
	name  string // canonical, with escapes
	host  string
	port  uint16
	txt   []string
	addrs []string
	ttl   uint32 // of all but addresses; 0: goodbye
}

// factOf is what node n says with these addresses.
func factOf(n int, addrs ...string) fact {
	k := key(n)
	return fact{name: nameOf(k), host: hostOf(k) + "." + domain, port: uint16(7100 + n), txt: attributes(k, 0), addrs: addrs, ttl: 3200}
}

func header(name string, kind uint16, ttl uint32) dns.RR_Header {
	return dns.RR_Header{Name: name, Rrtype: kind, Class: dns.ClassINET, Ttl: ttl}
}

func (f fact) ptr() dns.RR {
	return &dns.PTR{Hdr: header(serviceName, dns.TypePTR, f.ttl), Ptr: f.name}
}
func (f fact) text() dns.RR {
	return &dns.TXT{Hdr: header(f.name, dns.TypeTXT, f.ttl), Txt: f.txt}
}
func (f fact) srv() dns.RR {
	return &dns.SRV{Hdr: header(f.name, dns.TypeSRV, f.ttl), Port: f.port, Target: f.host}
}
func (f fact) hosts() (list []dns.RR) {
	for _, a := range f.addrs {
		list = append(list, address(f.host, a, 120))
	}
	return list
}

func address(host, a string, ttl uint32) dns.RR {
	if netip.MustParseAddr(a).Is4() {
		return &dns.A{Hdr: header(host, dns.TypeA, ttl), A: net.ParseIP(a)}
	}
	return &dns.AAAA{Hdr: header(host, dns.TypeAAAA, ttl), AAAA: net.ParseIP(a)}
}

// answer is how a node answers the question who is there; announcement what it says unasked; goodbye what it says last.
func (f fact) answer() *dns.Msg {
	m := response(f.ptr())
	m.Extra = append([]dns.RR{f.srv(), f.text()}, f.hosts()...)
	return m
}

func (f fact) announcement() *dns.Msg {
	m := response(append([]dns.RR{f.srv(), f.text(), f.ptr()}, f.hosts()...)...)
	for _, r := range m.Answer {
		if r.Header().Rrtype != dns.TypePTR {
			r.Header().Class |= flushBit
		}
	}
	return m
}

func (f fact) goodbye() *dns.Msg {
	f.ttl = 0
	return response(f.srv(), f.text(), f.ptr())
}

// byesOf is what goodbye says of an instance.
func byesOf(f fact) []bye {
	return []bye{{f.name, dns.CanonicalName(f.host), f.port}, {name: f.name}}
}

func response(answers ...dns.RR) *dns.Msg {
	return &dns.Msg{MsgHdr: dns.MsgHdr{Response: true, Authoritative: true}, Compress: true, Answer: answers}
}

func pack(t testing.TB, m *dns.Msg) []byte {
	t.Helper()
	b, err := m.Pack()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// read parses a packet that must mean something.
func read(t testing.TB, m *dns.Msg) message {
	t.Helper()
	got, err := parse(pack(t, m))
	if err != nil {
		t.Fatalf("%v: %v", err, m)
	}
	return got
}

func addrs(list ...string) (all []netip.Addr) {
	for _, s := range list {
		all = append(all, netip.MustParseAddr(s))
	}
	return all
}

type (
	services = map[string]*service
	hosts    = map[string]*host
)

// whole returns a message whose maps are all there.
func whole(m message) message {
	if m.services == nil {
		m.services = services{}
	}
	if m.hosts == nil {
		m.hosts = hosts{}
	}
	return m
}

var errForeign = errors.New("of others")

// parse reads the payload of a packet as a response.
func parse(b []byte) (message, error) {
	packet, err := unpack(b)
	if err != nil {
		return message{}, err
	}
	m := messageIn(packet)
	if !packet.Response || m.isEmpty() {
		return message{}, errForeign
	}
	return m, nil
}

// query reads the payload of a packet as a query.
func (n names) query(b []byte) (query, error) {
	packet, err := unpack(b)
	if err != nil {
		return query{}, err
	}
	q := n.queryIn(packet)
	if packet.Response || q.kinds == 0 {
		return query{}, errForeign
	}
	return q, nil
}
