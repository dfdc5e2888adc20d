package mdns

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/miekg/dns"

	"github.com/seed-f6ddb928/peernet-go/discovery"
	"github.com/seed-f6ddb928/peernet-go/discovery/internal/lan"
)

// TestPacketsAreCountedByWhatBecomesOfThem takes one packet of each kind.
func TestPacketsAreCountedByWhatBecomesOfThem(t *testing.T) {
	near, far := netip.MustParseAddrPort("10.77.0.1:5353"), netip.MustParseAddrPort("192.0.2.1:5353")
	mine, err := ask(q{nameOf(self), dns.TypeSRV}).Pack()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name    string
		b       []byte
		src     netip.AddrPort
		dst     netip.Addr
		want    Stats
		answers bool
	}{
		{"a response", pack(t, factOf(1).answer()), near, group4, Stats{Heard: 1}, true},
		{"a response of another subnet on the LAN", pack(t, factOf(1).answer()), far, group4, Stats{Heard: 1}, true},
		{"a question", mine, near, group4, Stats{Asked: 1}, true},
		{"a question by link-local address", mine, netip.MustParseAddrPort("169.254.1.1:5353"), group4, Stats{Asked: 1}, true},
		{"a question over IPv6", mine, netip.MustParseAddrPort("[fe80::1%eth0]:5353"), group6, Stats{Asked: 1}, true},
		{"a question from elsewhere", mine, far, group4, Stats{OffLink: 1}, true},
		{"a question from elsewhere over IPv6", mine, netip.MustParseAddrPort("[2001:db8::1]:5353"), group6, Stats{OffLink: 1}, true},
		{"a question to us alone", mine, near, netip.MustParseAddr("10.77.0.99"), Stats{OffLink: 1}, true},
		{"a question from another port", mine, netip.MustParseAddrPort("10.77.0.1:40000"), group4, Stats{OffLink: 1}, true},
		{"a response to us alone", pack(t, factOf(1).answer()), near, netip.MustParseAddr("10.77.0.99"), Stats{OffLink: 1}, true},
		{"a question for others", pack(t, ask(q{"_ipp._tcp.local.", dns.TypePTR})), near, group4, Stats{Foreign: 1}, true},
		{"a response of others", pack(t, response(fact{name: "x._ipp._tcp.local.", ttl: 1}.text())), near, group4, Stats{Foreign: 1}, true},
		{"a question to who only listens", mine, near, group4, Stats{Foreign: 1}, false},
		{"junk", []byte{1, 2, 3}, near, group4, Stats{Junk: 1}, true},
		{"junk that looks like a response", []byte{0, 0, 0x80, 0}, near, group4, Stats{Junk: 1}, true},
		{"nothing", nil, near, group4, Stats{Junk: 1}, true},
	} {
		p := New(Options{})
		n := &network{ctx: t.Context(), heard: make(chan heard, 1), counters: &p.counters}
		if c.answers {
			n.names = ownNames(self)
		}
		n.take(c.b, origin{c.src, eth0.Index, c.dst}, []discovery.Interface{eth0})
		if got := p.Stats(); !reflect.DeepEqual(got, c.want) || len(n.heard) != int(got.Heard+got.Asked) {
			t.Errorf("%s: %+v, want %+v", c.name, got, c.want)
		}
		for range len(n.heard) {
			if h := <-n.heard; h.on.Index != eth0.Index || c.want.Asked == 1 && h.query.kinds != server {
				t.Errorf("%s: %+v", c.name, h)
			}
		}
	}
}

// TestAFloodOfQueriesWaitsForNobody has a node that looks at none of them for the moment.
func TestAFloodOfQueriesWaitsForNobody(t *testing.T) {
	p := New(Options{})
	n := &network{counters: &p.counters, names: ownNames(self), heard: make(chan heard, maxWaiting)}
	b := pack(t, ask(q{nameOf(self), dns.TypeSRV}))
	for range maxWaiting + 5 {
		n.take(b, origin{netip.MustParseAddrPort("10.77.0.1:5353"), eth0.Index, group4}, []discovery.Interface{eth0})
	}
	if got := p.Stats(); got.Asked != maxWaiting+5 || got.Excess != 5 {
		t.Errorf("counted %+v", got)
	}
}

