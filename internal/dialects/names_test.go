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
	b.Suspect(bob, "a")
	check("a", false) // the session may have made room for a newer one
	clock.pass(SuspectedFor)
	b.Suspect(bob, "a")
	check("a", false)
	b.Suspect(bob, "a")
	b.Suspect(bob, "b") // the session ended under it for another reason
	check("a", true)
	check("b", false)
	clock.pass(SuspectedFor - 1)
	check("a", true)
	clock.pass(1)
	check("a", false)
	b.Suspect(bob, "a")
	b.Suspect(bob, "a")
	b.Answered(bob, "a") // by the session after that
	check("a", false)
	for i := range 2 * maxNames {
		b.Suspect(bob, fmt.Sprint(i))
		b.Answered(bob, fmt.Sprint("known", i))
	}
	if n := b.entries[bob].names; len(n.suspects) > maxNames || len(n.answered) > maxNames {
		t.Errorf("%d suspects and %d answered are kept", len(n.suspects), len(n.answered))
	}
	clock.pass(time.Hour)
	b.Suspect(bob, "again")
	b.Suspect(bob, "again")
	check("again", true)
}
