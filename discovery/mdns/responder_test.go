package mdns

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/miekg/dns"

	"github.com/seed-f6ddb928/peernet-go/discovery"
)

// A stage is where a responder speaks, inside a bubble.
type stage struct {
	*responder
	counters counters
	began    time.Time

	mu    sync.Mutex    // guards the rest
	pause time.Duration // how long it takes to say what is said next
	said  []string
}

// newStage returns a responder of node 1 on interfaces, whose randomness is 0.
func newStage(using ...discovery.Interface) *stage {
	s := &stage{began: time.Now()}
	s.responder = respond(one, using, func() float64 { return 0 }, &s.counters, func(index int, m *dns.Msg) {
		s.mu.Lock()
		pause := s.pause
		s.pause = 0
		s.mu.Unlock()
		time.Sleep(pause)
		s.mu.Lock()
		defer s.mu.Unlock()
		s.said = append(s.said, fmt.Sprint(time.Since(s.began), " ", index, " ", contents(m)))
	})
	return s
}

// until lets time pass until so long after the begin, and checks what is said meanwhile, whatever interface is the first.
func (s *stage) until(t *testing.T, d time.Duration, want ...string) {
	t.Helper()
	time.Sleep(time.Until(s.began.Add(d)))
	synctest.Wait()
	got := s.take()
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("said %q\nwant %q", got, want)
	}
}

// take returns what has been said since the last take.
func (s *stage) take() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	said := s.said
	s.said = nil
	return said
}

// contradicts has somebody say goodbye in the name of node 1, and waits until the responder knows.
func (s *stage) contradicts(t *testing.T) {
	t.Helper()
	s.contradict(heard{2, read(t, factOf(1).goodbye())})
	synctest.Wait()
}

var (
	lan0 = card(2, "eth0", "10.77.0.1/24")
	lan1 = card(3, "eth1", "10.78.0.1/24")
)

func TestAResponderAnnouncesAnswersAndSaysGoodbye(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(lan0, lan1)
		s.until(t, 10*time.Second, "1.02s 2 PTR SRV TXT A", "1.02s 3 PTR SRV TXT A", "20ms 2 PTR SRV TXT A", "20ms 3 PTR SRV TXT A",
			"3.02s 2 PTR SRV TXT A", "3.02s 3 PTR SRV TXT A")
		s.ask(3, query{kinds: pointer})
		s.ask(4, query{kinds: pointer}) // an interface that is not there
		s.until(t, 10*time.Second+30*time.Millisecond, "10.02s 3 PTR + SRV TXT A")
		s.ask(3, query{kinds: text})
		s.ask(2, query{kinds: text, known: []dns.RR{factOf(1).text()}})
		s.ask(2, query{kinds: address6}) // there is none
		s.until(t, 20*time.Second, "11.02s 3 TXT")
		s.contradict(heard{2, read(t, factOf(1).goodbye())})
		s.contradict(heard{4, read(t, factOf(1).goodbye())})
		s.until(t, 20*time.Second, "20s 2 PTR SRV TXT A")
		before := time.Now()
		s.close(nil)
		if took := time.Since(before); took != goodbyeAgain {
			t.Errorf("ends after %v", took)
		}
		s.until(t, time.Minute, "20.05s 2 -PTR -SRV -TXT -A", "20.05s 3 -PTR -SRV -TXT -A", "20s 2 -PTR -SRV -TXT -A", "20s 3 -PTR -SRV -TXT -A")
		if got, want := s.counters.Get(), (Stats{Asked: 5, Suppressed: 2, Limited: 1}); got.Asked != want.Asked || got.Suppressed != want.Suppressed || got.Limited != want.Limited {
			t.Errorf("counted %+v, want %+v", got, want)
		}
	})
}