// TestCountsAreTheNumbersOfStats: one that is added to Stats must not be forgotten.
func TestCountsAreTheNumbersOfStats(t *testing.T) {
	p := New(Options{})
	p.counters.Count(func(s *Stats) {
		for i, v := 0, reflect.ValueOf(s).Elem(); i < v.NumField(); i++ {
			if v.Field(i).Kind() == reflect.Uint64 {
				v.Field(i).SetUint(uint64(i + 1))
			}
		}
	})
	counts, upper := p.Counts(), regexp.MustCompile(`([a-z])([A-Z])`)
	s := reflect.ValueOf(p.Stats())
	numbers := 0
	for i := range s.NumField() {
		if s.Field(i).Kind() != reflect.Uint64 {
			continue
		}
		numbers++
		name := strings.ToLower(upper.ReplaceAllString(s.Type().Field(i).Name, "${1}_$2"))
		if n := s.Field(i).Uint(); n == 0 || counts[name] != n {
			t.Errorf("%s is %d, in Stats %d", name, counts[name], n)
		}
	}
	if len(counts) != numbers {
		t.Errorf("%d counts, %d numbers in Stats", len(counts), numbers)
	}
}

// A fakeConn notes to which interfaces packets go, by their index.
type fakeConn struct {
	net.PacketConn
	to  *[]string
	err error
}

func (f fakeConn) WriteTo(_ []byte, to net.Addr) (int, error) {
	*f.to = append(*f.to, to.(*net.UDPAddr).Zone)
	return 0, f.err
}

func (fakeConn) SetWriteDeadline(time.Time) error { return nil }
func (fakeConn) Close() error                     { return nil }

func TestPacketsGoOutInTheFamiliesOfTheInterface(t *testing.T) {
	var four, six []string
	p := New(Options{})
	using := []discovery.Interface{lan0, card(3, "eth1", "fe80::1/64"), card(4, "eth2", "10.79.0.1/24", "fe80::1/64")}
	var problems []discovery.Problem
	n := &network{counters: &p.counters, problems: &lan.Problems{Tell: func(list []discovery.Problem) { problems = list }}}
	for network, conn := range map[string]fakeConn{"udp4": {to: &four}, "udp6": {to: &six, err: errTest}} {
		s, err := lan.Listen(t.Context(), discovery.Self{ListenPacket: func(context.Context, string, string) (net.PacketConn, error) {
			return conn, nil
		}}, network, "")
		if err != nil {
			t.Fatal(err)
		}
		n.sockets = append(n.sockets, &socket{Socket: s, group: group4, using: using})
	}
	for _, index := range []int{2, 3, 4, 5} {
		n.say(index, new(dns.Msg))
	}
	if !slices.Equal(four, []string{"2", "4"}) || !slices.Equal(six, []string{"3", "4"}) {
		t.Errorf("IPv4 on %v, IPv6 on %v", four, six)
	}
	for _, on := range problems {
		if want := "cannot send over IPv6 on " + on.Interface + ": " + errTest.Error(); on.String() != want {
			t.Errorf("problem %q, want %q", on, want)
		}
	}
	if len(problems) != 2 || problems[0].Interface != "eth1" || problems[1].Interface != "eth2" {
		t.Errorf("problems %v", problems)
	}
	if got := p.Stats(); got.Sent != 2 || got.SendErrors != 2 || !errors.Is(got.LastError, errTest) {
		t.Errorf("%+v", got)
	}
}

func TestTheInterfacesInUseAreCounted(t *testing.T) {
	bubble(t, func(t *testing.T, g *rig) {
		if got := g.provider.Stats().Interfaces; !slices.Equal(got, []string{"eth0", "eth1"}) {
			t.Errorf("%v", got)
		}
		g.set(func() { g.interfaces = nil })
		g.until(lookEvery)
		synctest.Wait()
		if got := g.provider.Stats().Interfaces; len(got) != 0 {
			t.Errorf("%v, after they have gone", got)
		}
	}, silent)
}
