package mdns

import (
	"slices"
	"testing"
	"time"
)

// A player plays a schedule: at each moment when it may ask, it says what is known.
type player struct {
	schedule
	now time.Time
}

func newPlayer(random float64) *player {
	return &player{schedule{period: 30 * time.Second, random: func() float64 { return random }}, time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)}
}

// play returns when, after now, questions are asked for as long as d. stalest says when that was heard which was not heard
// for longest; zero: nothing is known.
func (p *player) play(d time.Duration, stalest func(now time.Time) time.Time, wanting bool) (asked []time.Duration) {
	begin := p.now
	for {
		at := p.next()
		if at.After(begin.Add(d)) {
			p.now = begin.Add(d)
			return asked
		}
		if at.After(p.now) {
			p.now = at
		}
		if ask, _ := p.due(p.now, stalest(p.now), wanting); ask {
			asked = append(asked, p.now.Sub(begin))
		}
	}
}

func nobody(time.Time) time.Time        { return time.Time{} }
func justHeard(now time.Time) time.Time { return now.Add(-time.Second) }
func everyAsk(p *player) func(time.Time) time.Time { // others answer when we ask, and at no other time
	return func(time.Time) time.Time { return p.asked }
}

func seconds(s ...float64) (list []time.Duration) {
	for _, n := range s {
		list = append(list, time.Duration(n*float64(time.Second)))
	}
	return list
}

func TestQuestionsComeInTurn(t *testing.T) {
	for _, c := range []struct {
		name   string
		random float64
		known  func(*player) func(time.Time) time.Time
		d      time.Duration
		want   []time.Duration
	}{
		{"nobody is known, early", 0, func(*player) func(time.Time) time.Time { return nobody }, time.Minute, seconds(0, 1, 3, 25.5, 48)},
		{"nobody is known, late", 1, func(*player) func(time.Time) time.Time { return nobody }, time.Minute, seconds(0, 1.5, 4.5, 42)},
		{"only we ask, early", 0, everyAsk, time.Minute, seconds(0, 18, 40.5)},
		{"only we ask, late", 1, everyAsk, 2 * time.Minute, seconds(0, 30, 67.5, 105)},
		{"others ask all the time", 0.5, func(*player) func(time.Time) time.Time { return justHeard }, 3 * time.Minute, seconds(0, 60, 120, 180)},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := newPlayer(c.random)
			p.opened(p.now)
			if got := p.play(c.d, c.known(p), false); !slices.Equal(got, c.want) {
				t.Errorf("asked at %v, want %v", got, c.want)
			}
		})
	}
}

// TestASilentNodeIsAskedTwiceBeforeItIsLost has an instance that answers nothing, whatever the randomness.
func TestASilentNodeIsAskedTwiceBeforeItIsLost(t *testing.T) {
	for random := 0.0; random <= 1; random += 0.125 {
		p := newPlayer(random)
		p.opened(p.now)
		p.play(time.Hour, everyAsk(p), false)
		heard := p.asked
		p.now = heard
		got := p.play(periodsUntilLost*p.period, func(time.Time) time.Time { return heard }, false)
		if len(got) < 2 {
			t.Errorf("random %v: asked at %v", random, got)
		}
	}
}

func TestQuestionsOutOfTurnAreSoonAndFew(t *testing.T) {
	p := newPlayer(0.5)
	p.opened(p.now)
	p.play(10*time.Second, everyAsk(p), false)
	p.want(p.now)
	p.want(p.now.Add(10 * time.Millisecond)) // puts nothing off
	if got, want := p.play(time.Second, everyAsk(p), true), seconds(0.07); !slices.Equal(got, want) {
		t.Errorf("asked at %v, want %v", got, want)
	}
	p.now = p.asked.Add(100 * time.Millisecond)
	p.want(p.now)
	if got, want := p.play(time.Second, everyAsk(p), true), seconds(0.95); !slices.Equal(got, want) {
		t.Errorf("asked at %v, want %v: a second after the last, and a little", got, want)
	}
	p.want(p.now)
	if got := p.play(time.Second, everyAsk(p), false); len(got) != 0 {
		t.Errorf("asked at %v, although it was no longer wanted", got)
	}
	count := 0
	for range 10 {
		p.want(p.now)
		count += len(p.play(1500*time.Millisecond, everyAsk(p), true))
	}
	if want := maxHurries - 2; count != want {
		t.Errorf("asked %d times more, want %d", count, want)
	}
	p.play(time.Minute, everyAsk(p), false)
	p.want(p.now)
	if got := p.play(2*time.Second, everyAsk(p), true); len(got) != 1 {
		t.Errorf("after a turn: asked at %v", got)
	}
}

func TestNewInterfacesAreAskedOnAtOnce(t *testing.T) {
	p := newPlayer(0)
	p.opened(p.now)
	p.play(10*time.Second, justHeard, false)
	p.opened(p.now)
	if got, want := p.play(10*time.Second, justHeard, false), seconds(0); !slices.Equal(got, want) {
		t.Errorf("asked at %v, want %v", got, want)
	}
}

// TestNobodyKeepsUsFromAskingForLong hears of everybody all the time, as a forger could arrange.
func TestNobodyKeepsUsFromAskingForLong(t *testing.T) {
	for random := 0.0; random <= 1; random += 0.25 {
		p := newPlayer(random)
		p.opened(p.now)
		last := time.Duration(0)
		for _, at := range p.play(time.Hour, justHeard, false) {
			if at-last > 2*p.period {
				t.Errorf("random %v: nothing was asked from %v to %v", random, last, at)
			}
			last = at
		}
		if time.Hour-last > 2*p.period {
			t.Errorf("random %v: nothing was asked after %v", random, last)
		}
	}
}
