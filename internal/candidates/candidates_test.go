package candidates

import (
	"fmt"
	"net/netip"
	"slices"
	"testing"
	"time"
)

var start = time.Unix(1_000_000, 0)

func after(d time.Duration) time.Time { return start.Add(d) }

// steady is randomness that leaves things in their order.
func steady() float64 { return 0.5 }

// ip returns the n-th of many IP addresses.
func ip(n int) netip.Addr { return netip.AddrFrom4([4]byte{10, 9, byte(n >> 8), byte(n)}) }

// hint is a candidate that is only announced, at home if n is 0.
func hint(n int, port uint16) Candidate {
	known := Privileges{Home: ip(0)}
	return Candidate{Addr: netip.AddrPortFrom(ip(n), port), Standing: known.OfHint(ip(n))}
}

func TestASessionRaisesWhatIsSaid(t *testing.T) {
	proven, home, other := netip.AddrPortFrom(ip(1), 1), netip.AddrPortFrom(ip(2), 2), netip.AddrPortFrom(ip(1), 2)
	p := Privileges{Home: ip(2), Proven: []netip.AddrPort{proven}}
	for _, said := range []Standing{Gone, Hint, Named, Asked} {
		atHome := said
		if said == Hint {
			atHome = AtHome
		}
		for addr, want := range map[netip.AddrPort]Standing{proven: max(said, Proven), home: atHome, other: said} {
			if got := p.Standing(addr, said); got != want {
				t.Errorf("standing of %v, of which %d is said: %d, want %d", addr, said, got, want)
			}
		}
	}
	if got := new(Privileges).Standing(other, Hint); got != Hint {
		t.Errorf("standing %d before the first session, want that of a hint", got)
	}
}

func TestTheLatestProofsAreKept(t *testing.T) {
	var p Privileges
	for _, n := range []int{1, 2, 3, 2, 4} {
		p.Prove(netip.AddrPortFrom(ip(n), 1), 3)
	}
	want := []netip.AddrPort{netip.AddrPortFrom(ip(4), 1), netip.AddrPortFrom(ip(2), 1), netip.AddrPortFrom(ip(3), 1)}
	if !slices.Equal(p.Proven, want) {
		t.Errorf("%v, want %v", p.Proven, want)
	}
}

// TestWhereASessionBrokeComesSecond: a relay does not keep the true address from its turn, and an honest peer that was cut
// off is back at once.
func TestWhereASessionBrokeComesSecond(t *testing.T) {
	at := func(n int) netip.AddrPort { return netip.AddrPortFrom(ip(n), 1) }
	p := Privileges{Home: ip(1), Proven: []netip.AddrPort{at(1), at(2)}}
	p.Doubt(at(1))
	if p.Home.IsValid() || !slices.Equal(p.Proven, []netip.AddrPort{at(2)}) {
		t.Errorf("privileges after a session broke: %+v", p)
	}
	p.Doubt(at(2))
	for n, want := range map[int]Standing{1: Hint, 2: Hint, 3: Gone} {
		if got := p.Standing(at(n), Gone); got != want {
			t.Errorf("standing of %d, which nobody announces: %d, want %d", n, got, want)
		}
	}
	var got []uint8
	for _, c := range p.Order([]Candidate{hint(1, 1), hint(2, 1), hint(3, 1), hint(4, 1)}, after(time.Hour), steady) {
		got = append(got, c.Addr.Addr().As4()[3])
	}
	if want := []uint8{3, 2, 4, 1}; !slices.Equal(got, want) {
		t.Errorf("order %v, want %v", got, want)
	}
	for n := range 2 * maxDoubted {
		p.Doubt(at(n))
	}
	if len(p.doubted) != maxDoubted {
		t.Errorf("%d addresses are doubted, want %d", len(p.doubted), maxDoubted)
	}
}

