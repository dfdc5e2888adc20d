package netns

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestWhatIsLateRunsAgain has a subtest that is in time beside one that is late as often as the task has lines.
func TestWhatIsLateRunsAgain(t *testing.T) {
	t.Parallel()
	if path, late, ok := strings.Cut(os.Getenv(taskVariable), " "); ok {
		Run(t, func(t *testing.T) {
			for _, name := range []string{"in time", "late"} {
				t.Run(name, func(t *testing.T) {
					before, _ := os.ReadFile(path) // not there at first
					if err := os.WriteFile(path, append(before, name+"\n"...), 0o600); err != nil {
						t.Fatal(err)
					}
					if name == "late" && strings.Count(string(before), name) < len(late) {
						Late(t, "%s", name)
					}
				})
			}
		})
		return
	}
	Require(t)
	for late, want := range map[string]struct {
		passes bool
		ran    []string
	}{
		"":    {true, []string{"in time", "late"}},
		"1":   {true, []string{"in time", "late", "late"}},
		"12":  {true, []string{"in time", "late", "late", "late"}},
		"123": {false, []string{"in time", "late", "late", "late"}},
	} {
		path := filepath.Join(t.TempDir(), "ran")
		output, err := again(t, path+" "+late).CombinedOutput()
		if (err == nil) != want.passes {
			t.Errorf("late %d times: %v:\n%s", len(late), err, output)
		}
		ran, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.Split(strings.TrimSpace(string(ran)), "\n"); !slices.Equal(got, want.ran) {
			t.Errorf("late %d times: ran %q, want %q", len(late), got, want.ran)
		}
	}
}

func TestLatePatternFitsWhatWasLate(t *testing.T) {
	for _, c := range []struct {
		name string
		late []string
		want string
	}{
		{"TestA", []string{"TestA"}, "^TestA$"},
		{"TestA", []string{"TestA/b", "TestA"}, "^TestA$"},
		{"TestA", []string{"TestA/b"}, "^TestA$/^(b)$"},
		{"TestA", []string{"TestA/b/c", "TestA/d.", "TestA/b"}, `^TestA$/^(b|d\.)$`},
		{"TestA/b", []string{"TestA/b/c"}, "^TestA$/^b$/^(c)$"},
		{"TestA/b", []string{"TestA/b"}, "^TestA$/^b$"},
	} {
		if got := latePattern(c.name, c.late); got != c.want {
			t.Errorf("%s of %q: %s, want %s", c.name, c.late, got, c.want)
		}
	}
}
