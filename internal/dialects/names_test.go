package dialects

import (
	"fmt"
	"testing"
	"time"
)

// TestANameThatClosedASessionIsSuspectForAWhile, unless a call by it was ever answered.
func TestANameThatClosedASessionIsSuspectForAWhile(t *testing.T) {
	b, clock := setting{speaks: both}.open(t)
	check := func(name string, want bool) {
		t.Helper()
		if got := b.IsSuspect(bob, name); got != want {
			t.Errorf("%s is suspect: %v", name, got)
		}
	}
	check("a", false)
	b.Answered(bob, "b")
	b.Suspect(bob, "1", "a")
	check("a", false) // the session may have made room for a newer one
	clock.pass(SuspectedFor)
	b.Suspect(bob, "2", "a")
	check("a", false)
	b.Suspect(bob, "2", "a")
	check("a", false) // another call over the same session
	b.Suspect(bob, "3", "a")
	b.Suspect(bob, "4", "b") // the session ended under it for another reason
	check("a", true)
	check("b", false)
	clock.pass(SuspectedFor - 1)
	check("a", true)
	clock.pass(1)
	check("a", false)
	b.Suspect(bob, "5", "a")
	b.Suspect(bob, "6", "a")
	b.Answered(bob, "a") // by the session after that
	check("a", false)
	for i := range 2 * maxNames {
		b.Suspect(bob, "7", fmt.Sprint(i))
		b.Answered(bob, fmt.Sprint("known", i))
	}
	if n := b.entries[bob].names; len(n.suspects) > maxNames || len(n.answered) > maxNames {
		t.Errorf("%d suspects and %d answered are kept", len(n.suspects), len(n.answered))
	}
	clock.pass(time.Hour)
	b.Suspect(bob, "8", "again")
	b.Suspect(bob, "9", "again")
	check("again", true)
}

// TestNoNameIsSuspectForASessionThatWasReplaced, whether the newer session is known before the older one ends or after it.
func TestNoNameIsSuspectForASessionThatWasReplaced(t *testing.T) {
	for _, c := range []struct {
		name   string
		before bool
		after  time.Duration
		want   bool
	}{
		{"known before", true, 0, false},
		{"known after", false, replacedWithin, false},
		{"dialled again after the end", false, 2 * replacedWithin, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			b, clock := setting{speaks: both}.open(t)
			for i := range 3 {
				older, newer := fmt.Sprint(i), fmt.Sprint(i+1)
				b.Began(bob, older)
				if c.before {
					b.Began(bob, newer)
				}
				b.Suspect(bob, older, "a")
				b.Suspect(bob, older, "a")
				clock.pass(c.after)
				b.Began(bob, newer)
			}
			if got := b.IsSuspect(bob, "a"); got != c.want {
				t.Errorf("is suspect: %v", got)
			}
		})
	}
}
