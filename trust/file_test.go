package trust

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gofrs/flock"

	"github.com/seed-f6ddb928/peernet-go/identity"
)

func writeFile(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func checkFile(t *testing.T, path, want string) {
	t.Helper()
	got, err := os.ReadFile(path)
	if string(got) != want || err != nil {
		t.Errorf("%s holds\n%q, %v, want\n%q", path, got, err, want)
	}
}

func mustOpen(t *testing.T, path string, settings ...Setting) *Set {
	t.Helper()
	s, err := Open(path, settings...)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// checkLabels fails the test unless the set's peers have the labels.
func checkLabels(t *testing.T, s *Set, want ...string) {
	t.Helper()
	if got := labels(s); !slices.Equal(got, want) {
		t.Errorf("the set is %q, want %q", got, want)
	}
}

// text returns a peers file with a peer for each label, whose keys are those of the positions in the alphabet.
func text(labels ...string) string {
	var b strings.Builder
	for _, label := range labels {
		fmt.Fprintln(&b, testKey(int(label[0])), label)
	}
	return b.String()
}

func keyOf(label string) identity.PublicKey {
	return testKey(int(label[0]))
}

func TestASetIsKeptInItsFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "new", "peers")
	s := mustOpen(t, path)
	checkLabels(t, s)
	checkIs(t, "Add", s.Add(Peer{Key: keyOf("A"), Label: "A"}), nil)
	checkIs(t, "Add", s.Add(Peer{Key: keyOf("B"), Label: "B", Options: []Option{{"addr", "192.0.2.7:7100"}}}), nil)
	checkIs(t, "Add", s.Add(Peer{Key: keyOf("C"), Label: "C"}), nil)
	found, err := s.Remove(keyOf("A"))
	if !found || err != nil {
		t.Errorf("Remove: %t, %v", found, err)
	}
	checkFile(t, path, keyOf("B").String()+" addr=192.0.2.7:7100 B\n"+text("C"))
	if again := mustOpen(t, path); !samePeers(again.List(), s.List()) {
		t.Errorf("read back: %+v, want %+v", again.List(), s.List())
	}
	if found, err := s.Remove(keyOf("A")); found || err != nil {
		t.Errorf("Remove of a stranger: %t, %v", found, err)
	}
	if runtime.GOOS == "windows" {
		return
	}
	for name, want := range map[string]fs.FileMode{path: 0o600, path + ".lock": 0o600, filepath.Dir(path): 0o700 | fs.ModeDir} {
		if info, err := os.Stat(name); err != nil || info.Mode() != want {
			t.Errorf("%s: %v, %v, want %v", name, info, err, want)
		}
	}
}

func TestTheModeOfTheFileIsKept(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("no such permissions on Windows")
	}
	path := filepath.Join(t.TempDir(), "peers")
	writeFile(t, path, "")
	for _, mode := range []fs.FileMode{0o640, 0o644, 0o400} {
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		s := mustOpen(t, path)
		checkIs(t, "Add", s.Add(Peer{Key: testKey(int(mode))}), nil)
		if info, err := os.Stat(path); err != nil || info.Mode() != mode {
			t.Errorf("mode %v, %v, want %v", info.Mode(), err, mode)
		}
	}
}

func TestALinkedFileStaysLinked(t *testing.T) {
	folder := t.TempDir()
	file, path := filepath.Join(folder, "file"), filepath.Join(folder, "peers")
	if err := os.Symlink(file, path); err != nil {
		t.Skip(err)
	}
	s := mustOpen(t, path)
	checkIs(t, "Add behind a link that leads nowhere", s.Add(Peer{Key: keyOf("A"), Label: "A"}), fs.ErrNotExist)
	writeFile(t, file, text("B"))
	checkIs(t, "Reload", s.Reload(), nil)
	checkIs(t, "Add", s.Add(Peer{Key: keyOf("A"), Label: "A"}), nil)
	checkFile(t, file, text("B", "A"))
	if info, err := os.Lstat(path); err != nil || info.Mode().Type() != fs.ModeSymlink {
		t.Errorf("the link is %v, %v", info.Mode(), err)
	}
	if _, err := os.Stat(file + ".lock"); err != nil {
		t.Errorf("the lock is not beside the file: %v", err)
	}
}

