package finder

import (
	"cmp"
	"encoding/binary"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/seed-f6ddb928/peernet-go/discovery"
	"github.com/seed-f6ddb928/peernet-go/identity"
)

// A plain is the presence table as a list that is searched from end to end, with every rule written out anew.
type plain struct {
	list   []*row
	keys   map[identity.PublicKey]*owner
	random func(n int) int
}

// An owner is what is kept of a key while it has rows or a session.
type owner struct {
	connected bool
	proved    netip.AddrPort
	home      netip.Addr
	broke     netip.Addr // where the last session that broke led
	credits   [2]credit  // for evictions; the second is for what is heard at home
}

// A credit is time saved up for evictions. Each takes evictions.Every.
type credit struct {
	left time.Duration
	last time.Time
}

type row struct {
	key     identity.PublicKey
	addr    netip.AddrPort
	source  string
	ttl     time.Duration
	state   string // "there", "doubted", "gone"
	ends    time.Time
	returns int
	since   time.Time
	first   time.Time
	last    time.Time
	why     discovery.Reason
}

func (p *plain) of(k identity.PublicKey, also func(*row) bool) (n []*row) {
	for _, s := range p.list {
		if s.key == k && also(s) {
			n = append(n, s)
		}
	}
	return n
}

func whatever(*row) bool { return true }
func live(s *row) bool   { return s.state != "gone" }
func (s *row) as(kind ChangeKind) Change {
	return Change{Presence: Presence{Key: s.key, Addr: s.addr, Source: s.source}, Kind: kind}
}

// tidy forgets keys of which nothing is left.
func (p *plain) tidy() {
	for k, o := range p.keys {
		if !o.connected && len(p.of(k, whatever)) == 0 {
			delete(p.keys, k)
		}
	}
}

func (p *plain) remove(s *row) {
	p.list = slices.DeleteFunc(p.list, func(o *row) bool { return o == s })
}

func (p *plain) whole(now time.Time, s *row) {
	s.ends = now.Add(s.ttl)
	if s.ttl == 0 || p.keys[s.key].connected {
		s.ends = time.Time{}
	}
}

func (p *plain) lose(now time.Time, s *row, why discovery.Reason) Change {
	s.state, s.ends = "gone", now.Add(30*time.Second)
	c := s.as(Lost)
	c.Reason, c.Left = why, len(p.of(s.key, live))
	if s.ttl == 0 {
		p.remove(s)
	}
	return c
}

func (p *plain) end(now time.Time, s *row, why discovery.Reason) []Change {
	if now.Sub(s.since) >= time.Minute {
		s.returns = 0
	}
	if s.returns >= 2 && s.ttl != 0 {
		s.state, s.why, s.ends = "doubted", why, now.Add(30*time.Second)
		return nil
	}
	return []Change{p.lose(now, s, why)}
}

func (p *plain) see(now time.Time, source string, g discovery.Sighting) []Change {
	defer p.tidy()
	var s *row
	if at := p.of(g.Key, func(s *row) bool { return s.addr == g.Addr && s.source == source }); len(at) > 0 {
		s = at[0]
	}
	if g.Gone != "" {
		if s == nil || s.state != "there" {
			return nil
		}
		return p.end(now, s, g.Gone)
	}
	var changes []Change
	if s == nil {
		if p.keys[g.Key] == nil {
			p.keys[g.Key] = newOwner(now)
		}
		var ok bool
		if changes, ok = p.room(now, source, g); !ok {
			return nil
		}
		s = &row{key: g.Key, addr: g.Addr, source: source, state: "new"}
		p.list = append(p.list, s)
	}
	was := s.state
	s.state, s.ttl, s.last = "there", g.TTL, now
	p.whole(now, s)
	switch was {
	case "gone":
		s.returns++
		fallthrough
	case "new":
		s.since, s.first = now, now
		kind := Updated
		if len(p.of(s.key, live)) == 1 {
			kind = Found
		}
		return append(changes, s.as(kind))
	case "doubted":
		s.since = now
	}
	return nil
}

func newOwner(now time.Time) *owner {
	return &owner{credits: [2]credit{{40 * time.Second, now}, {40 * time.Second, now}}}
}

