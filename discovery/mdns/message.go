package mdns

import (
	"net"
	"net/netip"

	"github.com/miekg/dns"

	"github.com/seed-f6ddb928/peernet-go/identity"
)

// Bounds of what is read from one packet. What is over them is ignored: nobody of ours sends so much, and what is
// true is said again.
const (
	maxPacket    = 9000 // bytes: RFC 6762 §17
	maxServices  = 64
	maxHosts     = 64
	maxHostAddrs = 16 // addresses of one host, and as many that are withdrawn
)

// flushBit is the cache-flush bit, classMask leaves of a record's class what is not: RFC 6762 §10.2.
const (
	flushBit  = 1 << 15
	classMask = flushBit - 1
)

// A message is what a multicast response says that matters here. All names are in canonical form.
type message struct {
	services []service // each name once
	gone     []string  // instances that say goodbye
	hosts    []host    // each name once
}

// A service is what a message says of one instance.
type service struct {
	name string
	host string // from its SRV record; empty: the message holds none that a node would send
	port uint16 // the same; not 0 if host is not empty

	hasText bool               // the message holds its TXT record
	key     identity.PublicKey // from that; zero: it is not that of a node
}

// A host is what a message says of the addresses of one host.
type host struct {
	name  string
	addrs []netip.Addr // without zones
	gone  []netip.Addr // those withdrawn
}

func (m *message) empty() bool { return len(m.services)+len(m.gone)+len(m.hosts) == 0 }

// parse reads the payload of a packet. It reports false if that is no response, or says nothing that matters here; a
// record that is not well formed is as if it were not there. It keeps nothing of b.
func parse(b []byte) (message, bool) {
	if len(b) > maxPacket {
		return message{}, false
	}
	var packet dns.Msg
	if packet.Unpack(b) != nil || !packet.Response || packet.Opcode != dns.OpcodeQuery || packet.Rcode != dns.RcodeSuccess {
		return message{}, false // RFC 6762 §18.3, §18.11
	}
	var p parser
	for _, section := range [][]dns.RR{packet.Answer, packet.Extra} {
		for _, r := range section {
			if r.Header().Class&classMask == dns.ClassINET {
				p.record(r)
			}
		}
	}
	return p.message, !p.empty()
}

// A parser gathers the message of one packet.
type parser struct {
	message
	serviceAt map[string]int // index in services, by name
	hostAt    map[string]int // index in hosts, by name
}

func (p *parser) record(r dns.RR) {
	ends := r.Header().Ttl == 0
	switch r := r.(type) {
	case *dns.PTR:
		if name, ok := instanceName(r.Ptr); ok && ends && dns.CanonicalName(r.Hdr.Name) == serviceName {
			p.goodbye(name)
		}
	case *dns.SRV:
		name, ok := instanceName(r.Hdr.Name)
		switch {
		case !ok:
		case ends:
			p.goodbye(name)
		case r.Port != 0 && r.Target != "" && r.Target != ".":
			if s := p.service(name); s != nil {
				s.host, s.port = dns.CanonicalName(r.Target), r.Port
			}
		}
	case *dns.TXT:
		if name, ok := instanceName(r.Hdr.Name); ok && !ends {
			if s := p.service(name); s != nil {
				s.hasText = true
				s.key, _ = keyIn(r.Txt)
			}
		}
	case *dns.A:
		p.address(r.Hdr.Name, r.A.To4(), ends)
	case *dns.AAAA:
		p.address(r.Hdr.Name, r.AAAA, ends)
	}
}

func (p *parser) goodbye(name string) {
	if len(p.gone) >= maxServices {
		return
	}
	for _, g := range p.gone {
		if g == name {
			return
		}
	}
	p.gone = append(p.gone, name)
}

// service returns what the message says of an instance, nil if it speaks of too many.
func (p *parser) service(name string) *service {
	at, ok := p.serviceAt[name]
	if !ok {
		if at = len(p.services); at >= maxServices {
			return nil
		}
		if p.serviceAt == nil {
			p.serviceAt = make(map[string]int)
		}
		p.serviceAt[name] = at
		p.services = append(p.services, service{name: name})
	}
	return &p.services[at]
}

// address notes an address of a host that somebody could dial.
func (p *parser) address(name string, ip net.IP, ends bool) {
	a, ok := netip.AddrFromSlice(ip)
	if !ok || a.Is4In6() || !a.IsGlobalUnicast() && !a.IsLinkLocalUnicast() {
		return
	}
	name = dns.CanonicalName(name)
	at, ok := p.hostAt[name]
	if !ok {
		if at = len(p.hosts); at >= maxHosts {
			return
		}
		if p.hostAt == nil {
			p.hostAt = make(map[string]int)
		}
		p.hostAt[name] = at
		p.hosts = append(p.hosts, host{name: name})
	}
	list := &p.hosts[at].addrs
	if ends {
		list = &p.hosts[at].gone
	}
	if len(*list) < maxHostAddrs {
		*list = append(*list, a)
	}
}
