package peernet

import (
	"encoding/binary"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/seed-f6ddb928/peernet-go/identity"
)

func strangerKey(n int) (k identity.PublicKey) {
	binary.BigEndian.PutUint64(k[:], uint64(n))
	k[31] = 9
	return k
}

func from(a, b int) netip.AddrPort {
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, byte(a), byte(b)}), 40000)
}

// shown returns the numbers and the keys of all knocks, newest first.
func (k *knocks) shown(t *testing.T) (numbers []int, keys []identity.PublicKey) {
	t.Helper()
	list, err := k.listed()
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range list {
		numbers, keys = append(numbers, o.Number), append(keys, o.Key)
	}
	return numbers, keys
}

func TestKnocksAreNewestFirstAndCounted(t *testing.T) {
	now := time.Unix(1000, 0)
	k := new(knocks)
	k.add(strangerKey(1), from(0, 1), now)
	k.add(strangerKey(2), from(0, 2), now.Add(time.Second))
	k.add(strangerKey(1), from(0, 3), now.Add(2*time.Second))
	list, err := k.listed()
	want := []Knock{
		{1, strangerKey(1), from(0, 3), now, now.Add(2 * time.Second), 2},
		{0, strangerKey(2), from(0, 2), now.Add(time.Second), now.Add(time.Second), 1},
	}
	want[0].Number, want[1].Number = 2, 1 // the older one was shown first
	if err != nil || !slices.Equal(list, want) {
		t.Errorf("%+v, %v, want %+v", list, err, want)
	}
}

// TestANumberIsNeverUsedAgain: not when its knock is forgotten, displaced or ignored, nor after a restart or a crash.
func TestANumberIsNeverUsedAgain(t *testing.T) {
	type owner struct {
		life int
		key  identity.PublicKey
	}
	path, now := filepath.Join(t.TempDir(), knocksFile), time.Unix(1000, 0)
	had := make(map[int]owner)
	for life := range 5 { // of the node, each ended without a word
		k := &knocks{path: path}
		for i := range 300 {
			now = now.Add(time.Second)
			key := strangerKey(i)
			k.add(key, from(i/200, i%200), now)
			switch {
			case i%7 == 0:
				k.forget(key)
			case i%11 == 0:
				k.ignore(key)
			case i%3 == 0:
				numbers, keys := k.shown(t)
				for j, n := range numbers {
					if o, ok := had[n]; n < 1 || ok && o != (owner{life, keys[j]}) {
						t.Fatalf("%d was %v, and is %v in life %d", n, o, keys[j], life)
					}
					had[n] = owner{life, keys[j]}
				}
			}
		}
	}
}

func TestASourceDoesNotDisplaceTheKnocksOfOthers(t *testing.T) {
	k, now := new(knocks), time.Unix(1000, 0)
	k.add(strangerKey(0), from(1, 1), now)
	for i := range 1000 {
		now = now.Add(time.Second)
		k.add(strangerKey(1+i), from(0, 1), now)
	}
	numbers, keys := k.shown(t)
	if len(keys) != maxKnocksOfASource+1 || !slices.Contains(keys, strangerKey(0)) || keys[0] != strangerKey(1000) || slices.Max(numbers) != len(keys) {
		t.Errorf("%d knocks, numbers %v", len(keys), numbers)
	}
	for i := range 1000 {
		now = now.Add(time.Second)
		k.add(strangerKey(2000+i), from(i/250, i%250), now)
	}
	if _, keys = k.shown(t); len(keys) != maxKnocks {
		t.Errorf("%d knocks, want %d", len(keys), maxKnocks)
	}
}

func TestAnIgnoredKeyIsNotKept(t *testing.T) {
	k, now := new(knocks), time.Unix(1000, 0)
	if k.ignore(strangerKey(0)) {
		t.Error("a key that has not knocked is ignored")
	}
	for i := range maxIgnored + 1 {
		k.add(strangerKey(i), from(0, 1), now)
		if !k.ignore(strangerKey(i)) {
			t.Fatal("a key that has knocked is not ignored")
		}
	}
	k.add(strangerKey(1), from(0, 1), now)
	k.add(strangerKey(0), from(0, 1), now) // the first, which is forgotten
	if _, keys := k.shown(t); !slices.Equal(keys, []identity.PublicKey{strangerKey(0)}) {
		t.Errorf("kept: %v", keys)
	}
}

func TestNumbersThatCannotBeKeptAreAnError(t *testing.T) {
	dir := t.TempDir()
	for name, path := range map[string]string{"a folder": dir, "no folder": filepath.Join(dir, "x", knocksFile), "garbled": filepath.Join(dir, "garbled")} {
		if err := os.WriteFile(filepath.Join(dir, "garbled"), []byte("next=-1"), 0o600); err != nil {
			t.Fatal(err)
		}
		k := &knocks{path: path}
		k.add(strangerKey(1), from(0, 1), time.Unix(1000, 0))
		if list, err := k.listed(); err == nil || list != nil {
			t.Errorf("%s: %v, %v", name, list, err)
		}
	}
}
