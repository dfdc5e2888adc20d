package peernet

import (
	"errors"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// guessesAt returns guesses that are in a file, as a node reads them when it starts.
func guessesAt(path string) *guesses { return &guesses{path: path} }

func TestGuessesOutliveTheNode(t *testing.T) {
	path := filepath.Join(t.TempDir(), guessesFile)
	now := time.Now()
	for n := range guessMost {
		if err := guessesAt(path).take(now.Add(time.Duration(n)*time.Second), 42); err != nil {
			t.Fatal(err)
		}
	}
	for name, g := range map[string]*guesses{"the same": guessesAt(path), "in memory": {}} {
		for g.path == "" && g.take(now, 42) == nil {
		}
		for _, at := range []time.Duration{guessMost * time.Second, guessLife - time.Second, -time.Hour} {
			if err := g.check(now.Add(at), 42); !errors.Is(err, ErrGuesses) {
				t.Errorf("%s, after %v: check: %v", name, at, err)
			}
			if err := g.take(now.Add(at), 42); !errors.Is(err, ErrGuesses) {
				t.Errorf("%s, after %v: take: %v", name, at, err)
			}
		}
		if err := g.take(now, 43); err != nil {
			t.Errorf("%s, another number: %v", name, err)
		}
		if err := g.take(now.Add(guessLife), 42); err != nil {
			t.Errorf("%s, after its time: %v", name, err)
		}
	}
	text, err := os.ReadFile(path)
	if err != nil || strings.Count(string(text), "\n") != 1 {
		t.Errorf("the file keeps what holds no more: %q, %v", text, err)
	}
}

// TestGuessesEndThoughTheClockIsSetBack reads the counts only by what refuses a guess, as a joiner does.
func TestGuessesEndThoughTheClockIsSetBack(t *testing.T) {
	now := time.Now()
	for name, g := range map[string]*guesses{"in a file": guessesAt(filepath.Join(t.TempDir(), guessesFile)), "in memory": {}} {
		for range guessMost {
			if err := g.take(now, 42); err != nil {
				t.Fatal(err)
			}
		}
		back := now.Add(-24 * time.Hour)
		if err := g.check(back, 42); !errors.Is(err, ErrGuesses) {
			t.Errorf("%s, as the clock is set back: %v", name, err)
		}
		if err := g.check(back.Add(guessLife-2*time.Second), 42); !errors.Is(err, ErrGuesses) {
			t.Errorf("%s, before their time: %v", name, err)
		}
		if err := g.check(back.Add(guessLife), 42); err != nil {
			t.Errorf("%s, after their time: check: %v", name, err)
		}
		if err := g.take(back.Add(guessLife), 42); err != nil {
			t.Errorf("%s, after their time: take: %v", name, err)
		}
	}
}

// TestAGuessThatCannotBeWrittenIsNotSent has something in the way of the file.
func TestAGuessThatCannotBeWrittenIsNotSent(t *testing.T) {
	dir := t.TempDir()
	offerer, joiner := runningNode(t, Config{}), runningNode(t, Config{DataDir: dir})
	o, err := offerer.OfferPairing(t.Context(), Introduction{})
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, guessesFile)
	for name, plant := range map[string]func() error{
		"a folder":            func() error { return os.Mkdir(path, 0o700) },
		"what it cannot read": func() error { return os.WriteFile(path, []byte("42 since=yesterday count=1\n"), 0o600) },
	} {
		if err := plant(); err != nil {
			t.Fatal(err)
		}
		_, err := joiner.JoinPairing(t.Context(), o.Code(), Introduction{Addr: offerer.Addrs()[0].String()})
		if err == nil || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: %v", name, err)
		}
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
	}
	if n, _ := o.Attempts(); n != 0 || o.offer.IsOver() {
		t.Errorf("%d attempts", n)
	}
	if _, err := joiner.JoinPairing(t.Context(), o.Code(), Introduction{Addr: offerer.Addrs()[0].String()}); err != nil {
		t.Error(err)
	}
}

func TestLinesOfGuessesThatAreRefused(t *testing.T) {
	for _, text := range []string{"x", "42", "9 since=2026-12-01T20:15:00Z count=1", "1000 since=2026-12-01T20:15:00Z count=1", "42 since=2026-12-01T20:15:00Z count=0",
		"42 since=2026-12-01T20:15:00Z count=-1", "42 since=2026-12-01 count=1", "42 since=2026-12-01T20:15:00Z count=1 more", "42 count=1", "042 since=2026-12-01T20:15:00Z count=1"} {
		if _, err := parseGuesses(text + "\n"); err == nil {
			t.Errorf("%q is read", text)
		}
	}
}

func FuzzGuesses(f *testing.F) {
	f.Add("42 since=2026-12-01T20:15:00Z count=2\n999 since=2026-12-01T20:15:01Z count=3\n")
	f.Add("42 since=2026-12-01T20:15:00Z count=2")
	f.Fuzz(func(t *testing.T, text string) {
		counts, err := parseGuesses(text)
		if err != nil {
			return
		}
		again, err := parseGuesses(string(appendGuesses(nil, counts)))
		if err != nil || !maps.EqualFunc(counts, again, func(a, b guessCount) bool { return a.n == b.n && a.since.Equal(b.since) }) {
			t.Errorf("%q is read as %v, then as %v, %v", text, counts, again, err)
		}
	})
}