func (p *plain) room(now time.Time, source string, g discovery.Sighting) ([]Change, bool) {
	o := p.keys[g.Key]
	ip := g.Addr.Addr()
	all := p.of(g.Key, whatever)
	onIP := func(a netip.Addr) (n int) {
		if a == ip {
			n++
		}
		return n + len(p.of(g.Key, func(s *row) bool { return s.addr.Addr() == a }))
	}
	crowded := onIP(ip) > 4
	if len(all) < 8 && !crowded {
		return nil, true
	}
	free := func(s *row) bool {
		return onIP(s.addr.Addr()) > onIP(ip) && (s.state == "gone" || s.source == source)
	}
	who := p.of(g.Key, func(s *row) bool {
		if s.state != "gone" && (s.addr == o.proved || s.addr.Addr() == o.home && ip != o.home) {
			return false
		}
		return !crowded || s.addr.Addr() == ip
	})
	if len(who) == 0 {
		return nil, false
	}
	score := func(s *row) (n int) { // what speaks against evicting it
		if !free(s) {
			n += 10000
		}
		if s.state != "gone" {
			n += 1000
		}
		if s.source != source {
			n += 100
		}
		if s.state != "doubted" {
			n += 50
		}
		if s.ttl == 0 || 2*now.Sub(s.last) <= s.ttl {
			n++
		}
		return n - 2*onIP(s.addr.Addr())
	}
	slices.SortFunc(who, func(a, b *row) int {
		return cmp.Or(score(a)-score(b), a.last.Compare(b.last), a.addr.Compare(b.addr), cmp.Compare(a.source, b.source))
	})
	c := &o.credits[0]
	if ip == o.home || ip == o.broke {
		c = &o.credits[1]
	}
	if g.TTL != 0 && !free(who[0]) && slices.ContainsFunc(all, func(s *row) bool { return s.source == source }) {
		c.left = min(40*time.Second, c.left+now.Sub(c.last))
		c.last = now
		if c.left < 5*time.Second {
			return nil, false
		}
		c.left -= 5 * time.Second
	}
	equals := slices.DeleteFunc(slices.Clone(who), func(s *row) bool { return score(s) != score(who[0]) })
	out := equals[p.random(len(equals))]
	var changes []Change
	switch out.state {
	case "there":
		changes = []Change{p.lose(now, out, discovery.Expired)}
	case "doubted":
		changes = []Change{p.lose(now, out, out.why)}
	}
	p.remove(out)
	return changes, true
}

func (p *plain) expire(now time.Time) (changes []Change) {
	over := slices.DeleteFunc(slices.Clone(p.list), func(s *row) bool { return s.ends.IsZero() || s.ends.After(now) })
	slices.SortFunc(over, func(a, b *row) int {
		return cmp.Or(a.ends.Compare(b.ends), a.key.Compare(b.key), a.addr.Compare(b.addr), cmp.Compare(a.source, b.source))
	})
	for _, s := range over {
		switch s.state {
		case "there":
			changes = append(changes, p.end(now, s, discovery.Expired)...)
		case "doubted":
			changes = append(changes, p.lose(now, s, s.why))
		case "gone":
			p.remove(s)
		}
	}
	p.tidy()
	return changes
}

func (p *plain) withdraw(now time.Time, source string) (changes []Change) {
	mine := slices.DeleteFunc(slices.Clone(p.list), func(s *row) bool { return s.source != source || s.ttl != 0 || s.state != "there" })
	slices.SortFunc(mine, func(a, b *row) int { return cmp.Or(a.key.Compare(b.key), a.addr.Compare(b.addr)) })
	for _, s := range mine {
		changes = append(changes, p.lose(now, s, discovery.Withdrawn))
	}
	p.tidy()
	return changes
}

func (p *plain) connect(now time.Time, k identity.PublicKey, home netip.Addr, at netip.AddrPort) {
	if p.keys[k] == nil {
		p.keys[k] = newOwner(now)
	}
	p.keys[k].connected, p.keys[k].home = true, home
	if at.IsValid() {
		p.keys[k].proved = at
	}
	for _, s := range p.of(k, whatever) {
		if s.state == "doubted" && s.why == discovery.Expired {
			s.state, s.since = "there", now
		}
		if s.state == "there" {
			s.ends = time.Time{}
		}
	}
}

func (p *plain) disconnect(now time.Time, m Disconnected) {
	if o := p.keys[m.Key]; o != nil && o.connected {
		o.connected = false
		switch home := m.Home.Addr(); {
		case m.Broke && home.IsValid():
			o.broke = home
			if o.home == home {
				o.home = netip.Addr{}
			}
			if o.proved.Addr() == home {
				o.proved = netip.AddrPort{}
			}
		case home.IsValid():
			o.home = home
		}
		for _, s := range p.of(m.Key, func(s *row) bool { return s.state == "there" }) {
			p.whole(now, s)
		}
	}
	p.tidy()
}

func (p *plain) renew(now time.Time) {
	for _, s := range p.list {
		switch s.state {
		case "there":
			p.whole(now, s)
		case "doubted":
			s.ends = now.Add(30 * time.Second)
		}
	}
}

// A history plays the same steps to a table and to a plain one, chosen by bytes, and checks what Change promises.
type history struct {
	*fixture
	kind  [3]byte // the longest pause, how many IP addresses and how many ports there are: some rules are about little else
	plain plain
	there map[Presence]bool // by key, address and source
}