func TestHintsTakeTurns(t *testing.T) {
	now := after(time.Hour)
	with := func(c Candidate, dialled, seen time.Duration) Candidate { // ago; 0: never
		if dialled > 0 {
			c.Dialled = now.Add(-dialled)
		}
		c.Seen = now.Add(-seen)
		return c
	}
	for _, test := range []struct {
		name   string
		hints  []Candidate
		random []float64
		want   []string
	}{
		{name: "none"},
		{"those that were never dialled in random order", []Candidate{hint(1, 1), hint(2, 1), hint(3, 1)}, []float64{0.5, 0.9, 0.1},
			[]string{"10.9.0.3:1", "10.9.0.1:1", "10.9.0.2:1"}},
		{"then those dialled longest ago", []Candidate{with(hint(1, 1), 2, 0), hint(2, 1), with(hint(3, 1), 3, 0)}, nil,
			[]string{"10.9.0.2:1", "10.9.0.3:1", "10.9.0.1:1"}},
		{"what was dialled long ago is as good as new", []Candidate{hint(1, 1), with(hint(2, 1), dialCounts, 0), with(hint(3, 1), dialCounts-1, 0)},
			[]float64{0.5, 0.1, 0}, []string{"10.9.0.2:1", "10.9.0.1:1", "10.9.0.3:1"}},
		{"another port is not another IP address", []Candidate{hint(1, 1), with(hint(1, 2), 1, 0), hint(2, 1)}, nil,
			[]string{"10.9.0.2:1", "10.9.0.1:1", "10.9.0.1:2"}},
		{"one of each IP address before the second of any", []Candidate{with(hint(1, 1), 0, 3), with(hint(1, 2), 0, 1), with(hint(1, 3), 0, 2), hint(2, 1)},
			[]float64{0.1, 0.9}, []string{"10.9.0.1:2", "10.9.0.2:1", "10.9.0.1:3", "10.9.0.1:1"}},
		{"where the last session has led first, what was heard last before the rest", []Candidate{hint(1, 1), with(hint(0, 1), 0, 2), with(hint(0, 2), 0, 1), with(hint(0, 3), 1, 0)},
			[]float64{0, 1}, []string{"10.9.0.0:2", "10.9.0.0:1", "10.9.0.0:3", "10.9.0.1:1"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			random := steady
			if test.random != nil {
				random = func() float64 {
					r := test.random[0]
					test.random = test.random[1:]
					return r
				}
			}
			var got []string
			for _, c := range new(Privileges).Order(test.hints, now, random) {
				got = append(got, c.Addr.String())
			}
			if !slices.Equal(got, test.want) {
				t.Errorf("%v, want %v", got, test.want)
			}
		})
	}
}

func TestOrderIsByStanding(t *testing.T) {
	at := func(n int, s Standing, failures int) Candidate {
		return Candidate{Addr: netip.AddrPortFrom(ip(n), 1), Standing: s, Failures: failures}
	}
	list := []Candidate{at(1, Gone, 0), at(2, Hint, 0), at(3, AtHome, 0), at(4, Named, 2), at(5, Named, 1), at(6, Proven, 0), at(7, Proven, 9), at(8, Asked, 0), at(9, Asked, 0)}
	p := Privileges{Proven: []netip.AddrPort{list[6].Addr, list[5].Addr}}
	var got []string
	for _, c := range p.Order(list, start, steady) {
		got = append(got, c.Addr.Addr().String())
	}
	if want := "[10.9.0.8 10.9.0.9 10.9.0.7 10.9.0.6 10.9.0.5 10.9.0.4 10.9.0.3 10.9.0.2 10.9.0.1]"; fmt.Sprint(got) != want {
		t.Errorf("%v, want %v", got, want)
	}
}

func TestWorstHasTheLowestStandingAndWasHeardOfLongestAgo(t *testing.T) {
	of := func(s Standing, seen time.Duration) Candidate { return Candidate{Standing: s, Seen: after(seen)} }
	for _, test := range []struct {
		name string
		list []Candidate
		want int
	}{
		{"the only one that is not proven", []Candidate{of(Proven, 1), of(Hint, 9), of(Proven, 2)}, 1},
		{"heard of longest ago", []Candidate{of(Hint, 2), of(Hint, 1), of(Hint, 3)}, 1},
		{"nobody names it any more", []Candidate{of(Hint, 1), of(Gone, 9), of(Hint, 2)}, 1},
		{"announced before named", []Candidate{of(Named, 1), of(Hint, 9), of(Named, 2)}, 1},
		{"elsewhere before at home", []Candidate{of(AtHome, 1), of(Hint, 9)}, 1},
		{"the first of equals", []Candidate{of(Proven, 1), of(Gone, 0), of(Gone, 0)}, 1},
	} {
		for i := range test.list {
			test.list[i].Addr = netip.AddrPortFrom(ip(i), 1)
		}
		if got, want := Worst(test.list), test.list[test.want]; got != want {
			t.Errorf("%s: %v, want %v", test.name, got.Addr, want.Addr)
		}
	}
}

