package mdns

import (
	"encoding/hex"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// everywhere is where node 1 of these tests listens.
var everywhere = netip.MustParseAddrPort("[::]:7101")

// TestRecordsAreExact compares an announcement with bytes that were composed by hand from wire.md §8.2.
func TestRecordsAreExact(t *testing.T) {
	const id = "203031303030303030303030303030303030303030303030303030303030303030" // 32 bytes
	want := "000084000000000500000000" +
		"085f706565726e6574045f746370056c6f63616c00" + "000c0001" + "00001194" + "0023" + id + "c00c" + // at 12; ID at 43
		"c02b" + "00218001" + "00000078" + "0031" + "000000001bbd" + "23706e2d" + id[2:] + "056c6f63616c00" +
		"c02b" + "00108001" + "00001194" + "0047" + "42" + hex.EncodeToString([]byte("pk="+key(1).String())) + "03" + hex.EncodeToString([]byte("v=1")) +
		"c060" + "00018001" + "00000078" + "0004" + "0a4d0001" +
		"c060" + "001c8001" + "00000078" + "0010" + "fd770000000000000000000000000001"
	a := newAnnouncer(time.Time{}, recordsOn(card(2, "eth0", "10.77.0.1/24", "fd77::1/64"), key(1), everywhere, 0), func() float64 { return 0 })
	b := pack(t, a.message(true))
	if got := hex.EncodeToString(b); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	f := factOf(1, "10.77.0.1", "fd77::1")
	m, err := parse(b)
	if err != nil || len(m.services) != 1 || *m.services[f.name] != (service{host: f.host, port: f.port, hasText: true, key: key(1)}) ||
		len(m.hosts) != 1 || !slices.Equal(m.hosts[f.host].addrs, addrs(f.addrs...)) {
		t.Errorf("read as %+v, %v", m, err)
	}
}

func TestAddressesAreThoseOfTheInterface(t *testing.T) {
	many := []string{"10.0.0.1/24", "10.0.0.2/24", "fd77::1/64", "fd77::2/64", "fd77::3/64", "fd77::4/64", "fd77::5/64", "fd77::6/64", "fd77::7/64"}
	for _, c := range []struct {
		name    string
		has     []string
		listens string
		want    []string
	}{
		{"both families", []string{"10.77.0.1/24", "fd77::1/64", "fe80::1/64"}, "::", []string{"10.77.0.1", "fd77::1"}},
		{"of IPv6 the link-local one alone", []string{"10.77.0.1/24", "fe80::1/64"}, "::", []string{"10.77.0.1", "fe80::1"}},
		{"link-local alone", []string{"169.254.1.1/16", "fe80::1/64"}, "::", []string{"169.254.1.1", "fe80::1"}},
		{"listens over IPv4 alone", []string{"10.77.0.1/24", "fd77::1/64"}, "0.0.0.0", []string{"10.77.0.1"}},
		{"of IPv4 one that is not", []string{"169.254.1.1/16", "10.77.0.1/24"}, "::", []string{"10.77.0.1"}},
		{"too many", many, "::", []string{"10.0.0.1", "10.0.0.2", "fd77::1", "fd77::2", "fd77::3", "fd77::4", "fd77::5", "fd77::6"}},
		{"the one that the node listens on", []string{"10.77.0.1/24", "10.77.0.2/24"}, "10.77.0.2", []string{"10.77.0.2"}},
		{"and that without its zone", []string{"10.77.0.1/24", "fe80::1/64"}, "fe80::1%eth0", []string{"fe80::1"}},
	} {
		if got := ownAddresses(card(2, "eth0", c.has...), netip.MustParseAddr(c.listens)); !slices.Equal(got, addrs(c.want...)) {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}

// TestAnAnnouncementFitsOnePacket with as many addresses as there may be.
func TestAnAnnouncementFitsOnePacket(t *testing.T) {
	var has []string
	for _, p := range []string{"2001:db8::1", "2001:db8::2", "2001:db8::3", "2001:db8::4", "2001:db8::5", "2001:db8::6", "2001:db8::7", "2001:db8::8"} {
		has = append(has, p+"/64")
	}
	a := newAnnouncer(time.Time{}, recordsOn(card(2, "eth0", has...), key(1), everywhere, 0), func() float64 { return 0 })
	for n := range a.wanted {
		a.wanted[n] = true
	}
	m := a.message(true)
	if n := len(pack(t, m)); n > 1232 || len(m.Answer) != len(has)+4 { // 1280, what every link of IPv6 carries, without the headers
		t.Errorf("%d bytes, %d records", n, len(m.Answer))
	}
}

func TestWhatGoesWithAnAnswer(t *testing.T) {
	for _, c := range []struct{ answers, want kinds }{
		{typePointer, 0},
		{pointer, instances | addresses},
		{server, addresses},
		{text, 0},
		{address4, address6},
		{addresses, 0},
		{pointer | text, server | addresses},
		{announced, 0},
	} {
		if got := additional(c.answers); got != c.want {
			t.Errorf("with %06b: %06b, want %06b", c.answers, got, c.want)
		}
	}
	for n, r := range recordsOn(eth0, key(1), everywhere, 0) {
		shared := r.kind == typePointer || r.kind == pointer
		if unique := r.rr.Header().Class == dns.ClassINET|flushBit; unique == shared {
			t.Errorf("record %d: class %x", n, r.rr.Header().Class)
		}
	}
}
