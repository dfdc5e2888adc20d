package mdns

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// A playback plays a announcer: it notes what is said, and when.
type playback struct {
	*announcer
	began, now time.Time
}

func newPlayback(records []ownRecord) *playback {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	return &playback{newAnnouncer(now, records, func() float64 { return 0.5 }), now, now}
}

// both is what node 1 has on an interface of both families.
var both = recordsOn(card(2, "eth0", "10.77.0.1/24", "fd77::1/64"), key(1), everywhere, 0)

// until lets time pass until so long after the begin, and returns what is said meanwhile: "70ms PTR SRV + TXT A", with the
// additional records after the +.
func (p *playback) until(d time.Duration) (said []string) {
	for {
		at := p.next()
		if at.IsZero() || at.After(p.began.Add(d)) {
			p.now = p.began.Add(d)
			return said
		}
		if at.After(p.now) {
			p.now = at
		}
		if m := p.say(p.now); m != nil {
			said = append(said, fmt.Sprint(p.now.Sub(p.began), " ", contents(m)))
		}
	}
}

func contents(m *dns.Msg) string {
	kinds := func(list []dns.RR) string {
		var names []string
		for _, rr := range list {
			name := dns.TypeToString[rr.Header().Rrtype]
			if rr.Header().Name == typesName {
				name = "type"
			}
			if rr.Header().Ttl == 0 {
				name = "-" + name
			}
			names = append(names, name)
		}
		return strings.Join(names, " ")
	}
	if len(m.Extra) == 0 {
		return kinds(m.Answer)
	}
	return kinds(m.Answer) + " + " + kinds(m.Extra)
}

// says checks what is said until so long after the begin.
func (p *playback) says(t *testing.T, d time.Duration, want ...string) {
	t.Helper()
	if got := p.until(d); !slices.Equal(got, want) {
		t.Errorf("said %q\nwant %q", got, want)
	}
}

// What comes of a query, as an announcer counts it: it is answered soon, later, or not at all.
var answered, limited, suppressed = [2]uint64{}, [2]uint64{1, 0}, [2]uint64{0, 1}

// asked puts a query, and returns what comes of it.
func (p *playback) asked(q query) [2]uint64 {
	var s Stats
	p.ask(p.now, q, &s)
	return [2]uint64{s.Limited, s.Suppressed}
}

// queried puts a query, and checks what comes of it.
func (p *playback) queried(t *testing.T, want [2]uint64, m *dns.Msg) {
	t.Helper()
	q, err := ownNames(key(1)).query(pack(t, m))
	if err != nil {
		t.Fatal(err)
	}
	if got := p.asked(q); got != want {
		t.Errorf("%d, want %d", got, want)
	}
}

const everything = "PTR SRV TXT A AAAA"

func TestAnnouncementsComeThreeTimes(t *testing.T) {
	p := newPlayback(both)
	p.says(t, time.Hour, "70ms "+everything, "1.07s "+everything, "3.07s "+everything)
}

func TestAnswersAreWhatIsAskedAndWhatGoesWithIt(t *testing.T) {
	f := factOf(1)
	for _, c := range []struct {
		name   string
		packet *dns.Msg
		want   string // after a minute
	}{
		{"who is there, after a moment", ask(q{serviceName, dns.TypePTR}), "1m0.07s PTR + SRV TXT A AAAA"},
		{"types", ask(q{typesName, dns.TypePTR}), "1m0.07s type"},
		{"what nobody else has, at once", ask(q{f.name, dns.TypeANY}), "1m0s SRV TXT + A AAAA"},
		{"the text", ask(q{f.name, dns.TypeTXT}), "1m0s TXT"},
		{"an address", ask(q{f.host, dns.TypeA}), "1m0s A + AAAA"},
		{"several", ask(q{typesName, dns.TypePTR}, q{f.host, dns.TypeANY}, q{f.name, dns.TypeSRV}), "1m0.07s type SRV A AAAA"},
		{"the same 230 times", attack(230), "1m0.07s PTR + SRV TXT A AAAA"},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := newPlayback(both)
			p.until(time.Minute)
			p.queried(t, answered, c.packet)
			p.says(t, time.Hour, c.want)
		})
	}
}

func TestQuestionsOfSeveralAreAnsweredTogether(t *testing.T) {
	p := newPlayback(both)
	p.until(time.Minute)
	p.queried(t, answered, ask(q{serviceName, dns.TypePTR}))
	p.until(time.Minute + 30*time.Millisecond)
	p.queried(t, answered, ask(q{typesName, dns.TypePTR})) // puts nothing off
	p.says(t, time.Hour, "1m0.07s type PTR + SRV TXT A AAAA")
}

// TestAnInterfaceHearsAtMostOneAnswerASecond asks all kinds of things every 7 ms.
func TestAnInterfaceHearsAtMostOneAnswerASecond(t *testing.T) {
	f := factOf(1)
	p := newPlayback(both)
	var last time.Duration
	count := 0
	for n := range 10_000 {
		for _, said := range p.until(time.Duration(n) * 7 * time.Millisecond) {
			at, err := time.ParseDuration(strings.Fields(said)[0])
			if err != nil {
				t.Fatal(err)
			}
			if count > 0 && at-last < speakLeast {
				t.Fatalf("spoke at %v and at %v", last, at)
			}
			last, count = at, count+1
		}
		m := []*dns.Msg{ask(q{f.name, dns.TypeANY}), attack(230), ask(q{f.host, dns.TypeA}), ask(q{typesName, dns.TypePTR})}[n%4]
		q, err := ownNames(key(1)).query(pack(t, m))
		if err != nil {
			t.Fatal(err)
		}
		p.asked(q)
	}
	if count < 65 {
		t.Errorf("spoke %d times in 70 s", count)
	}
}