func (h *history) check(what any, got, want []Change) {
	h.t.Helper()
	if len(got) == 0 && len(want) == 0 {
		return
	}
	if describe(got) != describe(want) {
		h.t.Fatalf("%v: told %q, want %q", what, describe(got), describe(want))
	}
	for _, c := range got {
		id := Presence{Key: c.Key, Addr: c.Addr, Source: c.Source}
		others := 0
		for o := range h.there {
			if o.Key == id.Key && o != id {
				others++
			}
		}
		switch {
		case h.there[id] != (c.Kind == Lost):
			h.t.Fatalf("%v: %s although it is there: %t", what, describe([]Change{c}), h.there[id])
		case c.Kind == Lost && c.Left != others, c.Kind == Found && others > 0, c.Kind == Updated && others == 0:
			h.t.Fatalf("%v: %s besides %d", what, describe([]Change{c}), others)
		}
		if h.there[id] = true; c.Kind == Lost {
			delete(h.there, id)
		}
	}
}

func (h *history) step(b [4]byte) {
	h.t.Helper()
	steps := []time.Duration{0, 1, time.Second, 5 * time.Second, 16 * time.Second, 31 * time.Second, time.Minute}
	h.now = h.now.Add(steps[int(b[0])%(1+int(h.kind[0])%len(steps))])
	k, source := int(b[1]&1), []string{"udp", "mdns"}[b[1]>>1&1]
	where := netip.AddrPortFrom(addr(int(b[2]&7&h.kind[1])).Addr(), 7100+uint16(b[2]>>3&7&h.kind[2]))
	ttl := []time.Duration{0, time.Second, 15 * time.Second, time.Minute}[b[1]>>2&3]
	sighting := discovery.Sighting{Key: key(k), Addr: where, TTL: ttl}
	switch what := b[3] & 31; what {
	case 0:
		h.check("withdraw", h.withdraw(h.now, source), h.plain.withdraw(h.now, source))
	case 1:
		h.renew(h.now)
		h.plain.renew(h.now)
	case 2, 3:
		h.connect(h.now, key(k), where.Addr(), where)
		h.plain.connect(h.now, key(k), where.Addr(), where)
	case 4:
		h.connect(h.now, key(k), where.Addr(), netip.AddrPort{})
		h.plain.connect(h.now, key(k), where.Addr(), netip.AddrPort{})
	case 5, 6:
		h.disconnect(h.now, Disconnected{Key: key(k)})
		h.plain.disconnect(h.now, Disconnected{Key: key(k)})
	case 7, 8:
		down := Disconnected{Key: key(k), Home: where, Broke: what == 8}
		h.disconnect(h.now, down)
		h.plain.disconnect(h.now, down)
	case 9, 10, 11, 12, 13, 14:
		h.check("expire", h.expire(h.now), h.plain.expire(h.now))
	default:
		if what < 20 {
			sighting.Gone = discovery.Goodbye
		}
		changes, _ := h.sees(source, sighting)
		h.check(sighting, changes, h.plain.see(h.now, source, sighting))
	}
	next := time.Time{}
	for k, r := range h.keys {
		if len(r.sightings) > sightingsInTests || len(r.sightings) == 0 && !r.connected {
			h.t.Fatalf("key %v has %d sightings, connected %t", k, len(r.sightings), r.connected)
		}
		for _, e := range r.sightings {
			if !e.Until.IsZero() && (next.IsZero() || e.Until.Before(next)) {
				next = e.Until
			}
		}
	}
	if !next.IsZero() && (h.next.IsZero() || h.next.After(next)) {
		h.t.Fatalf("expire is due at %v, but asked for at %v", next, h.next)
	}
}

// end compares what is there.
func (h *history) end() {
	h.t.Helper()
	var want []Presence
	for _, s := range h.plain.list {
		if live(s) {
			want = append(want, Presence{Key: s.key, Addr: s.addr, Source: s.source, First: s.first, Last: s.last, Until: s.ends})
		}
	}
	slices.SortFunc(want, comparePresences)
	if got := h.presences(); !slices.Equal(got, want) {
		h.t.Fatalf("there is %+v, want %+v", got, want)
	}
}

func newHistory(t *testing.T, kind [3]byte) *history {
	f := newFixture(t, 0, 1)
	f.random = rand.New(rand.NewPCG(uint64(kind[0]), uint64(kind[1]))).IntN
	again := rand.New(rand.NewPCG(uint64(kind[0]), uint64(kind[1]))).IntN
	return &history{f, kind, plain{keys: make(map[identity.PublicKey]*owner), random: again}, make(map[Presence]bool)}
}

func TestTableAgreesWithAPlainerOne(t *testing.T) {
	for seed := range uint64(60) {
		random := rand.New(rand.NewPCG(seed, 0))
		four := func() (b [4]byte) {
			binary.BigEndian.PutUint32(b[:], random.Uint32())
			return b
		}
		kind := four()
		h := newHistory(t, [3]byte(kind[:]))
		for range 600 {
			h.step(four())
		}
		h.end()
	}
}

func FuzzTableAgreesWithAPlainerOne(f *testing.F) {
	random := rand.New(rand.NewPCG(1, 2))
	for n := range 20 {
		b := make([]byte, 40*n)
		for i := range b {
			b[i] = byte(random.Uint32())
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) < 3 {
			return
		}
		h := newHistory(t, [3]byte(b))
		for b = b[3:]; len(b) >= 4; b = b[4:] {
			h.step([4]byte(b))
		}
		h.end()
	})
}