func TestOthersEditsAreKept(t *testing.T) {
	path := filepath.Join(t.TempDir(), "peers")
	first, second := mustOpen(t, path), mustOpen(t, path)
	seen := record(t, first)
	checkIs(t, "Add", first.Add(Peer{Key: keyOf("A"), Label: "A"}), nil)
	checkIs(t, "Add", second.Add(Peer{Key: keyOf("B"), Label: "B"}), nil)
	checkIs(t, "Add", first.Add(Peer{Key: keyOf("C"), Label: "C"}), nil)
	checkFile(t, path, text("A", "B", "C"))
	if got := seen(); !slices.Equal(got, []string{"added A", "added B", "added C"}) {
		t.Errorf("seen %q", got)
	}
	checkLabels(t, second, "A", "B")
	checkIs(t, "a label that another process has given", second.Add(Peer{Key: keyOf("D"), Label: "C"}), ErrLabelTaken)
	checkIs(t, "Reload", second.Reload(), nil)
	checkLabels(t, second, "A", "B", "C")
}

func TestEveryEditIsSeen(t *testing.T) {
	path := filepath.Join(t.TempDir(), "peers")
	writeFile(t, path, text("A", "B"))
	s := mustOpen(t, path)
	stamp := time.Unix(1_000_000_000, 0)
	for _, step := range []struct {
		text    string
		replace bool // the file, rather than its content
	}{
		{text("A", "C"), false}, // of the same size, and at the same time
		{text("D", "C"), true},
		{text("D", "C", "E"), false},
		{text("E"), true},
		{"# nobody\n", false},
		{text("F"), false},
		{"", false},
		{"", true},
	} {
		synctest.Test(t, func(t *testing.T) {
			if step.replace {
				if err := os.Rename(path, path+".old"); err != nil {
					t.Fatal(err)
				}
			}
			writeFile(t, path, step.text)
			if err := os.Chtimes(path, stamp, stamp); err != nil {
				t.Fatal(err)
			}
			checkIs(t, "Reload", s.Reload(), nil)
			var want []string
			for _, peer := range parse(step.text, identity.PublicKey{}, empty).peers {
				want = append(want, peer.Label)
			}
			checkLabels(t, s, want...)
		})
	}
}

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

// A damage is done to the peers file at a path. Reload then fails with want, or with any error if want is nil.
type damage struct {
	do   func(t *testing.T, path string)
	want error
}

// damages are the ways to damage a file.
var damages = map[string]damage{
	"gone":            {func(t *testing.T, path string) { removeAll(t, path) }, ErrFileMissing},
	"its folder gone": {func(t *testing.T, path string) { removeAll(t, filepath.Dir(path)) }, ErrFileMissing},
	"a folder":        {func(t *testing.T, path string) { removeAll(t, path); mustMkdir(t, path) }, ErrFileKind},
	"folder is a file": {func(t *testing.T, path string) {
		removeAll(t, filepath.Dir(path))
		writeFile(t, filepath.Dir(path), "")
	}, nil},
	"too large":              {func(t *testing.T, path string) { writeFile(t, path, text("A")+strings.Repeat("#", fileLimit)) }, ErrFileTooLarge},
	"of another kind":        {func(t *testing.T, path string) { writeFile(t, path, "\x7fELF\x02\x01\n\x00\x01") }, ErrFileGarbled},
	"one mistyped line":      {func(t *testing.T, path string) { writeFile(t, path, "# my peers\n"+"x"+text("A")) }, ErrFileGarbled},
	"a link that leads away": {func(t *testing.T, path string) { removeAll(t, path); mustLink(t, path+"-absent", path) }, ErrFileMissing},
}

func removeAll(t *testing.T, path string) {
	t.Helper()
	if err := os.RemoveAll(path); err != nil {
		t.Fatal(err)
	}
}

func mustMkdir(t *testing.T, path string) {
	t.Helper()
	if err := os.MkdirAll(path, 0o700); err != nil {
		t.Fatal(err)
	}
}

