package mdns

import (
	"net"
	"net/netip"
	"slices"

	"github.com/miekg/dns"

	"github.com/seed-f6ddb928/peernet-go/identity"
)

// Bounds of what is read from one packet. The rest is ignored: no node sends that much, and true records are said
// again.
const (
	maxPacket    = 9000 // bytes: RFC 6762 §17
	maxEntries   = 512  // questions and records: names can be compressed, and unfold to much more than the packet
	maxServices  = 64
	maxHosts     = 64
	maxHostAddrs = 16 // addresses of one host, and as many that are withdrawn
)

// flushBit is the cache-flush bit of a record's class, which says that no other host has such records; classMask is the rest
// of the class: RFC 6762 §10.2.
const (
	flushBit  = 1 << 15
	classMask = flushBit - 1
)

// A message is what a multicast response says that matters here. All names are in canonical form.
type message struct {
	services map[string]*service // by name
	byes     []bye               // each once
	hosts    map[string]*host    // by name
}

// A service is what a message says of one instance.
type service struct {
	host string // from its SRV record; empty: the message holds none that a node would send
	port uint16 // the same; not 0 if host is not empty

	hasText bool               // the message holds its TXT record
	key     identity.PublicKey // from that; zero: it is not that of a node
	offer   uint16             // from that: the number of the pairing that the node offers; 0: none
}

// A bye takes back a record of an instance: the pointer to it, or its SRV record.
type bye struct {
	name string
	host string // that of the SRV record; empty: it is the pointer
	port uint16 // the same; not 0 if host is not empty
}

// A host is what a message says of the addresses of one host.
type host struct {
	addrs []netip.Addr // without zones
	gone  []netip.Addr // those withdrawn
}

// messageIn returns what a response says. A record that is not well formed is as if it were not there.
func messageIn(packet *dns.Msg) message {
	m := message{services: make(map[string]*service), hosts: make(map[string]*host)}
	for _, section := range [][]dns.RR{packet.Answer, packet.Extra} {
		for _, r := range section {
			if r.Header().Class&classMask == dns.ClassINET {
				m.enter(r)
			}
		}
	}
	return m
}

// isEmpty reports whether a message says nothing that matters here.
func (m *message) isEmpty() bool { return len(m.services)+len(m.byes)+len(m.hosts) == 0 }

// enter enters a record.
func (m *message) enter(r dns.RR) {
	ends := r.Header().Ttl == 0
	switch r := r.(type) {
	case *dns.PTR:
		if name, ok := instanceName(r.Ptr); ok && ends && dns.CanonicalName(r.Hdr.Name) == serviceName {
			m.goodbye(bye{name: name})
		}
	case *dns.SRV:
		name, ok := instanceName(r.Hdr.Name)
		if !ok || r.Port == 0 || r.Target == "" || r.Target == "." {
			return
		}
		host := dns.CanonicalName(r.Target)
		if ends {
			m.goodbye(bye{name, host, r.Port})
		} else if s := m.service(name); s != nil {
			s.host, s.port = host, r.Port
		}
	case *dns.TXT:
		if name, ok := instanceName(r.Hdr.Name); ok && !ends {
			if s := m.service(name); s != nil {
				s.hasText = true
				s.key, _ = keyIn(r.Txt)
				s.offer = offerIn(r.Txt)
			}
		}
	case *dns.A:
		m.address(r.Hdr.Name, r.A.To4(), ends)
	case *dns.AAAA:
		m.address(r.Hdr.Name, r.AAAA, ends)
	}
}

func (m *message) goodbye(b bye) {
	if len(m.byes) < maxServices && !slices.Contains(m.byes, b) {
		m.byes = append(m.byes, b)
	}
}

// service returns what the message says of an instance, nil if it speaks of too many.
func (m *message) service(name string) *service {
	if m.services[name] == nil && len(m.services) < maxServices {
		m.services[name] = new(service)
	}
	return m.services[name]
}

// address notes an address of a host, if it can be dialled.
func (m *message) address(name string, ip net.IP, ends bool) {
	a, ok := netip.AddrFromSlice(ip)
	if !ok || a.Is4In6() || !a.IsGlobalUnicast() && !a.IsLinkLocalUnicast() {
		return
	}
	name = dns.CanonicalName(name)
	h := m.hosts[name]
	if h == nil {
		if len(m.hosts) >= maxHosts {
			return
		}
		h = new(host)
		m.hosts[name] = h
	}
	list := &h.addrs
	if ends {
		list = &h.gone
	}
	if len(*list) < maxHostAddrs {
		*list = append(*list, a)
	}
}