// TestNothingIsSaidAfterAGoodbye ends a responder that has something else to say, or is just saying it.
func TestNothingIsSaidAfterAGoodbye(t *testing.T) {
	for name, c := range map[string]struct {
		before func(*stage)
		want   []string
	}{
		"it has not begun":       {func(*stage) {}, nil},
		"it has begun":           {func(*stage) { time.Sleep(1500 * time.Millisecond) }, nil},
		"it has an answer":       {func(s *stage) { time.Sleep(10 * time.Second); s.ask(2, query{kinds: pointer}) }, nil},
		"it has a later answer":  {func(s *stage) { time.Sleep(3500 * time.Millisecond); s.ask(2, query{kinds: text}) }, nil},
		"it has a contradiction": {func(s *stage) { s.contradicts(t); time.Sleep(100 * time.Millisecond); s.contradicts(t) }, nil},
		"it is announcing": {func(s *stage) {
			s.mu.Lock()
			s.pause = 10 * time.Millisecond
			s.mu.Unlock()
			time.Sleep(25 * time.Millisecond)
		}, []string{"PTR SRV TXT A"}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newStage(lan0)
				c.before(s)
				synctest.Wait()
				s.take()
				s.close(nil)
				time.Sleep(time.Minute)
				synctest.Wait()
				var got []string
				for _, said := range s.take() {
					got = append(got, strings.SplitN(said, " ", 3)[2])
				}
				if want := append(c.want, "-PTR -SRV -TXT -A", "-PTR -SRV -TXT -A"); !slices.Equal(got, want) {
					t.Errorf("said %q\nwant %q", got, want)
				}
			})
		})
	}
}

// TestARespondersSuccessorGoesOn has interfaces that change: only what does not hold any more is taken back.
func TestARespondersSuccessorGoesOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for name, c := range map[string]struct {
			next []discovery.Interface
			want []string
		}{
			"the same":           {[]discovery.Interface{lan0, lan1}, nil},
			"one interface less": {[]discovery.Interface{lan0}, []string{"10.05s 3 -PTR -SRV -TXT -A", "10s 3 -PTR -SRV -TXT -A"}},
			"another address":    {[]discovery.Interface{card(2, "eth0", "10.77.0.9/24"), lan1}, []string{"10.05s 2 -A", "10s 2 -A"}},
		} {
			s := newStage(lan0, lan1)
			time.Sleep(10 * time.Second)
			synctest.Wait()
			s.take()
			next := newStage(c.next...)
			s.close(next.responder)
			s.until(t, 20*time.Second, c.want...)
			next.close(nil)
			if t.Failed() {
				t.Fatal(name)
			}
		}
	})
}

// TestNoGoodbyeHidesAnother has goodbyes of other records, and on another interface, before the one that is to be contradicted.
func TestNoGoodbyeHidesAnother(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(lan0, lan1)
		s.until(t, time.Minute, "1.02s 2 PTR SRV TXT A", "1.02s 3 PTR SRV TXT A", "20ms 2 PTR SRV TXT A", "20ms 3 PTR SRV TXT A",
			"3.02s 2 PTR SRV TXT A", "3.02s 3 PTR SRV TXT A")
		other := factOf(1)
		other.port = 9000
		s.mu.Lock()
		s.pause = time.Second // while it speaks it looks at none of what comes
		s.mu.Unlock()
		s.ask(2, query{kinds: text})
		synctest.Wait()
		s.contradict(heard{3, read(t, response(other.goodbye().Answer[0]))})
		for range 3 {
			s.contradict(heard{2, read(t, factOf(1).goodbye())})
			s.contradict(heard{3, read(t, factOf(1).goodbye())})
		}
		s.until(t, 2*time.Minute, "1m1s 2 PTR SRV TXT A", "1m1s 2 TXT", "1m1s 3 PTR SRV TXT A")
		s.close(nil)
	})
}

// TestAFloodOfQueriesWaitsForNobody has a responder that cannot send for the moment.
func TestAFloodOfQueriesWaitsForNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		stuck := make(chan struct{})
		var c counters
		r := respond(one, []discovery.Interface{lan0}, func() float64 { return 0 }, &c, func(int, *dns.Msg) { <-stuck })
		time.Sleep(time.Second)
		synctest.Wait()
		for range maxAskers + 5 {
			r.ask(2, query{kinds: text})
			r.contradict(heard{2, read(t, factOf(1).goodbye())})
		}
		if got := c.Get(); got.Asked != maxAskers+5 || got.Excess != 5 {
			t.Errorf("counted %+v", got)
		}
		close(stuck)
		r.close(nil)
	})
}
