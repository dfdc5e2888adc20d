package mdns

import (
	"time"

	"github.com/grandcat/zeroconf"
	"github.com/miekg/dns"

	"github.com/seed-f6ddb928/peernet-go/discovery"
)

// How the server of the library lives. It tells nobody when its goroutines have begun and ended.
const (
	// serverBegins is after how long they are sure to run. To shut it down before that races with their beginning.
	serverBegins = 500 * time.Millisecond

	// serverEnds is after how long, from its beginning, the goroutine has ended that announces it: it sleeps twice up to
	// 250 ms, 1 s and 2 s, whatever happens meanwhile.
	serverEnds = 3600 * time.Millisecond
)

// An announcer announces this node, and answers questions for it.
type announcer struct {
	server *zeroconf.Server
	began  time.Time
}

// announce begins to announce the node on some interfaces: wire.md §8.2. Each answer has the addresses of the interface
// that it is sent on, as they are then, or the one that the node listens on.
func announce(self discovery.Self, using []discovery.Interface) (*announcer, error) {
	var addrs []string
	switch at := self.Addr.Unmap(); {
	case at.IsValid() && !at.IsUnspecified():
		addrs = []string{at.WithZone("").String()}
	case !tellsInterface: // the library cannot know which interface a question came in on
		for _, i := range using {
			for _, p := range i.Addrs {
				addrs = append(addrs, p.Addr().String())
			}
		}
	}
	server, err := zeroconf.RegisterProxy(instanceOf(self.Key), serviceType, domain, int(self.Port), hostOf(self.Key), addrs,
		attributes(self.Key), system(using))
	if err != nil {
		return nil, err
	}
	return &announcer{server, time.Now()}, nil
}

// close says goodbye and stops answering. It returns when the last goroutine ends. What the library was saying just then,
// an answer or an announcement, may be heard after its goodbye: see network.close.
func (a *announcer) close() (ends time.Time) {
	time.Sleep(time.Until(a.began.Add(serverBegins)))
	a.server.Shutdown()
	return a.began.Add(serverEnds)
}

// goodbye returns the packet with which a node stops: wire.md §8.2.
func goodbye(self discovery.Self) ([]byte, error) {
	name := nameOf(self.Key)
	header := func(name string, kind, class uint16) dns.RR_Header {
		return dns.RR_Header{Name: name, Rrtype: kind, Class: class} // with a TTL of 0
	}
	m := dns.Msg{MsgHdr: dns.MsgHdr{Response: true, Authoritative: true}, Compress: true, Answer: []dns.RR{
		&dns.SRV{Hdr: header(name, dns.TypeSRV, dns.ClassINET|flushBit), Port: self.Port, Target: hostOf(self.Key) + "." + domain},
		&dns.TXT{Hdr: header(name, dns.TypeTXT, dns.ClassINET|flushBit), Txt: attributes(self.Key)},
		&dns.PTR{Hdr: header(serviceName, dns.TypePTR, dns.ClassINET), Ptr: name},
	}}
	return m.Pack()
}
