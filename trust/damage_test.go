package trust

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-f6ddb928/peernet-go/identity"
)

func TestABadLineLeavesTheOthersTrusted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "peers")
		writeFile(t, path, text("A", "B", "C"))
		s := mustOpen(t, path, WithSelf(keyOf("Z")))
		seen := record(t, s)
		garbled := strings.Replace(text("A", "B", "C"), " B", "x B", 1) + text("Z")
		writeFile(t, path, garbled)
		checkIs(t, "Reload", s.Reload(), nil)
		checkLabels(t, s, "A", "C")
		if got := seen(); !slices.Equal(got, []string{"removed B"}) {
			t.Errorf("seen %q", got)
		}
		problems := s.Problems()
		if len(problems) != 2 {
			t.Fatalf("problems: %v", problems)
		}
		for i, want := range []struct {
			line int
			err  error
		}{{2, identity.ErrKeyLength}, {4, ErrSelf}} {
			lineError, ok := errors.AsType[*LineError](problems[i])
			if !ok || lineError.Line != want.line || !errors.Is(problems[i], want.err) {
				t.Errorf("problem %v, want line %d, %v", problems[i], want.line, want.err)
			}
		}

		checkIs(t, "Add", s.Add(Peer{Key: keyOf("D"), Label: "D"}), nil)
		checkFile(t, path, garbled+text("D"))
		if got := s.Problems(); len(got) != 2 {
			t.Errorf("problems: %v", got)
		}
		writeFile(t, path, text("A", "B", "C"))
		checkIs(t, "Reload", s.Reload(), nil)
		checkLabels(t, s, "A", "B", "C")
		if got := s.Problems(); len(got) != 0 {
			t.Errorf("problems after all lines are corrected: %v", got)
		}
	})
}

func TestADamagedFileCostsNoPeerItsTrust(t *testing.T) {
	for name, v := range damages {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				path := filepath.Join(t.TempDir(), "folder", "peers")
				mustMkdir(t, filepath.Dir(path))
				writeFile(t, path, text("A", "B"))
				s := mustOpen(t, path)
				seen := record(t, s)
				v.do(t, path)
				for range 2 {
					if err := s.Reload(); err == nil || v.want != nil && !errors.Is(err, v.want) {
						t.Errorf("Reload: %v, want %v", err, v.want)
					}
				}
				checkLabels(t, s, "A", "B")
				if err := s.Add(Peer{Key: keyOf("C"), Label: "C"}); err == nil {
					t.Error("added to a file that cannot be read")
				}
				if found, err := s.Remove(keyOf("A")); err == nil || found {
					t.Errorf("removed from a file that cannot be read: %t, %v", found, err)
				}
				checkLabels(t, s, "A", "B")
				if got := seen(); got != nil {
					t.Errorf("seen %q", got)
				}

				removeAll(t, filepath.Dir(path))
				mustMkdir(t, filepath.Dir(path))
				writeFile(t, path, text("B", "C"))
				checkIs(t, "Reload of a good file", s.Reload(), nil)
				checkLabels(t, s, "B", "C")
				writeFile(t, path, "")
				checkIs(t, "Reload of an empty file", s.Reload(), nil)
				checkLabels(t, s)
			})
		})
	}
}

func TestAFileThatCannotBeReadDoesNotOpen(t *testing.T) {
	for name, v := range damages {
		if v.want == ErrFileMissing || v.want == ErrFileGarbled {
			continue // it opens as an empty set, or as one with problems
		}
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "folder", "peers")
			mustMkdir(t, filepath.Dir(path))
			v.do(t, path)
			s, err := Open(path)
			if s != nil || err == nil || v.want != nil && !errors.Is(err, v.want) {
				t.Errorf("Open: %v, %v, want %v", s, err, v.want)
			}
		})
	}
}

func TestAFileOfBadLinesAloneOpens(t *testing.T) {
	path := filepath.Join(t.TempDir(), "peers")
	writeFile(t, path, "garbage\n")
	s := mustOpen(t, path)
	if problems := s.Problems(); len(problems) != 1 || len(s.List()) != 0 {
		t.Errorf("problems %v, peers %v", problems, s.List())
	}
	checkIs(t, "Add", s.Add(Peer{Key: keyOf("A"), Label: "A"}), nil)
	checkFile(t, path, "garbage\n"+text("A"))
}