func TestAQuestionTooSoonIsAnsweredALittleLater(t *testing.T) {
	p := newPlayback(both)
	p.says(t, 3500*time.Millisecond, "70ms "+everything, "1.07s "+everything, "3.07s "+everything)
	p.queried(t, limited, ask(q{serviceName, dns.TypePTR}))
	p.says(t, time.Hour, "4.07s PTR + SRV TXT A AAAA")
}

func TestAnnouncementsWaitForAnswers(t *testing.T) {
	p := newPlayback(both)
	p.queried(t, answered, ask(q{factOf(1).name, dns.TypeTXT}))
	p.says(t, 10*time.Second, "0s TXT", "1s "+everything, "2s "+everything, "4s "+everything)
}

func TestAnAnnouncementAnswers(t *testing.T) {
	p := newPlayback(both)
	p.until(50 * time.Millisecond)
	p.queried(t, answered, ask(q{serviceName, dns.TypePTR}))
	p.queried(t, answered, ask(q{typesName, dns.TypePTR}))
	p.says(t, 500*time.Millisecond, "70ms type "+everything)
}

func TestWhatIsKnownIsNotAnswered(t *testing.T) {
	p := newPlayback(both)
	p.until(time.Minute)
	known := ask(q{serviceName, dns.TypePTR})
	known.Answer = []dns.RR{fact{name: factOf(1).name, ttl: serviceTTL}.ptr()}
	p.queried(t, suppressed, known)
	p.says(t, 2*time.Minute)
	half := ask(q{factOf(1).host, dns.TypeANY})
	half.Answer = []dns.RR{address(factOf(1).host, "10.77.0.1", 100)}
	p.queried(t, answered, half)
	p.queried(t, suppressed, known) // that one knows it does not help another
	p.says(t, 3*time.Minute, "2m0s AAAA + A")
	p.queried(t, answered, ask(q{serviceName, dns.TypePTR}))
	p.queried(t, suppressed, known)
	p.says(t, 4*time.Minute, "3m0.07s PTR + SRV TXT A AAAA")
	four := newPlayback(recordsOn(card(2, "eth0", "10.77.0.1/24"), key(1), everywhere, 0))
	four.queried(t, suppressed, ask(q{factOf(1).host, dns.TypeAAAA})) // there is none
}

func TestGoodbyesInOurNameAreContradictedAtOnce(t *testing.T) {
	f := factOf(1, "10.77.0.1")
	other := factOf(1)
	other.port = 9000
	for _, c := range []struct {
		name   string
		packet *dns.Msg
		want   bool
	}{
		{"all", f.goodbye(), true},
		{"the pointer", response(fact{name: f.name}.ptr()), true},
		{"the server", response(f.goodbye().Answer[0]), true},
		{"an address", response(address(f.host, "10.77.0.1", 0)), true},
		{"an address of IPv6", response(address(f.host, "fd77::1", 0)), true},
		{"a server that is not ours", response(other.goodbye().Answer[0]), false},
		{"an address that is not ours", response(address(f.host, "10.77.0.9", 0)), false},
		{"of another node", factOf(2).goodbye(), false},
		{"what is said", f.answer(), false},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := newPlayback(both)
			p.until(time.Minute)
			var said []string
			for range 10 { // every 50 ms
				if p.ends(read(t, c.packet)) {
					p.contradict(p.now)
				}
				said = append(said, p.until(p.now.Sub(p.began)+50*time.Millisecond)...)
			}
			var want []string
			if c.want {
				want = []string{"1m0s " + everything, "1m0.25s " + everything, "1m0.5s " + everything}
			}
			if !slices.Equal(said, want) {
				t.Errorf("said %q\nwant %q", said, want)
			}
		})
	}
}

func TestGoodbyesTakeBackOurOwn(t *testing.T) {
	a := newPlayback(both).announcer
	if got, want := contents(a.goodbye(nil)), "-PTR -SRV -TXT -A -AAAA"; got != want {
		t.Errorf("%q, want %q: what others have too stays", got, want)
	}
	moved := newPlayback(recordsOn(card(2, "eth0", "10.77.0.9/24", "fd77::1/64"), key(1), everywhere, 0)).announcer
	if got, want := contents(a.goodbye(moved)), "-A"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	if m := a.goodbye(a); len(m.Answer) > 0 {
		t.Errorf("takes back %v", m)
	}
	m := read(t, a.goodbye(nil))
	if f := factOf(1, "10.77.0.1", "fd77::1"); !slices.Equal(m.byes, []bye{{name: f.name}, {f.name, f.host, f.port}}) ||
		!slices.Equal(m.hosts[f.host].gone, addrs(f.addrs...)) {
		t.Errorf("read as %+v", m)
	}
}