func mustLink(t *testing.T, target, path string) {
	t.Helper()
	if err := os.Symlink(target, path); err != nil {
		t.Skip(err)
	}
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

func TestAPeerThatCannotBeWrittenIsNotTrusted(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "folder")
	s := mustOpen(t, filepath.Join(folder, "peers"))
	writeFile(t, folder, "not a folder")
	seen := record(t, s)
	if err := s.Add(Peer{Key: keyOf("A"), Label: "A"}); err == nil {
		t.Error("added in a folder that is a file")
	}
	if found, err := s.Remove(keyOf("A")); err == nil || found {
		t.Errorf("Remove: %t, %v", found, err)
	}
	checkLabels(t, s)
	if got := seen(); got != nil {
		t.Errorf("seen %q", got)
	}
}

func TestWritersWaitForTheLockForALimitedTime(t *testing.T) {
	path := filepath.Join(t.TempDir(), "peers")
	synctest.Test(t, func(t *testing.T) {
		other := flock.New(path + ".lock")
		if locked, err := other.TryLock(); !locked || err != nil {
			t.Fatal(err)
		}
		defer other.Close()
		s := mustOpen(t, path)
		start := time.Now()
		checkIs(t, "Add", s.Add(Peer{Key: keyOf("A"), Label: "A"}), ErrLocked)
		if waited := time.Since(start); waited != lockWait {
			t.Errorf("waited %v, want %v", waited, lockWait)
		}
		checkLabels(t, s)
		checkIs(t, "Reload, which needs no lock", s.Reload(), nil)

		go func() {
			time.Sleep(lockWait / 2)
			if err := other.Unlock(); err != nil {
				t.Error(err)
			}
		}()
		checkIs(t, "Add", s.Add(Peer{Key: keyOf("A"), Label: "A"}), nil)
		checkLabels(t, s, "A")
	})
}

func TestPollFollowsTheFileAndReportsOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "peers")
		writeFile(t, path, "garbage\n"+text("A"))
		s := mustOpen(t, path)
		var mu sync.Mutex
		var reports []error // guarded by mu
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() {
			defer close(done)
			s.Poll(ctx, time.Second, func(err error) {
				mu.Lock()
				defer mu.Unlock()
				reports = append(reports, err)
			})
		}()
		for i, step := range []struct {
			do    func()
			want  []error
			peers []string
		}{
			{func() {}, []error{identity.ErrKeyText}, []string{"A"}}, // at once
			{func() {}, nil, []string{"A"}},
			{func() { writeFile(t, path, "garbage\n"+text("A", "B")+"1\n") }, []error{identity.ErrKeyText}, []string{"A", "B"}},
			{func() { writeFile(t, path, text("A", "B")) }, nil, []string{"A", "B"}},
			{func() { writeFile(t, path, "garbage\n"+text("A", "B")) }, []error{identity.ErrKeyText}, []string{"A", "B"}},
			{func() { removeAll(t, path) }, []error{ErrFileMissing}, []string{"A", "B"}},
			{func() {}, nil, []string{"A", "B"}},
			{func() { writeFile(t, path, "1\n2\n") }, []error{ErrFileGarbled, identity.ErrKeyText, identity.ErrKeyText}, []string{"A", "B"}},
			{func() {}, nil, []string{"A", "B"}},
			{func() { writeFile(t, path, "") }, nil, nil},
			{func() { removeAll(t, path) }, []error{ErrFileMissing}, nil},
		} {
			step.do()
			if i > 0 {
				time.Sleep(time.Second)
			}
			time.Sleep(3 * confirmPause)
			synctest.Wait()
			checkLabels(t, s, step.peers...)
			mu.Lock()
			if !slices.EqualFunc(reports, step.want, errors.Is) {
				t.Errorf("step %d: reports %v, want %v", i, reports, step.want)
			}
			for _, err := range reports {
				if !strings.Contains(err.Error(), path) {
					t.Errorf("no path in %q", err)
				}
			}
			reports = nil
			mu.Unlock()
		}
		cancel()
		<-done
	})
}

func TestPollWithoutAReportAndWithoutAFile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		path := filepath.Join(t.TempDir(), "peers")
		writeFile(t, path, "garbage\n")
		mustOpen(t, path).Poll(ctx, time.Second, nil)
		ctx, cancel = context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		NewSet().Poll(ctx, time.Second, func(err error) { t.Error(err) })
	})
}

