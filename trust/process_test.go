package trust

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/seed-f6ddb928/peernet-go/internal/test/child"
)

// editing makes a child edit a peers file, as one of several.
const editing = "PEERNET_TEST_TRUST_EDITING"

// An editor says which file a child edits, and the number of the child.
type editor struct {
	Path   string
	Number int
}

// Each process adds edits peers and removes every second one again.
const (
	processes = 4
	edits     = 10
)

func init() { child.Run(editing, editMany) }

// editMany is the work of one of the processes.
func editMany(e editor) error {
	s, err := Open(e.Path)
	if err != nil {
		return err
	}
	for i := range edits {
		peer := Peer{Key: testKey(e.Number*edits + i), Label: fmt.Sprintf("%d-%d", e.Number, i)}
		if err := s.Add(peer); err != nil {
			return err
		}
		if !s.Contains(peer.Key) {
			return fmt.Errorf("%s is not there after Add", peer.Label)
		}
		if i%2 == 1 {
			if found, err := s.Remove(peer.Key); !found || err != nil {
				return fmt.Errorf("removing %s: %t, %v", peer.Label, found, err)
			}
		}
	}
	return nil
}

func TestSeveralProcessesLoseNoEdit(t *testing.T) {
	path := filepath.Join(t.TempDir(), "peers")
	const head = "# kept\n\ngarbage, kept too\n"
	writeFile(t, path, head)
	var group sync.WaitGroup
	for number := range processes {
		cmd := child.Command(t.Context(), editing, editor{path, number})
		group.Go(func() {
			if output, err := cmd.CombinedOutput(); err != nil {
				t.Errorf("%v: %s", err, output)
			}
		})
	}
	// Meanwhile a node follows the file. It must see every line whole: the only problem is the bad line of the file.
	s := mustOpen(t, path)
	var changed []string
	defer s.Watch(func(c Change) { changed = append(changed, c.Kind.String()+" "+c.Peer.Label) })()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		group.Wait()
	}()
	for running := true; running; {
		select {
		case <-ended:
			running = false
		default:
		}
		checkIs(t, "Reload", s.Reload(), nil)
		if problems := s.Problems(); len(problems) != 1 {
			t.Fatalf("problems: %v", problems)
		}
	}

	var want []string
	for number := range processes {
		for i := 0; i < edits; i += 2 {
			want = append(want, fmt.Sprintf("%d-%d", number, i))
		}
	}
	got := labels(s)
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("the set is\n%q, want\n%q", got, want)
	}
	for _, label := range want {
		if i := slices.Index(changed, "added "+label); i < 0 || slices.Contains(changed, "removed "+label) {
			t.Errorf("the watcher did not see that %s was added, or saw that it was removed: %q", label, changed)
		}
	}
	content, err := os.ReadFile(path)
	if err != nil || !strings.HasPrefix(string(content), head) {
		t.Errorf("the file holds\n%q, %v", content, err)
	}
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil || len(entries) != 2 {
		t.Errorf("beside the file and its lock: %v, %v", entries, err)
	}
}
