package trust

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// Variables that make the test binary a process that edits the peers file at a path, as the nth of several.
const (
	childPath   = "PEERNET_TRUST_CHILD_PATH"
	childNumber = "PEERNET_TRUST_CHILD_NUMBER"
)

// Each process adds edits peers and removes every second one again.
const (
	processes = 4
	edits     = 10
)

func TestMain(m *testing.M) {
	path := os.Getenv(childPath)
	if path == "" {
		os.Exit(m.Run())
	}
	number, err := strconv.Atoi(os.Getenv(childNumber))
	if err == nil {
		err = editMany(path, number)
	}
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
}

// editMany is the work of one of the processes.
func editMany(path string, number int) error {
	s, err := Open(path)
	if err != nil {
		return err
	}
	for i := range edits {
		peer := Peer{Key: testKey(number*edits + i), Label: fmt.Sprintf("%d-%d", number, i)}
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
		cmd := exec.CommandContext(t.Context(), os.Args[0])
		cmd.Env = append(os.Environ(), childPath+"="+path, childNumber+"="+strconv.Itoa(number))
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
