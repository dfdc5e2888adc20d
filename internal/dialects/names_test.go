package dialects

import (
	"fmt"
	"testing"
	"time"
)

// TestANameThatClosedASessionIsSuspectForAWhile, unless a call by it was ever answered.
func TestANameThatClosedASessionIsSuspectForAWhile(t *testing.T) {
	b, clock := setting{speaks: both}.open(t)
	names := b.Names(bob)
	check := func(name string, want bool) {
		t.Helper()
		if got := names.IsSuspect(name); got != want {
			t.Errorf("%s is suspect: %v", name, got)
		}
	}
	check("a", false)
	names.Answered("b")
	names.Suspect("1", "a")
	check("a", false) // the session may have made room for a newer one
	clock.pass(SuspectedFor)
	names.Suspect("2", "a")
	check("a", false)
	names.Suspect("2", "a")
	check("a", false) // another call over the same session
	names.Suspect("3", "a")
	names.Suspect("4", "b") // the session ended under it for another reason
	check("a", true)
	check("b", false)
	clock.pass(SuspectedFor - 1)
	check("a", true)
	clock.pass(1)
	check("a", false)
	names.Suspect("5", "a")
	names.Suspect("6", "a")
	names.Answered("a") // by the session after that
	check("a", false)
	for i := range 2 * maxNames {
		names.Suspect("7", fmt.Sprint(i))
		names.Answered(fmt.Sprint("known", i))
	}
	if len(names.suspects) > maxNames || len(names.answered) > maxNames {
		t.Errorf("%d suspects and %d answered are kept", len(names.suspects), len(names.answered))
	}
	names.Answered("one more") // makes room for itself
	names.Suspect("7", "one more")
	names.Suspect("7a", "one more")
	check("one more", false)
	clock.pass(time.Hour)
	names.Suspect("8", "again")
	names.Suspect("9", "again")
	check("again", true)
}

// TestANameThatIsKnownTakesNoLock that another call waits for: Answered only reads it, and the book is not asked.
func TestANameThatIsKnownTakesNoLock(t *testing.T) {
	b, _ := setting{speaks: both}.open(t)
	names := b.Names(bob)
	names.Answered("a")
	b.mu.Lock()
	defer b.mu.Unlock()
	names.mu.RLock()
	defer names.mu.RUnlock()
	names.Answered("a")
	if names.IsSuspect("a") {
		t.Error("a is suspect")
	}
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
			names := b.Names(bob)
			for i := range 3 {
				older, newer := fmt.Sprint(i), fmt.Sprint(i+1)
				names.Began(older)
				if c.before {
					names.Began(newer)
				}
				names.Suspect(older, "a")
				names.Suspect(older, "a")
				clock.pass(c.after)
				names.Began(newer)
			}
			if got := names.IsSuspect("a"); got != c.want {
				t.Errorf("is suspect: %v", got)
			}
		})
	}
}
