package peers

import (
	"fmt"
	"slices"
	"testing"

	"github.com/seed-f6ddb928/peernet-go/internal/clock"
)

func TestHistoryKeepsTheLastStepsAndNoRepetition(t *testing.T) {
	p := &peer{Config: &Config{Clock: clock.System}, info: Info{State: Found}}
	reasons := func(h []Step) (list []string) {
		for _, s := range h {
			list = append(list, s.Reason)
		}
		return list
	}
	p.note(Step{Reason: "once"})
	p.note(Step{Reason: "once"})
	p.info.State = Dialling
	p.note(Step{Reason: "once"})
	if got := reasons(p.history); !slices.Equal(got, []string{"once", "once"}) || p.history[0].State != Found || p.history[1].State != Dialling {
		t.Errorf("history %+v", p.history)
	}
	var want []string
	for i := range 3 * keepSteps {
		handedOut := p.history
		before := reasons(handedOut)
		p.note(Step{Reason: fmt.Sprint(i)})
		if !slices.Equal(reasons(handedOut), before) {
			t.Fatal("a history that was handed out has changed")
		}
		want = append(want, fmt.Sprint(i))
	}
	if got := reasons(p.history); !slices.Equal(got, want[len(want)-keepSteps:]) {
		t.Errorf("history %v", got)
	}
}
