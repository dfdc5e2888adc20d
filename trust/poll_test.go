package trust

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-f6ddb928/peernet-go/identity"
)

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
