package mdns

import (
	"testing"
	"time"

	"github.com/miekg/dns"
)

func TestGoodbyeCountsAfterAMoment(t *testing.T) {
	for _, bye := range []struct {
		name   string
		packet *dns.Msg
	}{
		{"all", factOf(1).goodbye()},
		{"the pointer", response(fact{name: factOf(1).name}.ptr())},
		{"the server", response(factOf(1).goodbye().Answer[0])},
	} {
		t.Run(bye.name, func(t *testing.T) {
			f := newFixture(t)
			f.heard(eth0, factOf(1, "10.77.0.1").answer(), "1@10.77.0.1:7101 eth0")
			f.heard(eth0, factOf(2, "10.77.0.2").answer(), "2@10.77.0.2:7102 eth0")
			f.heard(eth0, bye.packet, "")
			at := f.nextEnd
			if at != f.now.Add(goodbyeGrace) {
				t.Errorf("counts at %v", at)
			}
			f.after(goodbyeGrace - 1)
			f.heard(eth0, bye.packet, "") // saying it again puts nothing off
			f.want(f.sweep(), "")
			f.after(1)
			f.want(f.sweep(), "1@10.77.0.1:7101 goodbye")
			f.want(f.sweep(), "")
			if !f.nextEnd.IsZero() || len(f.instances) != 1 {
				t.Errorf("next end %v, %d instances", f.nextEnd, len(f.instances))
			}
			f.heard(eth0, bye.packet, "")
			f.heard(eth0, factOf(1, "10.77.0.1").answer(), "1@10.77.0.1:7101 eth0")
		})
	}
}

func TestAGoodbyeIsContradictedByRecords(t *testing.T) {
	one := factOf(1, "10.77.0.1")
	for name, packet := range map[string]*dns.Msg{"answer": one.answer(), "server": response(one.srv()), "text": response(one.text())} {
		f := newFixture(t)
		f.heard(eth0, one.answer(), "1@10.77.0.1:7101 eth0")
		f.heard(eth0, one.goodbye(), "")
		f.heard(eth1, packet, "") // what is said on another LAN does not contradict
		told := ""
		if name == "answer" {
			told = "1@10.77.0.1:7101 eth0"
		}
		f.heard(eth0, packet, told)
		f.after(goodbyeGrace)
		f.want(f.sweep(), "")
		if t.Failed() {
			t.Fatal(name)
		}
	}
	f := newFixture(t)
	f.heard(eth0, one.answer(), "1@10.77.0.1:7101 eth0")
	f.heard(eth0, one.goodbye(), "")
	other := one
	other.txt = []string{"v=2"}
	f.heard(eth0, response(other.text()), "")
	f.heard(eth0, response(one.hosts()...), "1@10.77.0.1:7101 eth0") // the host is there; its service may not be
	f.after(goodbyeGrace)
	f.want(f.sweep(), "1@10.77.0.1:7101 goodbye")
}

func TestGoodbyesEndWhatWasHeardOnTheirLink(t *testing.T) {
	f := newFixture(t)
	f.heard(eth0, factOf(1, "10.77.0.1").answer(), "1@10.77.0.1:7101 eth0")
	f.heard(eth1, factOf(1, "10.78.0.1").answer(), "1@10.78.0.1:7101 eth1")
	f.heard(eth0, factOf(1).goodbye(), "")
	f.after(goodbyeGrace)
	f.want(f.sweep(), "1@10.77.0.1:7101 goodbye")
	f.heard(eth1, factOf(2).goodbye(), "") // unknown
	f.heard(eth0, factOf(1).goodbye(), "") // not heard here any more
	if !f.nextEnd.IsZero() {
		t.Error("a goodbye of nothing counts")
	}
	f.heard(eth1, factOf(1).goodbye(), "")
	f.after(goodbyeGrace)
	f.want(f.sweep(), "1@10.78.0.1:7101 goodbye")
}

func TestWhatTwoInstancesSayHoldsUntilBothAreGone(t *testing.T) {
	f := newFixture(t)
	one, twin := factOf(1, "10.77.0.1"), factOf(1, "10.77.0.1")
	twin.name = "twin." + serviceName
	f.heard(eth0, one.answer(), "1@10.77.0.1:7101 eth0")
	f.heard(eth0, twin.answer(), "1@10.77.0.1:7101 eth0")
	f.heard(eth0, one.goodbye(), "")
	f.after(goodbyeGrace)
	f.want(f.sweep(), "")
	f.heard(eth0, twin.goodbye(), "")
	f.after(goodbyeGrace)
	f.want(f.sweep(), "1@10.77.0.1:7101 goodbye")
}

