package mdns

import (
	"cmp"
	"fmt"
	"maps"
	"net"
	"net/netip"
	"reflect"
	"slices"
	"testing"

	"github.com/miekg/dns"

	"github.com/seed-f6ddb928/peernet-go/internal/test/vectors"
)

func TestMessagesAreRead(t *testing.T) {
	one, two := factOf(1, "10.77.0.1", "fd77::1"), factOf(2, "10.77.0.2")
	svc := func(f fact, n int) *service { return &service{host: f.host, port: f.port, hasText: true, key: key(n)} }
	ofOne := hosts{one.host: {addrs: addrs("10.77.0.1", "fd77::1")}}
	with := func(m *dns.Msg, more ...dns.RR) *dns.Msg {
		m.Extra = append(m.Extra, more...)
		return m
	}
	named := one
	named.name = `My\ Node\.v2._PeerNet._tcp.local.`
	named.host = "Host.LOCAL."
	otherClass := one.srv()
	otherClass.Header().Class = dns.ClassCHAOS
	for _, c := range []struct {
		name   string
		packet *dns.Msg
		want   message
	}{
		{"an answer", one.answer(), message{services: services{one.name: svc(one, 1)}, hosts: ofOne}},
		{"an announcement", one.announcement(), message{services: services{one.name: svc(one, 1)}, hosts: ofOne}},
		{"a goodbye", one.goodbye(), message{byes: byesOf(one)}},
		{"a goodbye of the pointer alone", response(fact{name: one.name}.ptr()), message{byes: []bye{{name: one.name}}}},
		{"a goodbye of the address", response(address(one.host, "10.77.0.1", 0)), message{hosts: hosts{one.host: {gone: addrs("10.77.0.1")}}}},
		{"two nodes in one packet", with(one.answer(), append(two.hosts(), two.text(), two.srv())...), message{
			services: services{one.name: svc(one, 1), two.name: svc(two, 2)},
			hosts:    hosts{one.host: ofOne[one.host], two.host: {addrs: addrs("10.77.0.2")}}}},
		{"one comes, one goes", with(one.answer(), two.goodbye().Answer...), message{services: services{one.name: svc(one, 1)}, byes: byesOf(two), hosts: ofOne}},
		{"names with escapes and capitals", named.answer(), message{services: services{`my\ node\.v2._peernet._tcp.local.`: {host: "host.local.", port: one.port, hasText: true, key: key(1)}},
			hosts: hosts{"host.local.": {addrs: addrs("10.77.0.1", "fd77::1")}}}},
		{"the server alone", response(one.srv()), message{services: services{one.name: {host: one.host, port: one.port}}}},
		{"the text alone", response(one.text()), message{services: services{one.name: {hasText: true, key: key(1)}}}},
		{"the text of another service", response(fact{name: one.name, txt: []string{"v=2"}, ttl: 1}.text()), message{services: services{one.name: {hasText: true}}}},
		{"a text that ends does not count", with(response(one.srv()), fact{name: one.name, txt: one.txt}.text()), message{services: services{one.name: {host: one.host, port: one.port}}}},
		{"addresses that nobody dials", response(address("h.local.", "127.0.0.1", 120), address("h.local.", "224.0.0.251", 120), address("h.local.", "0.0.0.0", 120),
			address("h.local.", "255.255.255.255", 120), address("h.local.", "::1", 120), address("h.local.", "ff02::fb", 120), address("h.local.", "::", 120),
			address("h.local.", "10.1.2.3", 120), address("h.local.", "fe80::3", 120), address("h.local.", "169.254.1.2", 120)),
			message{hosts: hosts{"h.local.": {addrs: addrs("10.1.2.3", "fe80::3", "169.254.1.2")}}}},
		{"another class beside ours", with(response(otherClass), one.text()), message{services: services{one.name: {hasText: true, key: key(1)}}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := read(t, c.packet); !reflect.DeepEqual(got, whole(c.want)) {
				t.Errorf("got  %+v\nwant %+v", got, c.want)
			}
		})
	}
}

