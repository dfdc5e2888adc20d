package trust

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

var trialEnd = time.Date(2026, 11, 30, 12, 10, 0, 0, time.UTC)

func mustAddProvisional(t *testing.T, s *Set, peer Peer, offered string) Peer {
	t.Helper()
	added, err := s.AddProvisional(peer, offered, trialEnd)
	if err != nil {
		t.Fatal(err)
	}
	return added
}

// before returns whether a trial has ended by the time now.
func before(now time.Time) func(Peer, time.Time) bool {
	return func(_ Peer, until time.Time) bool { return !now.Before(until) }
}

func TestAPeerOnTrialIsTrustedAndMarkedInTheFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "peers")
	s := mustOpen(t, path)
	added := mustAddProvisional(t, s, Peer{Key: testKey(1)}, "Bob")
	checkFile(t, path, testKey(1).String()+" provisional=2026-11-30T12:10:00Z Bob\n")
	if until, ok := added.Provisional(); !ok || !until.Equal(trialEnd) || added.Label != "Bob" || !s.Contains(testKey(1)) {
		t.Errorf("%+v", added)
	}
	again := mustOpen(t, path)
	if got, _ := again.Get(testKey(1)); !got.equal(added) || len(again.Problems()) > 0 {
		t.Errorf("read back as %+v, %v", got, again.Problems())
	}
	if was, err := s.Keep(testKey(1)); !was || err != nil {
		t.Fatalf("Keep returns %v, %v", was, err)
	}
	checkFile(t, path, testKey(1).String()+" Bob\n")
	for _, key := range []int{1, 2} {
		if was, err := s.Keep(testKey(key)); was || err != nil {
			t.Errorf("Keep of key %d, which is on no trial, returns %v, %v", key, was, err)
		}
	}
}

func TestATrialEndsOnTime(t *testing.T) {
	path := filepath.Join(t.TempDir(), "peers")
	bad := testKey(9).String() + " provisional=soon Eve\n"
	writeFile(t, path, "# a comment\n"+bad+text("Alice"))
	s := mustOpen(t, path)
	if len(s.Problems()) != 1 || !errors.Is(s.Problems()[0], ErrOptionValue) || s.Contains(testKey(9)) {
		t.Errorf("a trial without an end: %v", s.Problems())
	}
	mustAddProvisional(t, s, Peer{Key: testKey(1)}, "Bob")
	mustAddProvisional(t, s, Peer{Key: testKey(2)}, "Carol")
	var seen []ChangeKind
	defer s.Watch(func(c Change) { seen = append(seen, c.Kind) })()
	if _, err := s.Keep(testKey(2)); err != nil {
		t.Fatal(err)
	}
	if gone, err := s.Expire(before(trialEnd.Add(-time.Second))); len(gone) > 0 || err != nil {
		t.Errorf("before its end: %v, %v", gone, err)
	}
	gone, err := s.Expire(before(trialEnd))
	if err != nil || len(gone) != 1 || gone[0].Key != testKey(1) || gone[0].Label != "Bob" {
		t.Errorf("%v, %v", gone, err)
	}
	checkFile(t, path, "# a comment\n"+bad+text("Alice")+testKey(2).String()+" Carol\n")
	if len(seen) != 2 || seen[0] != Updated || seen[1] != Removed {
		t.Errorf("watchers saw %v", seen)
	}
}

func TestAPeerNeverTakesALabel(t *testing.T) {
	s := NewSet()
	for i, c := range []struct{ offered, want string }{
		{"Alice", "Alice"}, {"Alice", "Alice 2"}, {"ALICE", "ALICE 3"}, {" Alice 2 ", "Alice 2 2"}, {"", ""}, {"", ""},
		{"a\u200bb", ""}, {testKey(5).String(), ""}, {strings.Repeat("x", 64), strings.Repeat("x", 64)}, {strings.Repeat("x", 64), ""},
		{strings.Repeat("x", 65), ""}, {"two\nlines", ""}, {"\xff", ""}, {`"quoted" = #5`, `"quoted" = #5`},
	} {
		if added := mustAddProvisional(t, s, Peer{Key: testKey(100 + i)}, c.offered); added.Label != c.want {
			t.Errorf("%q is called %q, want %q", c.offered, added.Label, c.want)
		}
	}
	// The owner's label is taken as it is, or refused.
	if added := mustAddProvisional(t, s, Peer{Key: testKey(200), Label: "Mine"}, "Yours"); added.Label != "Mine" {
		t.Errorf("called %q", added.Label)
	}
	if _, err := s.AddProvisional(Peer{Key: testKey(201), Label: "Mine"}, "Yours", trialEnd); !errors.Is(err, ErrLabelTaken) || s.Contains(testKey(201)) {
		t.Errorf("a label of the owner that is taken: %v", err)
	}
	if _, err := s.AddProvisional(Peer{Key: testKey(201), Label: "a\u200bb"}, "", trialEnd); !errors.Is(err, ErrCharacter) {
		t.Errorf("%v", err)
	}
}

func TestAPeerThatIsThereStaysAsItWas(t *testing.T) {
	s := NewSet(WithSelf(testKey(7)))
	old := Peer{testKey(1), "Bob", []Option{{OptionAddr, "192.0.2.1:7100"}, {"x", "y"}}}
	if err := s.Add(old); err != nil {
		t.Fatal(err)
	}
	if added := mustAddProvisional(t, s, Peer{Key: testKey(1)}, "Mallory"); !added.equal(old) {
		t.Errorf("a peer trusted for good has become %+v", added)
	}
	added := mustAddProvisional(t, s, Peer{testKey(1), "Robert", []Option{{OptionAddr, "192.0.2.2:7100"}, {"x", "y"}}}, "")
	if want := (Peer{testKey(1), "Robert", append(old.Options, Option{OptionAddr, "192.0.2.2:7100"})}); !added.equal(want) {
		t.Errorf("%+v, want %+v", added, want)
	}
	// A trial begins anew, under the label that the peer has.
	mustAddProvisional(t, s, Peer{Key: testKey(2)}, "Carol")
	later := trialEnd.Add(time.Hour)
	added, err := s.AddProvisional(Peer{Key: testKey(2)}, "Dave", later)
	if until, ok := added.Provisional(); err != nil || !ok || !until.Equal(later) || added.Label != "Carol" {
		t.Errorf("%+v, %v", added, err)
	}
	if _, err := s.AddProvisional(Peer{Key: testKey(7)}, "", trialEnd); !errors.Is(err, ErrSelf) {
		t.Errorf("our own key: %v", err)
	}
}

func TestAnOwnersAddEndsATrial(t *testing.T) {
	s := NewSet()
	mustAddProvisional(t, s, Peer{testKey(1), "", []Option{{OptionAddr, "192.0.2.1:7100"}}}, "Bob")
	if err := s.Add(Peer{Key: testKey(1)}); err != nil {
		t.Fatal(err)
	}
	if got, _ := s.Get(testKey(1)); got.Label != "Bob" || len(got.Options) != 1 || got.Options[0].Name != OptionAddr {
		t.Errorf("%+v", got)
	}
	if gone, err := s.Expire(before(trialEnd.Add(time.Hour))); len(gone) > 0 || err != nil {
		t.Errorf("%v, %v", gone, err)
	}
	if err := s.Add(Peer{Key: testKey(3), Options: []Option{{OptionProvisional, "2026-11-30T12:10:00Z"}, {OptionProvisional, "2026-11-30T12:10:01Z"}}}); !errors.Is(err, ErrOptionValue) {
		t.Errorf("two ends of a trial: %v", err)
	}
}
