package peernet

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/seed-f6ddb928/peernet-go/discovery"
	"github.com/seed-f6ddb928/peernet-go/internal/durable"
)

// guessesFile is the name of the file of guesses in a DataDir, which has a line for each number of the last minutes:
//
//	42 since=2026-12-01T20:15:00Z count=2
//
// It is read and written with each guess, so that a start forgets none. There are at most 990 numbers.
const (
	guessesFile  = "guesses"
	guessesMode  = 0o600
	guessesLimit = 64 << 10 // bytes
	guessesForm  = "%d since=%s count=%d"
)

// guesses are the confirmations that this node has sent as a joiner, by the number of the code: an impostor of the offerer can test
// one guess with each. They are safe for concurrent use.
type guesses struct {
	path string // of guessesFile; empty: in memory

	mu     sync.Mutex // guards the rest, and the file
	counts map[uint16]guessCount
}

// A guessCount is how many confirmations were sent for a number since the first one.
type guessCount struct {
	n     int
	since time.Time // to the second
}

// take counts one confirmation for a number. It is in the file when take returns nil. The error is ErrGuesses after three, or why
// the file cannot be used.
func (g *guesses) take(now time.Time, number uint16) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	counts, err := g.read(now)
	if err != nil {
		return err
	}
	c, had := counts[number]
	switch {
	case c.n >= guessMost:
		return ErrGuesses
	case !had:
		c.since = now
	}
	c.n++
	counts[number] = c
	return g.write(counts)
}

// check returns the error that take would return, but for a file that cannot be written with one more.
func (g *guesses) check(now time.Time, number uint16) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	counts, err := g.read(now)
	if err == nil && counts[number].n >= guessMost {
		err = ErrGuesses
	}
	return err
}

// read returns the counts that hold. Those that began after now are written as of now, or each reading would begin their time anew.
// The caller holds mu.
func (g *guesses) read(now time.Time) (map[uint16]guessCount, error) {
	counts := g.counts
	if g.path != "" {
		data, _, err := durable.Read(g.path, guessesLimit)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("read %s: %w", g.path, durable.Cause(err))
		}
		if counts, err = parseGuesses(string(data)); err != nil {
			return nil, fmt.Errorf("read %s: %w", g.path, err)
		}
	}
	held, moved := make(map[uint16]guessCount), false
	for number, c := range counts {
		if c.since.After(now) { // the clock was set back
			c.since, moved = now, true
		}
		if now.Sub(c.since) < guessLife {
			held[number] = c
		}
	}
	if moved {
		if err := g.write(held); err != nil {
			return nil, err
		}
	}
	return held, nil
}

// write makes counts those of the file. The caller holds mu.
func (g *guesses) write(counts map[uint16]guessCount) error {
	if g.path == "" {
		g.counts = counts
		return nil
	}
	if err := durable.Replace(g.path, appendGuesses(nil, counts), guessesMode); err != nil {
		return fmt.Errorf("write %s: %w", g.path, durable.Cause(err))
	}
	return nil
}

// appendGuesses appends the text of a file.
func appendGuesses(b []byte, counts map[uint16]guessCount) []byte {
	var lines []string
	for number, c := range counts {
		lines = append(lines, guessLine(number, c)+"\n")
	}
	slices.Sort(lines)
	return append(b, strings.Join(lines, "")...)
}

func guessLine(number uint16, c guessCount) string {
	return fmt.Sprintf(guessesForm, number, c.since.UTC().Format(time.RFC3339), c.n)
}

// parseGuesses reads the text of a file. A line that it cannot read is an error: it may be one that forbids a guess.
func parseGuesses(text string) (map[uint16]guessCount, error) {
	counts := make(map[uint16]guessCount)
	for line := range strings.Lines(text) {
		var number uint16
		var since string
		var c guessCount
		line = strings.TrimSuffix(line, "\n")
		_, err := fmt.Sscanf(line, guessesForm, &number, &since, &c.n)
		if err == nil {
			c.since, err = time.Parse(time.RFC3339, since)
		}
		if err != nil || !discovery.IsOfferNumber(number) || c.n < 1 || guessLine(number, c) != line {
			return nil, fmt.Errorf("%.80q: want NUMBER since=TIME count=N: remove the file, if nobody pairs now", line)
		}
		counts[number] = c
	}
	return counts, nil
}
