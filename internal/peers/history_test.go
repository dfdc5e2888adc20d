package peers

import (
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-f6ddb928/peernet-go/internal/clock"
)

func TestHistoryKeepsTheLastStepsAndNoRepetition(t *testing.T) {
	p := &peer{Config: &Config{Clock: clock.System, Directory: NewDirectory()}, info: Info{State: Found}}
	reasons := func(h []Step) (list []string) {
		for _, s := range h {
			list = append(list, s.Reason)
		}
		return list
	}
	p.recordStep(Step{Reason: "once"})
	p.recordStep(Step{Reason: "once"})
	p.info.State = Dialling
	p.recordStep(Step{Reason: "once"})
	if got := reasons(p.info.History); !slices.Equal(got, []string{"once", "once"}) || p.info.History[0].State != Found || p.info.History[1].State != Dialling {
		t.Errorf("history %+v", p.info.History)
	}
	var want []string
	for i := range 3 * keepSteps {
		handedOut := p.info.History
		before := reasons(handedOut)
		p.recordStep(Step{Reason: fmt.Sprint(i)})
		if !slices.Equal(reasons(handedOut), before) {
			t.Fatal("a history that was handed out has changed")
		}
		want = append(want, fmt.Sprint(i))
	}
	if got := reasons(p.info.History); !slices.Equal(got, want[len(want)-keepSteps:]) {
		t.Errorf("history %v", got)
	}
}

// TestHistoryTellsOnceWhatComesAgainAndAgain: a night of dialling in vain is a few steps.
func TestHistoryTellsOnceWhatComesAgainAndAgain(t *testing.T) {
	for cycle := 1; cycle <= maxCycle; cycle++ {
		synctest.Test(t, func(t *testing.T) {
			p := &peer{Config: &Config{Clock: clock.System, Directory: NewDirectory()}}
			record := func(state State, reason string) {
				p.info.State = state
				p.recordStep(Step{Reason: reason})
			}
			record(Connected, "initiator")
			const rounds = 1000
			began := time.Now()
			for i := range rounds*cycle + 1 { // and the first of the next
				record(BackingOff, fmt.Sprint(i%cycle))
				time.Sleep(time.Second)
			}
			want := cycle + 2
			if cycle == 1 {
				want = 2
			}
			if len(p.info.History) != want || p.info.History[0].State != Connected || p.info.History[0].Times != 1 {
				t.Fatalf("a cycle of %d steps: %+v", cycle, p.info.History)
			}
			for i, s := range p.info.History[1 : 1+cycle] {
				times, last := rounds, began.Add(time.Duration((rounds-1)*cycle+i)*time.Second)
				if cycle == 1 {
					times, last = times+1, last.Add(time.Second)
				}
				if s.Times != times || !s.At.Equal(began.Add(time.Duration(i)*time.Second)) || !s.Last.Equal(last) {
					t.Errorf("a cycle of %d steps: step %d: %+v", cycle, i, s)
				}
			}
		})
	}
}

// TestHistoryKeepsTheLastConnection: and how it ended, whatever has happened since.
func TestHistoryKeepsTheLastConnection(t *testing.T) {
	p := &peer{Config: &Config{Clock: clock.System, Directory: NewDirectory()}}
	for i := range 4 * keepSteps {
		p.info.State = BackingOff
		if i == 7 || i == 20 {
			p.info.State = Connected
		}
		p.recordStep(Step{Reason: fmt.Sprint(i)})
	}
	h := p.info.History
	if len(h) != keepSteps || h[0].Reason != "20" || h[0].State != Connected || h[1].Reason != "21" || h[2].Reason != fmt.Sprint(4*keepSteps-keepSteps+2) {
		t.Errorf("%d steps: %+v", len(h), h)
	}
}
