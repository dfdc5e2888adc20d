package trust

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/seed-f6ddb928/peernet-go/identity"
	"github.com/seed-f6ddb928/peernet-go/internal/durable"
)

// A Block is a key that may not connect until a time, also if it is trusted.
type Block struct {
	Key   identity.PublicKey
	Until time.Time
}

// Blocks are the keys that are blocked, and their file, which has a line for each:
//
//	KEY until=2026-12-01T20:15:00Z
//
// It is written by [Blocks.Block] and [Blocks.Unblock] alone, of any process, and is read anew before each. A line that cannot be
// read makes the whole file one that cannot be used: a mistake must not let a blocked key in. Blocks are safe for concurrent use.
type Blocks struct {
	path string // empty: in memory

	mu    sync.RWMutex // guards the rest
	until map[identity.PublicKey]time.Time
}

// Bounds of the file.
const (
	maxBlocks   = 4096
	blocksLimit = 1 << 20 // bytes
	untilOption = "until="
)

// Errors of Blocks.
var (
	// ErrBlocksFull is returned by Block when 4,096 keys are blocked.
	ErrBlocksFull = errors.New("too many keys are blocked: unblock some")
	// ErrBlocksFile is returned for a file with a line that is not one of a block.
	ErrBlocksFile = errors.New("want KEY until=TIME: correct the line or remove it")
)

// OpenBlocks returns the blocks in the file at path, none if there is no file; with an empty path, blocks in memory.
func OpenBlocks(path string) (*Blocks, error) {
	b := &Blocks{path: path, until: make(map[identity.PublicKey]time.Time)}
	return b, b.Reload()
}

// Reload reads the file again, after another process may have changed it. After an error the blocks are as they were.
func (b *Blocks) Reload() error {
	if b.path == "" {
		return nil
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.read()
}

// read does the work of Reload. The caller holds mu.
func (b *Blocks) read() error {
	data, mode, err := durable.Read(b.path, blocksLimit)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		b.until = make(map[identity.PublicKey]time.Time)
		return nil
	case err == nil && runtime.GOOS != "windows" && mode.Perm()&0o022 != 0:
		err = fmt.Errorf("%w; run: chmod go-w %s", ErrPermissions, b.path)
	}
	if err != nil {
		return fmt.Errorf("reading the blocked keys %s: %w", b.path, durable.Cause(err))
	}
	until, err := parseBlocks(string(data))
	if err != nil {
		return fmt.Errorf("reading the blocked keys %s: %w", b.path, err)
	}
	b.until = until
	return nil
}

// parseBlocks reads the text of a file.
func parseBlocks(text string) (map[identity.PublicKey]time.Time, error) {
	until := make(map[identity.PublicKey]time.Time)
	number := 0
	for line := range strings.Lines(text) {
		number++
		words := strings.Fields(line)
		if len(words) == 0 || strings.HasPrefix(words[0], "#") {
			continue
		}
		key, err := identity.ParsePublicKey(words[0])
		if err != nil {
			return nil, &LineError{number, err}
		}
		word, ok := "", false
		if len(words) == 2 {
			word, ok = strings.CutPrefix(words[1], untilOption)
		}
		at, err := time.Parse(time.RFC3339, word)
		if !ok || err != nil {
			return nil, &LineError{number, ErrBlocksFile}
		}
		until[key] = at
	}
	return until, nil
}

// Until returns until when a key is blocked; zero if it is not. The time may have passed.
func (b *Blocks) Until(key identity.PublicKey) time.Time {
	b.mu.RLock()
	defer b.mu.RUnlock()
	return b.until[key]
}

// List returns what is blocked at a time, in the order in which it ends.
func (b *Blocks) List(now time.Time) (list []Block) {
	b.mu.RLock()
	defer b.mu.RUnlock()
	for key, at := range b.until {
		if at.After(now) {
			list = append(list, Block{key, at})
		}
	}
	slices.SortFunc(list, func(a, b Block) int { return cmp.Or(a.Until.Compare(b.Until), slices.Compare(a.Key[:], b.Key[:])) })
	return list
}

// Block blocks a key until a time, rounded up to a second, in place of an earlier block. It is in the file when Block returns.
// Blocks that have ended at now are dropped. The error is ErrBlocksFull, that of a bad key, ErrLocked, or why the file cannot be
// read or written; after it nothing has changed.
func (b *Blocks) Block(one Block, now time.Time) error {
	if _, err := identity.NewPublicKey(one.Key[:]); err != nil {
		return fmt.Errorf("blocking %s: %w", one.Key.Short(), err)
	}
	return b.edit(now, func(until map[identity.PublicKey]time.Time) error {
		until[one.Key] = one.Until.UTC().Add(time.Second - time.Nanosecond).Truncate(time.Second)
		if len(until) > maxBlocks {
			return fmt.Errorf("blocking %s: %w", one.Key.Short(), ErrBlocksFull)
		}
		return nil
	})
}

// Unblock ends the block of a key, and reports whether there was one that had not ended at now. It fails as Block does.
func (b *Blocks) Unblock(key identity.PublicKey, now time.Time) (was bool, err error) {
	err = b.edit(now, func(until map[identity.PublicKey]time.Time) error {
		_, was = until[key]
		delete(until, key)
		return nil
	})
	return was, err
}

// edit changes the blocks and their file.
func (b *Blocks) edit(now time.Time, change func(until map[identity.PublicKey]time.Time) error) error {
	if b.path != "" {
		unlock, err := lock(b.path)
		if err != nil {
			return fmt.Errorf("writing the blocked keys %s: %w", b.path, durable.Cause(err))
		}
		defer unlock()
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.path != "" {
		if err := b.read(); err != nil {
			return err
		}
	}
	until := make(map[identity.PublicKey]time.Time)
	for key, at := range b.until {
		if at.After(now) {
			until[key] = at
		}
	}
	if err := change(until); err != nil {
		return err
	}
	if b.path != "" {
		var lines []string
		for key, at := range until {
			lines = append(lines, key.String()+" "+untilOption+at.Format(time.RFC3339)+"\n")
		}
		slices.Sort(lines)
		if err := durable.Replace(b.path, []byte(strings.Join(lines, "")), newFileMode); err != nil {
			return fmt.Errorf("writing the blocked keys %s: %w", b.path, durable.Cause(err))
		}
	}
	b.until = until
	return nil
}