// TestTheLastPeerCanBeRemovedBesideABadLine shows that such an edit is not the mistake of ErrFileGarbled.
func TestTheLastPeerCanBeRemovedBesideABadLine(t *testing.T) {
	for _, before := range []string{"garbage\n" + text("A"), text("A") + "garbage"} {
		synctest.Test(t, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "peers")
			writeFile(t, path, before)
			node, command := mustOpen(t, path), mustOpen(t, path)
			checkIs(t, "Add", command.Add(Peer{Key: keyOf("B"), Label: "B"}), nil)
			for _, label := range []string{"A", "B"} {
				if found, err := command.Remove(keyOf(label)); !found || err != nil {
					t.Errorf("Remove: %t, %v", found, err)
				}
			}
			checkFile(t, path, "garbage\n")
			checkIs(t, "Reload", node.Reload(), nil)
			checkLabels(t, node)
		})
	}
}

func TestABadLineDoesNotBringARemovedPeerBack(t *testing.T) {
	path := filepath.Join(t.TempDir(), "peers")
	writeFile(t, path, text("A")+"# twice\n"+text("A")+keyOf("A").String()+" note=\"open\n"+text("B"))
	s := mustOpen(t, path)
	if found, err := s.Remove(keyOf("A")); !found || err != nil {
		t.Errorf("Remove: %t, %v", found, err)
	}
	checkFile(t, path, "# twice\n"+text("B"))
	checkLabels(t, s, "B")
}

// TestAHalfWrittenFileCostsNoPeerItsTrust acts as an editor that makes the file shorter for a moment, or removes it.
func TestAHalfWrittenFileCostsNoPeerItsTrust(t *testing.T) {
	for _, halfway := range []string{"", "# peers\n", "# peers\n" + text("A")[:30], "# peers\n" + text("A")} {
		synctest.Test(t, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "peers")
			writeFile(t, path, "# peers\n"+text("A", "B"))
			s := mustOpen(t, path)
			seen := record(t, s)
			writeFile(t, path, halfway)
			go func() {
				time.Sleep(confirmPause / 2)
				writeFile(t, path, "# peers\n"+text("A", "B", "C"))
			}()
			checkIs(t, "Reload", s.Reload(), nil)
			checkLabels(t, s, "A", "B", "C")
			if got := seen(); !slices.Equal(got, []string{"added C"}) {
				t.Errorf("seen %q", got)
			}
		})
	}
}

func TestAHalfWrittenFileIsNotWrittenBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "peers")
		writeFile(t, path, text("A", "B"))
		s := mustOpen(t, path)
		writeFile(t, path, text("A"))
		go func() {
			time.Sleep(confirmPause / 2)
			writeFile(t, path, text("A", "B"))
		}()
		checkIs(t, "Add", s.Add(Peer{Key: keyOf("C"), Label: "C"}), nil)
		checkFile(t, path, text("A", "B", "C"))
	})
}

func TestAFileThatKeepsChangingIsLeftForLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "peers")
		writeFile(t, path, text("A", "B"))
		s := mustOpen(t, path)
		contents := [2]string{text("A"), text("B")}
		writeFile(t, path, contents[0])
		stop := make(chan struct{})
		go func() {
			time.Sleep(confirmPause / 2)
			for i := 1; ; i++ {
				writeFile(t, path, contents[i%2])
				select {
				case <-stop:
					return
				case <-time.After(confirmPause):
				}
			}
		}()
		checkIs(t, "Reload", s.Reload(), ErrFileChanging)
		checkLabels(t, s, "A", "B")
		close(stop)
		synctest.Wait()
		writeFile(t, path, contents[0])
		checkIs(t, "Reload", s.Reload(), nil)
		checkLabels(t, s, "A")
	})
}

// TestOthersThatKeepWritingDoNotDelayARemoval has writers that replace the file in one step, as other sets do.
func TestOthersThatKeepWritingDoNotDelayARemoval(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "peers")
		writeFile(t, path, text("A", "B"))
		s := mustOpen(t, path)
		writeFile(t, path, text("A"))
		stop := make(chan struct{})
		defer close(stop)
		go func() {
			time.Sleep(confirmPause / 2)
			for i := 1; ; i++ {
				writeFile(t, path, text("A")+fmt.Sprintf("# %d\n", i))
				select {
				case <-stop:
					return
				case <-time.After(confirmPause):
				}
			}
		}()
		start := time.Now()
		checkIs(t, "Reload", s.Reload(), nil)
		checkLabels(t, s, "A")
		if took := time.Since(start); took != confirmPause {
			t.Errorf("it took %v, want %v", took, confirmPause)
		}
	})
}
