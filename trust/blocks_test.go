package trust

import (
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/seed-f6ddb928/peernet-go/identity"
)

func TestBlocksAreInTheirFile(t *testing.T) {
	path, now := filepath.Join(t.TempDir(), "blocked"), time.Date(2026, 12, 1, 12, 0, 0, 0, time.UTC)
	b, err := OpenBlocks(path)
	if err != nil {
		t.Fatal(err)
	}
	bob, eve := cardPeer(t, "", nil).Key, identity.PublicKey{31: 9}
	for _, one := range []Block{{bob, now.Add(time.Hour)}, {eve, now.Add(time.Minute + 1)}} {
		if err := b.Block(one, now); err != nil {
			t.Fatal(err)
		}
	}
	other, err := OpenBlocks(path)
	if err != nil {
		t.Fatal(err)
	}
	want := []Block{{eve, now.Add(time.Minute + time.Second)}, {bob, now.Add(time.Hour)}}
	for _, o := range []*Blocks{b, other} {
		if got := o.List(now); !slices.Equal(got, want) {
			t.Errorf("%v, want %v", got, want)
		}
	}
	// The other process changes the file, and neither loses what the first has written.
	if was, err := other.Unblock(bob, now.Add(2*time.Minute)); !was || err != nil {
		t.Errorf("%v, %v", was, err)
	}
	if data, err := os.ReadFile(path); err != nil || len(data) != 0 {
		t.Errorf("%q, %v: the block that has ended is left", data, err)
	}
	if err := b.Reload(); err != nil || !b.Until(bob).IsZero() {
		t.Errorf("%v, %v", b.Until(bob), err)
	}
}

func TestAFileOfBlocksThatCannotBeUsedUnblocksNobody(t *testing.T) {
	now := time.Date(2026, 12, 1, 12, 0, 0, 0, time.UTC)
	for name, c := range map[string]struct {
		text string
		is   error
	}{
		"no time":      {cardKey + "\n", ErrBlocksFile},
		"a bad time":   {cardKey + " until=tomorrow\n", ErrBlocksFile},
		"another word": {cardKey + " till=2026-12-01T20:15:00Z\n", ErrBlocksFile},
		"a label":      {cardKey + " until=2026-12-01T20:15:00Z Bob\n", ErrBlocksFile},
		"mistyped":     {cardKey[:62] + "5 until=2026-12-01T20:15:00Z\n", identity.ErrKeyChecksum},
	} {
		path := filepath.Join(t.TempDir(), "blocked")
		b, err := OpenBlocks(path)
		if err != nil {
			t.Fatal(err)
		}
		key := identity.PublicKey{31: 9}
		if err := b.Block(Block{key, now.Add(time.Hour)}, now); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte("# ours\n\n"+c.text), 0o600); err != nil {
			t.Fatal(err)
		}
		for _, err := range []error{b.Reload(), b.Block(Block{key, now.Add(time.Minute)}, now)} {
			line, ok := errors.AsType[*LineError](err)
			if !errors.Is(err, c.is) || !ok || line.Line != 3 {
				t.Errorf("%s: %v, want %v in line 3", name, err, c.is)
			}
		}
		if got := b.Until(key); !got.Equal(now.Add(time.Hour)) {
			t.Errorf("%s: blocked until %v", name, got)
		}
		if _, err := OpenBlocks(path); !errors.Is(err, c.is) {
			t.Errorf("%s: opened: %v", name, err)
		}
	}
}

func TestBlocksAreBounded(t *testing.T) {
	b, now := &Blocks{until: make(map[identity.PublicKey]time.Time)}, time.Unix(1000, 0)
	block := func(i int) error {
		k := identity.PublicKey{31: 9}
		binary.BigEndian.PutUint64(k[:], uint64(i))
		return b.Block(Block{k, now.Add(time.Hour)}, now)
	}
	for i := range maxBlocks {
		b.until[identity.PublicKey{0: 1, 1: byte(i >> 8), 2: byte(i), 31: 9}] = now.Add(time.Minute)
	}
	if err := block(1); !errors.Is(err, ErrBlocksFull) || len(b.List(now)) != maxBlocks {
		t.Errorf("%v, %d", err, len(b.List(now)))
	}
	now = now.Add(time.Hour)
	if err := block(1); err != nil || len(b.until) != 1 {
		t.Errorf("those that have ended take room: %v, %d", err, len(b.until))
	}
	if err := b.Block(Block{Until: now.Add(time.Hour)}, now); !errors.Is(err, identity.ErrKeyLowOrder) {
		t.Errorf("no key: %v", err)
	}
}

func FuzzParseBlocks(f *testing.F) {
	f.Add(cardKey + " until=2026-12-01T20:15:00Z\n")
	f.Add("# x\n\n")
	f.Fuzz(func(t *testing.T, text string) {
		if until, err := parseBlocks(text); err != nil && until != nil {
			t.Error("blocks beside an error")
		}
	})
}