func TestWhatMattersNotIsNoMessage(t *testing.T) {
	one := factOf(1, "10.77.0.1")
	change := func(f func(*dns.Msg)) *dns.Msg {
		m := one.answer()
		f(m)
		return m
	}
	question := new(dns.Msg).SetQuestion(serviceName, dns.TypePTR)
	probe := new(dns.Msg).SetQuestion(one.name, dns.TypeANY)
	probe.Ns = []dns.RR{one.srv(), one.text()}
	foreign := one
	foreign.name = "printer._ipp._tcp.local."
	foreign.addrs = nil
	noPort, noHost := one, one
	noPort.port, noHost.host = 0, "."
	reasons := map[string]error{"an error": errMalformed, "another operation": errMalformed}
	for name, packet := range map[string]*dns.Msg{
		"a question":          question,
		"a probe":             probe,
		"a query with answer": change(func(m *dns.Msg) { m.Response = false }),
		"an error":            change(func(m *dns.Msg) { m.Rcode = dns.RcodeNameError }),
		"another operation":   change(func(m *dns.Msg) { m.Opcode = dns.OpcodeNotify }),
		"nothing":             response(),
		"another service":     response(foreign.ptr(), foreign.srv(), foreign.text()),
		"a pointer alone":     response(one.ptr()),
		"port 0":              response(noPort.srv()),
		"no host":             response(noHost.srv()),
		"an IPv4 address as IPv6": response(&dns.AAAA{Hdr: header("h.local.", dns.TypeAAAA, 120),
			AAAA: net.IP(netip.MustParseAddr("::ffff:10.0.0.1").AsSlice())}),
		"a goodbye for another type": response(&dns.PTR{Hdr: header("_other._tcp.local.", dns.TypePTR, 0), Ptr: one.name}),
	} {
		if m, err := parse(pack(t, packet)); err != cmp.Or(reasons[name], errForeign) {
			t.Errorf("%s: %+v, %v", name, m, err)
		}
	}
	big := one.answer()
	for i := range 200 {
		big.Extra = append(big.Extra, &dns.TXT{Hdr: header("x.local.", dns.TypeTXT, 1), Txt: []string{fmt.Sprintf("%060d", i)}})
	}
	if b := pack(t, big); len(b) <= maxPacket {
		t.Fatalf("%d bytes", len(b))
	} else if _, err := parse(b); err != errMalformed {
		t.Errorf("%d bytes are read: %v", len(b), err)
	}
	if _, err := parse(nil); err != errMalformed {
		t.Errorf("nothing is a message: %v", err)
	}
}

// TestRecordsWithoutDataAreIgnored has records of length 0, which parsers are prone to take for full ones.
func TestRecordsWithoutDataAreIgnored(t *testing.T) {
	one := factOf(1)
	for _, kind := range []uint16{dns.TypePTR, dns.TypeSRV, dns.TypeA, dns.TypeAAAA} {
		h := header(one.name, kind, 120)
		if m, err := parse(pack(t, response(&dns.RFC3597{Hdr: h}))); err != errForeign {
			t.Errorf("%s: %+v, %v", dns.TypeToString[kind], m, err)
		}
	}
	empty := header(one.name, dns.TypeTXT, 120)
	if m, err := parse(pack(t, response(&dns.RFC3597{Hdr: empty}))); err != nil || len(m.services) != 1 || !m.services[one.name].key.IsZero() {
		t.Errorf("a TXT record without strings: %+v", m)
	}
}

func TestOnePacketSaysNotWithoutBound(t *testing.T) {
	services, gone, hosts, addresses := response(), response(), response(), response()
	for i := range 100 {
		f := fact{name: fmt.Sprintf("%d.%s", i, serviceName), host: "h.local.", port: 1, ttl: 1}
		services.Answer = append(services.Answer, f.srv())
		f.ttl = 0
		gone.Answer = append(gone.Answer, f.ptr(), f.ptr(), f.srv())
		hosts.Answer = append(hosts.Answer, address(fmt.Sprintf("h%d.local.", i), "10.0.0.1", 1))
		addresses.Answer = append(addresses.Answer, address("h.local.", fmt.Sprintf("10.0.0.%d", i+1), 1), address("h.local.", fmt.Sprintf("10.0.1.%d", i+1), 0))
	}
	for name, c := range map[string]struct {
		packet *dns.Msg
		count  func(message) int
		want   int
	}{
		"services":             {services, func(m message) int { return len(m.services) }, maxServices},
		"goodbyes":             {gone, func(m message) int { return len(m.byes) }, maxServices},
		"hosts":                {hosts, func(m message) int { return len(m.hosts) }, maxHosts},
		"addresses":            {addresses, func(m message) int { return len(m.hosts["h.local."].addrs) }, maxHostAddrs},
		"addresses withdrawn":  {addresses, func(m message) int { return len(m.hosts["h.local."].gone) }, maxHostAddrs},
		"hosts of one address": {addresses, func(m message) int { return len(m.hosts) }, 1},
	} {
		if got := c.count(read(t, c.packet)); got != c.want {
			t.Errorf("%s: %d, want %d", name, got, c.want)
		}
	}
}