func TestSharesOfARoom(t *testing.T) {
	s := Shares{Bound: 64} // 8 for each IP address
	for range 8 {
		s.Add(ip(1), 1)
	}
	if s.HasRoom(ip(1)) || !s.HasRoom(ip(2)) {
		t.Error("one IP address has an eighth of the room, and others have theirs")
	}
	for n := range 56 {
		s.Add(ip(100+n), 1)
	}
	if s.HasRoom(ip(2)) || !s.IsPoor(ip(2)) || s.IsPoor(ip(1)) {
		t.Error("in a room that is full an IP address with fewer addresses is poor, and one that is crowded is not")
	}
	for range 7 {
		s.Add(ip(1), -1)
	}
	if !s.HasRoom(ip(2)) || s.IsPoor(ip(2)) {
		t.Error("an address that was taken out still counts")
	}
}

// TestEviction has one more address at IP address 1 evict another one from a room for 8.
func TestEviction(t *testing.T) {
	at := func(n int) Occupant { return Occupant{IP: ip(n), Standing: Hint, Own: true} }
	full := []Occupant{at(2), at(3), at(4), at(5), at(6), at(7), at(8), at(9)}
	with := func(i int, change func(*Occupant)) []Occupant {
		list := slices.Clone(full)
		change(&list[i])
		return list
	}
	for _, test := range []struct {
		name      string
		occupants []Occupant
		standing  Standing
		want      []int
		isFair    bool
	}{
		{"of equals any", full, Hint, []int{0, 1, 2, 3, 4, 5, 6, 7}, false},
		{"of an IP address that has more", with(3, func(o *Occupant) { o.IP = ip(2) }), Hint, []int{0, 3}, true},
		{"of that which has most", []Occupant{at(2), at(2), at(2), at(3), at(3), at(4), at(5), at(6)}, Hint, []int{0, 1, 2}, true},
		{"what is gone", with(3, func(o *Occupant) { o.Standing, o.Own = Gone, false }), Hint, []int{3}, false},
		{"what is doubted", with(3, func(o *Occupant) { o.Doubted = true }), Hint, []int{3}, false},
		{"what is quiet", with(3, func(o *Occupant) { o.Quiet = true }), Hint, []int{3}, false},
		{"what is its source's own", with(3, func(o *Occupant) { o.Own = false }), Hint, []int{0, 1, 2, 4, 5, 6, 7}, false},
		{"not what is proven or at home", []Occupant{{IP: ip(2), Standing: Proven}, {IP: ip(3), Standing: AtHome}, at(4)}, Hint, []int{2}, false},
		{"at home, what is at home too", []Occupant{{IP: ip(2), Standing: Proven}, {IP: ip(1), Standing: AtHome}}, AtHome, []int{1}, false},
		{"nothing, if all is proven", []Occupant{{IP: ip(2), Standing: Proven}}, AtHome, nil, false},
		{"its own, if its IP address is crowded", []Occupant{at(1), at(1), at(1), at(1), at(2), at(2), at(2), at(3)}, Hint, []int{0, 1, 2, 3}, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := Shares{Bound: 8}
			for _, o := range test.occupants {
				s.Add(o.IP, 1)
			}
			indices := func(yield func(int) bool) {
				for i := range test.occupants {
					if !yield(i) {
						return
					}
				}
			}
			got, isFair := Evict(&s, ip(1), test.standing, indices, func(i int) Occupant { return test.occupants[i] })
			if fmt.Sprint(got, isFair) != fmt.Sprint(test.want, test.isFair) {
				t.Errorf("%v, fair %v; want %v, %v", got, isFair, test.want, test.isFair)
			}
		})
	}
}