func TestARelativePathKeepsItsMeaning(t *testing.T) {
	t.Chdir(t.TempDir())
	s := mustOpen(t, "peers")
	path, err := filepath.Abs("peers")
	checkIs(t, "Abs", err, nil)
	t.Chdir(t.TempDir())
	checkIs(t, "Add", s.Add(Peer{Key: keyOf("A"), Label: "A"}), nil)
	checkFile(t, path, text("A"))
}

func TestAFileThatLooksTheSameIsReadSeldom(t *testing.T) {
	path := filepath.Join(t.TempDir(), "peers")
	look := func() fs.FileInfo {
		t.Helper()
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		return info
	}
	put := func(text string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	put("# a\n")
	seen := look()
	later := seen.ModTime().Add(time.Minute)
	for name, c := range map[string]struct {
		seen, info fs.FileInfo
		now, at    time.Time
		want       bool
	}{
		"the same":                 {seen, seen, later, later, false},
		"never read":               {nil, seen, later, later, true},
		"just written":             {seen, seen, seen.ModTime().Add(clockStep - 1), later, true},
		"written in the future":    {seen, seen, seen.ModTime().Add(-time.Hour), later, true},
		"read long ago":            {seen, seen, later.Add(rereadAfter), later, true},
		"read a moment ago":        {seen, seen, later.Add(rereadAfter - 1), later, false},
		"written some time before": {seen, seen, seen.ModTime().Add(clockStep), seen.ModTime(), false},
	} {
		if got := mayDiffer(c.seen, c.info, c.now, c.at); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
	put("# b\n") // of the same size
	if err := os.Chtimes(path, time.Time{}, seen.ModTime()); err != nil {
		t.Fatal(err)
	}
	if runtime.GOOS != "windows" && !mayDiffer(seen, look(), later, later) {
		t.Error("an edit that keeps size and mtime does not show in ctime")
	}
	seen = look()
	if err := os.Chmod(path, 0o640); err != nil {
		t.Fatal(err)
	}
	if runtime.GOOS != "windows" && !mayDiffer(seen, look(), later, later) {
		t.Error("another mode does not show")
	}
}

func TestEditsDoNotReadTheOtherLinesAgain(t *testing.T) {
	path := filepath.Join(t.TempDir(), "peers")
	var b strings.Builder
	const peers = 10_000
	for i := range peers {
		fmt.Fprintf(&b, "%s\n", testKey(i+1).String())
	}
	if err := os.WriteFile(path, []byte(b.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := Open(path)
	if err != nil || len(s.List()) != peers {
		t.Fatal(len(s.List()), err)
	}
	before := s.current.Load()
	if err := s.Add(Peer{Key: testKey(1), Label: "first"}); err != nil {
		t.Fatal(err)
	}
	if err := s.Add(Peer{Key: testKey(peers + 1)}); err != nil {
		t.Fatal(err)
	}
	after := s.current.Load()
	if n := testing.AllocsPerRun(1, func() { parse(after.text, s.self, before) }); n > peers/10 {
		t.Errorf("%v allocations for two new lines", n)
	}
	// What is not read again is what would be read.
	if whole := parse(after.text, s.self, empty); !reflect.DeepEqual(whole.peers, after.peers) || !reflect.DeepEqual(whole.index, after.index) {
		t.Error("the peers differ from those of the whole file")
	}
	if _, err := s.Remove(testKey(2)); err != nil || s.Contains(testKey(2)) || len(s.List()) != peers {
		t.Error(err)
	}
}

func TestLinesThatMoveCountAsTheyDoWhereTheyAre(t *testing.T) {
	a, b := testKey(1).String(), testKey(2).String()
	texts := []string{
		a + "\n" + b + "\n", b + "\n" + a + "\n", "\ufeff" + a + "\n" + b + "\n", b + "\n\ufeff" + a + "\n", a + "\n" + a + "\n",
		a + " x\n" + a + "\n", a + "\n" + a + " x\n", "# c\n" + a, a + "\n# c\n",
	}
	for _, from := range texts {
		for _, to := range texts {
			for _, self := range []identity.PublicKey{{}, testKey(2)} {
				old := parse(from, identity.PublicKey{}, empty)
				got, want := parse(to, self, old), parse(to, self, empty)
				if !reflect.DeepEqual(got, want) {
					t.Errorf("%q after %q: %+v, not %+v", to, from, got, want)
				}
			}
		}
	}
}
