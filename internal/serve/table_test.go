package serve

import (
	"errors"
	"slices"
	"strconv"
	"sync"
	"testing"

	"github.com/seed-f6ddb928/peernet-go/envelope"
)

func TestTableFindsWhatWasAddedAndNotRemoved(t *testing.T) {
	var table Table
	if table.find([]byte("a")) != nil || len(table.Names()) != 0 {
		t.Error("an empty table has byName")
	}
	table.Remove("a")
	for _, name := range []string{"b", "a", "ä"} {
		if err := table.Add(&Registration{Name: name}); err != nil {
			t.Fatal(err)
		}
	}
	table.Remove("a")
	if got, want := table.Names(), []string{"b", "ä"}; !slices.Equal(got, want) {
		t.Errorf("Names() = %q, want %q", got, want)
	}
	for name, want := range map[string]bool{"b": true, "ä": true, "a": false, "a\u0308": false, "B": false, "": false} {
		if e := table.find([]byte(name)); (e != nil) != want || e != nil && e.Name != name {
			t.Errorf("find(%q) = %v, want one: %v", name, e, want)
		}
	}
}

func TestTableRefusesNames(t *testing.T) {
	var table Table
	if err := table.Add(&Registration{Name: "taken"}); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]error{
		"taken":     ErrTaken,
		"":          envelope.ErrNameLength,
		"$/hello":   envelope.ErrNameReserved,
		"two\nrows": envelope.ErrNameControl,
		"\xff":      envelope.ErrNameUTF8,
	} {
		if err := table.Add(&Registration{Name: name}); !errors.Is(err, want) {
			t.Errorf("Add(%q): %v, want %v", name, err, want)
		}
	}
	table.Remove("taken")
	if err := table.Add(&Registration{Name: "taken"}); err != nil {
		t.Errorf("a name that was removed cannot be added again: %v", err)
	}
}

func TestTableCanBeReadWhileItChanges(t *testing.T) {
	var table Table
	var join sync.WaitGroup
	for i := range 8 {
		join.Go(func() {
			name := strconv.Itoa(i)
			for range 100 {
				if err := table.Add(&Registration{Name: name}); err != nil {
					t.Error(err)
				}
				if e := table.find([]byte(name)); e == nil || e.Name != name {
					t.Errorf("%q was added and is not there", name)
				}
				table.Names()
				table.Remove(name)
			}
		})
	}
	join.Wait()
	if names := table.Names(); len(names) != 0 {
		t.Errorf("%q are left", names)
	}
}
