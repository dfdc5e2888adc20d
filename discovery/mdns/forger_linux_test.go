package mdns

import (
	"errors"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/miekg/dns"
	"golang.org/x/net/ipv4"

	"github.com/seed-f6ddb928/peernet-go/internal/test/netns"
)

// A forger is a socket on a host with which a test says what it likes on its LAN.
type forger struct {
	t *testing.T
	*ipv4.PacketConn
}

func newForger(t *testing.T, h *netns.Host) forger {
	t.Helper()
	v := forger{t: t}
	var err error
	h.Do(func() {
		var conn net.PacketConn
		if conn, err = net.ListenPacket("udp4", "224.0.0.251:5353"); err != nil {
			return
		}
		v.PacketConn = ipv4.NewPacketConn(conn)
		var card *net.Interface
		if card, err = net.InterfaceByName("eth0"); err != nil {
			return
		}
		err = errors.Join(v.SetMulticastInterface(card), v.JoinGroup(card, &net.UDPAddr{IP: group4.AsSlice()}),
			v.SetControlMessage(ipv4.FlagDst|ipv4.FlagTTL, true))
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = v.Close() })
	return v
}

// send says something, or loses it, as the network does.
func (v forger) send(b []byte) {
	_, _ = v.WriteTo(b, nil, &net.UDPAddr{IP: group4.AsSlice(), Port: port})
}

func (v forger) say(m *dns.Msg) {
	v.t.Helper()
	v.send(pack(v.t, m))
}

// repeat says all packets again and again, one each millisecond, until stop is called.
func (v forger) repeat(packets [][]byte) (stop func()) {
	ended, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		tick := time.NewTicker(time.Millisecond)
		defer tick.Stop()
		for i := 0; ; i++ {
			select {
			case <-ended:
				return
			case <-tick.C:
				v.send(packets[i%len(packets)])
			}
		}
	}()
	return func() {
		close(ended)
		<-stopped
	}
}

// A reply is a response that a forger hears.
type reply struct {
	*dns.Msg
	src, dst netip.Addr
	ttl      int
	at       time.Time
}

// listen returns the responses that come until so long after now.
func (v forger) listen(d time.Duration) (list []reply) {
	v.t.Helper()
	if err := v.SetReadDeadline(time.Now().Add(d)); err != nil {
		v.t.Fatal(err)
	}
	b := make([]byte, maxPacket)
	for {
		n, c, src, err := v.ReadFrom(b)
		if err != nil {
			return list
		}
		m := new(dns.Msg)
		if err := m.Unpack(b[:n]); err != nil {
			v.t.Errorf("from %v: %v", src, err)
		} else if m.Response {
			dst, _ := netip.AddrFromSlice(c.Dst.To4())
			list = append(list, reply{m, src.(*net.UDPAddr).AddrPort().Addr(), dst, c.TTL, time.Now()})
		}
	}
}