// TestOnlyWhatWasSaidIsTakenBack has goodbyes for what nobody said.
func TestOnlyWhatWasSaidIsTakenBack(t *testing.T) {
	one, other := factOf(1, "10.77.0.1", "fe80::1"), factOf(1, "10.77.0.1")
	other.port = 9000
	elsewhere := factOf(1, "10.77.0.1")
	elsewhere.host = "other.local."
	text := factOf(1).goodbye().Answer[1:2]
	for name, packet := range map[string]*dns.Msg{
		"another port": response(other.goodbye().Answer[0]), "another host": response(elsewhere.goodbye().Answer[0]),
		"the text alone": response(text...), "another address": response(address(one.host, "10.77.0.2", 0)),
		"the address of another host": response(address("other.local.", "10.77.0.1", 0)),
	} {
		f := newFixture(t)
		f.heard(eth0, one.answer(), "1@10.77.0.1:7101 eth0, 1@[fe80::1%eth0]:7101 eth0")
		m, err := parse(pack(t, packet))
		if err == nil {
			f.want(f.table.hear(f.now, eth0, m), "")
		}
		if !f.nextEnd.IsZero() {
			t.Errorf("%s: something ends at %v", name, f.nextEnd)
		}
	}
}

func TestAddressesAreTakenBackOneByOne(t *testing.T) {
	f := newFixture(t)
	one := factOf(1, "10.77.0.1", "10.77.0.2", "fe80::1")
	f.heard(eth0, one.answer(), "1@10.77.0.1:7101 eth0, 1@10.77.0.2:7101 eth0, 1@[fe80::1%eth0]:7101 eth0")
	f.heard(eth0, response(address(one.host, "10.77.0.2", 0), address(one.host, "fe80::1", 0)), "")
	f.heard(eth1, response(address(one.host, "10.77.0.1", 0)), "") // said on another LAN
	f.after(goodbyeGrace - 1)
	f.heard(eth0, response(address(one.host, "10.77.0.2", 0)), "") // saying it again puts nothing off
	f.want(f.sweep(), "")
	f.after(1)
	f.want(f.sweep(), "1@10.77.0.2:7101 withdrawn, 1@[fe80::1%eth0]:7101 withdrawn")
	f.want(f.sweep(), "")
	if !f.nextEnd.IsZero() {
		t.Errorf("something ends at %v", f.nextEnd)
	}
}

func TestAnAddressThatIsHeardAgainIsNotTakenBack(t *testing.T) {
	f := newFixture(t)
	one := factOf(1, "10.77.0.1")
	f.heard(eth0, one.answer(), "1@10.77.0.1:7101 eth0")
	f.heard(eth0, response(address(one.host, "10.77.0.1", 0)), "")
	f.heard(eth0, response(one.hosts()...), "1@10.77.0.1:7101 eth0")
	f.after(goodbyeGrace)
	f.want(f.sweep(), "")
}

// TestForgedGoodbyesDoNotWearOutTheContradiction has a goodbye every 10 ms, and a node that contradicts as often as it may,
// each time at the end of a round that it needs to hear and be heard.
func TestForgedGoodbyesDoNotWearOutTheContradiction(t *testing.T) {
	for name, bye := range map[string]*dns.Msg{"service": factOf(1).goodbye(), "address": response(address(factOf(1).host, "10.77.0.1", 0))} {
		f := newFixture(t)
		one := factOf(1, "10.77.0.1")
		f.heard(eth0, one.answer(), "1@10.77.0.1:7101 eth0")
		v := newAnnouncer(f.now, recordsOn(card(2, "eth0", "10.77.0.1/24"), key(1), everywhere, 0), func() float64 { return 0 })
		for range 1000 {
			f.table.hear(f.now, eth0, read(t, bye))
			if m := v.say(f.now); m != nil {
				f.table.hear(f.now.Add(50*time.Millisecond), eth0, read(t, m))
			}
			if v.ends(read(t, bye)) {
				v.contradict(f.now)
			}
			f.after(10 * time.Millisecond)
			f.want(f.sweep(), "")
		}
		if t.Failed() {
			t.Fatal(name)
		}
	}
}

// TestAGoodbyeIsAskedAbout once, of the node that is said to stop.
func TestAGoodbyeIsAskedAbout(t *testing.T) {
	one := factOf(1, "10.77.0.1")
	for name, bye := range map[string]*dns.Msg{"service": one.goodbye(), "address": response(address(one.host, "10.77.0.1", 0))} {
		f := newFixture(t)
		f.heard(eth0, one.answer(), "1@10.77.0.1:7101 eth0")
		f.heard(eth0, bye, "")
		f.asksAbout(one.name, one.host)
		f.heard(eth0, bye, "")
		if len(f.wanted()) > 0 {
			t.Errorf("%s: asked twice", name)
		}
	}
}
