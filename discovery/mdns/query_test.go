package mdns

import (
	"fmt"
	"slices"
	"testing"

	"github.com/miekg/dns"
)

// A q is a question.
type q struct {
	name  string
	qtype uint16
}

func ask(questions ...q) *dns.Msg {
	m := new(dns.Msg)
	for _, a := range questions {
		m.Question = append(m.Question, dns.Question{Name: a.name, Qtype: a.qtype, Qclass: dns.ClassINET})
	}
	return m
}

func TestQueriesForOurRecordsAreRead(t *testing.T) {
	f := factOf(1)
	with := func(change func(*dns.Msg), questions ...q) *dns.Msg {
		m := ask(questions...)
		change(m)
		return m
	}
	class := func(class uint16) func(*dns.Msg) { return func(m *dns.Msg) { m.Question[0].Qclass = class } }
	all := q{f.name, dns.TypeANY}
	for _, c := range []struct {
		name   string
		packet *dns.Msg
		want   kinds
	}{
		{"who is there", ask(q{serviceName, dns.TypePTR}), pointer},
		{"anything", ask(q{serviceName, dns.TypeANY}), pointer},
		{"what types there are", ask(q{typesName, dns.TypePTR}), typePointer},
		{"the server", ask(q{f.name, dns.TypeSRV}), server},
		{"the text", ask(q{f.name, dns.TypeTXT}), text},
		{"all of the instance", ask(all), instances},
		{"addresses", ask(q{f.host, dns.TypeA}, q{f.host, dns.TypeAAAA}), addresses},
		{"IPv6 alone", ask(q{f.host, dns.TypeAAAA}), address6},
		{"all of the host", ask(q{f.host, dns.TypeANY}), addresses},
		{"in capitals", ask(q{"_PEERNET._TCP.Local.", dns.TypePTR}), pointer},
		{"an answer by unicast", with(class(dns.ClassINET|flushBit), all), instances},
		{"of any class", with(class(dns.ClassANY), all), instances},
		{"more known answers follow", with(func(m *dns.Msg) { m.Truncated = true }, all), instances},
		{"a probe", with(func(m *dns.Msg) { m.Ns = []dns.RR{f.srv()} }, all), instances},
		{"among others", ask(q{"_ipp._tcp.local.", dns.TypePTR}, q{serviceName, dns.TypePTR}, q{"h.local.", dns.TypeA}), pointer},
		{"our own question about an instance", queryFor([]*instance{{spot: spot{name: f.name}, host: f.host}, {spot: spot{name: "x." + serviceName}}}), instances | addresses},
		{"of another class", with(class(dns.ClassCHAOS), all), 0},
		{"other services", ask(q{"_ipp._tcp.local.", dns.TypePTR}), 0},
		{"another node", ask(q{factOf(2).name, dns.TypeANY}, q{factOf(2).host, dns.TypeA}), 0},
		{"a type that we have not", ask(q{f.name, dns.TypeA}, q{f.host, dns.TypeSRV}, q{serviceName, dns.TypeTXT}, q{typesName, dns.TypeSRV}, q{f.name, dns.TypeNSEC}), 0},
		{"nothing", ask(), 0},
		{"a response", with(func(m *dns.Msg) { m.Response = true }, all), 0},
	} {
		got, err := ownNames(key(1)).query(pack(t, c.packet))
		if got.kinds != c.want || (err == nil) != (c.want != 0) || err != nil && err != errForeign {
			t.Errorf("%s: %06b, %v; want %06b", c.name, got.kinds, err, c.want)
		}
	}
	for name, b := range map[string][]byte{
		"nothing at all": nil, "half a header": make([]byte, 7), "too long": make([]byte, maxPacket+1),
		"too many questions": pack(t, attack(maxEntries+1)),
		"an error":           pack(t, with(func(m *dns.Msg) { m.Rcode = dns.RcodeRefused }, all)),
		"another operation":  pack(t, with(func(m *dns.Msg) { m.Opcode = dns.OpcodeUpdate }, all)),
	} {
		if got, err := ownNames(key(1)).query(b); err != errMalformed {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
}

func TestTruncatedQueriesAreMalformed(t *testing.T) {
	m := ask(q{serviceName, dns.TypePTR}, q{factOf(1).name, dns.TypeANY})
	m.Answer = []dns.RR{factOf(1).ptr()}
	b := pack(t, m)
	for n := range b {
		if got, err := ownNames(key(1)).query(b[:n]); err == nil && (len(got.known) > 0 || got.kinds&^(pointer|instances) != 0) {
			t.Errorf("%d bytes: %+v", n, got)
		}
	}
}

// TestKnownAnswers are those with half of their time left: RFC 6762 §7.1.
func TestKnownAnswers(t *testing.T) {
	f := factOf(1, "10.77.0.1", "fd77::1")
	records := recordsOn(card(2, "eth0", "10.77.0.1/24", "fd77::1/64"), key(1), everywhere, 0)
	full := func(rr dns.RR, ttl uint32) dns.RR {
		rr.Header().Ttl = ttl
		return rr
	}
	other := factOf(1, "10.77.0.1")
	other.port, other.txt = 9000, attributes(key(2), 0)
	for _, c := range []struct {
		name  string
		known []dns.RR
		want  kinds // known
	}{
		{"none", nil, 0},
		{"the pointer", []dns.RR{full(f.ptr(), serviceTTL/2)}, pointer},
		{"an old one", []dns.RR{full(f.ptr(), serviceTTL/2-1)}, 0},
		{"of another node", []dns.RR{full(factOf(2).ptr(), serviceTTL)}, 0},
		{"the type", []dns.RR{&dns.PTR{Hdr: header(typesName, dns.TypePTR, serviceTTL), Ptr: serviceName}}, typePointer},
		{"server and text", []dns.RR{full(f.srv(), 60), full(f.text(), 4000)}, instances},
		{"others", []dns.RR{full(other.srv(), 120), full(other.text(), 4000)}, 0},
		{"with the bit that only responses have", []dns.RR{func() dns.RR {
			rr := full(f.srv(), 120)
			rr.Header().Class |= flushBit
			return rr
		}()}, server},
		{"one address", []dns.RR{address(f.host, "10.77.0.1", 60)}, address4},
		{"another address", []dns.RR{address(f.host, "10.77.0.2", 120), address(f.host, "fd77::1", 59)}, 0},
	} {
		m := ask(q{serviceName, dns.TypePTR})
		m.Answer = c.known
		got, err := ownNames(key(1)).query(pack(t, m))
		if err != nil {
			t.Fatal(err)
		}
		var knows kinds
		for _, r := range records {
			if got.knows(r) {
				knows |= r.kind
			}
		}
		if knows != c.want {
			t.Errorf("%s: knows %06b, want %06b", c.name, knows, c.want)
		}
	}
}

func TestKnownAnswersOfOthersDoNotHideOurs(t *testing.T) {
	m := ask(q{serviceName, dns.TypePTR})
	for n := range 200 {
		m.Answer = append(m.Answer, fact{name: fmt.Sprintf("%d.%s", n, serviceName), ttl: serviceTTL}.ptr())
	}
	m.Answer = append(m.Answer, factOf(1).ptr())
	for n := range 2 * maxKnown {
		m.Answer = append(m.Answer, address(factOf(1).host, fmt.Sprintf("10.77.0.%d", n+1), 120))
	}
	m.Compress = true
	got, err := ownNames(key(1)).query(pack(t, m))
	if err != nil || len(got.known) != maxKnown || !got.knows(recordsOn(eth0, key(1), everywhere, 0)[1]) {
		t.Errorf("%d known, %v", len(got.known), err)
	}
}

// FuzzQuery checks that whatever is read is within bounds and ours, and that nothing of the input is kept; and that a announcer
// answers it with its own records, each once.
func FuzzQuery(f *testing.F) {
	r := ownNames(key(1))
	records := recordsOn(card(2, "eth0", "10.77.0.1/24", "fd77::1/64"), key(1), everywhere, 0)
	a := factOf(1, "10.77.0.1")
	known := ask(q{serviceName, dns.TypePTR}, q{typesName, dns.TypeANY})
	known.Answer = []dns.RR{a.ptr(), a.srv()}
	for _, m := range []*dns.Msg{known, attack(230), queryFor([]*instance{{spot: spot{name: a.name}, host: a.host}}), a.answer()} {
		f.Add(pack(f, m))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		q, err := r.query(b)
		if err != nil {
			if q.kinds != 0 {
				t.Errorf("%v: %+v", err, q)
			}
			return
		}
		before := fmt.Sprintf("%v", q)
		clear(b)
		if after := fmt.Sprintf("%v", q); after != before {
			t.Errorf("%s became %s", before, after)
		}
		if q.kinds == 0 || len(q.known) > maxKnown || slices.ContainsFunc(q.known, func(rr dns.RR) bool { return !r.ours(rr) }) {
			t.Errorf("%+v", q)
		}
		p := newPlayback(records)
		p.announceAt = p.announceAt.AddDate(1, 0, 0)
		said := p.asked(q)
		p.now = p.now.Add(answerAfter + answerRange)
		m := p.say(p.now)
		if (m == nil) != (said == suppressed) {
			t.Fatalf("%+v: %v, said %v", q, said, m)
		}
		if m != nil {
			wantOwn(t, records, m)
		}
	})
}

// wantOwn checks that a message has records of these alone, each once, and can be sent.
func wantOwn(t *testing.T, records []ownRecord, m *dns.Msg) {
	t.Helper()
	pack(t, m)
	left := slices.Clone(records)
	for _, rr := range append(slices.Clone(m.Answer), m.Extra...) {
		at := slices.IndexFunc(left, func(r ownRecord) bool { return r.rr == rr })
		if at < 0 {
			t.Fatalf("%v is not ours, or twice in\n%v", rr, m)
		}
		left = slices.Delete(left, at, at+1)
	}
}

// attack is a query of n questions for the same, each for an answer by unicast.
func attack(n int) *dns.Msg {
	m := new(dns.Msg)
	m.Compress = true
	for range n {
		m.Question = append(m.Question, dns.Question{Name: serviceName, Qtype: dns.TypePTR, Qclass: dns.ClassINET | flushBit})
	}
	return m
}