// TestTruncatedPacketsSayNothingElse cuts a packet at each byte: what is left says less, never something else.
func TestTruncatedPacketsSayNothingElse(t *testing.T) {
	for _, p := range recorded {
		b, whole := vectors.Unhex(p.hex), p.want
		for n := range b {
			m, err := parse(b[:n])
			if err != nil {
				continue
			}
			if len(m.byes) > len(whole.byes) || len(m.services) > len(whole.services) || len(m.hosts) > len(whole.hosts) {
				t.Errorf("%d bytes: %+v", n, m)
			}
			for name, s := range m.services {
				w := whole.services[name]
				if w == nil || s.host != "" && (s.host != w.host || s.port != w.port) || s.hasText && s.key != w.key {
					t.Errorf("%d bytes: %+v", n, m)
				}
			}
			for name, h := range m.hosts {
				for _, a := range h.addrs {
					if w := whole.hosts[name]; w == nil || !slices.Contains(w.addrs, a) {
						t.Errorf("%d bytes: %+v", n, m)
					}
				}
			}
		}
	}
}

// FuzzParse checks that whatever is read is within bounds and canonical, and that parse keeps nothing of its input.
func FuzzParse(f *testing.F) {
	one := factOf(1, "10.77.0.1", "fd77::1", "fe80::1")
	for _, m := range []*dns.Msg{one.answer(), one.announcement(), one.goodbye(), response(address(one.host, "10.77.0.1", 0)),
		new(dns.Msg).SetQuestion(serviceName, dns.TypePTR)} {
		f.Add(pack(f, m))
	}
	for _, p := range recorded {
		f.Add(vectors.Unhex(p.hex))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := parse(b)
		if err != nil {
			return
		}
		text := func() (text string) {
			for _, name := range slices.Sorted(maps.Keys(m.services)) {
				text += fmt.Sprintf("%q %v ", name, *m.services[name])
			}
			for _, name := range slices.Sorted(maps.Keys(m.hosts)) {
				text += fmt.Sprintf("%q %v ", name, *m.hosts[name])
			}
			return text + fmt.Sprintf("%v", m.byes)
		}
		before := text()
		clear(b)
		if after := text(); after != before {
			t.Errorf("%s became %s", before, after)
		}
		if len(m.services)+len(m.byes)+len(m.hosts) == 0 || len(m.services) > maxServices || len(m.byes) > maxServices || len(m.hosts) > maxHosts {
			t.Errorf("%+v", m)
		}
		for name, s := range m.services {
			if canonical, ok := instanceName(name); !ok || canonical != name {
				t.Errorf("service %q", name)
			}
			if _, err := queryFor([]*instance{{spot: spot{name: name}, host: s.host}}).Pack(); err != nil {
				t.Errorf("%+v cannot be asked about: %v", s, err)
			}
			if (s.host == "") != (s.port == 0) || !s.hasText && !s.key.IsZero() || s.host == "" && !s.hasText {
				t.Errorf("%+v", s)
			}
		}
		for _, bye := range m.byes {
			if canonical, ok := instanceName(bye.name); !ok || canonical != bye.name || (bye.host == "") != (bye.port == 0) {
				t.Errorf("%+v", bye)
			}
		}
		for name, h := range m.hosts {
			if dns.CanonicalName(name) != name || len(h.addrs)+len(h.gone) == 0 || len(h.addrs) > maxHostAddrs || len(h.gone) > maxHostAddrs {
				t.Errorf("%+v", h)
			}
			for _, a := range append(slices.Clone(h.addrs), h.gone...) {
				if a.IsLoopback() || a.IsMulticast() || a.IsUnspecified() || a.Is4In6() || a.Zone() != "" {
					t.Errorf("address %v", a)
				}
			}
		}
	})
}
