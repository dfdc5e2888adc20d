package dialects

import (
	"encoding/binary"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/seed-f6ddb928/peernet-go/identity"
	"github.com/seed-f6ddb928/peernet-go/internal/test/kit"
)

// TestWhatWasHeardIsKept: a node that starts again knows which dialect worked, when a BEAM node was last asked natively, and
// which connections with it ended lately.
func TestWhatWasHeardIsKept(t *testing.T) {
	s := setting{speaks: both, path: filepath.Join(t.TempDir(), "state")}
	b, clock := s.open(t)
	carol := kit.KeyPair(0x21).PublicKey()
	dave := kit.KeyPair(0x41).PublicKey()
	erin := kit.KeyPair(0x81).PublicKey()
	b.Spoke(carol, native)
	b.Spoke(dave, beam)
	b.Begin(dave, home, beam).Fail(true)
	b.Begin(erin, home, native).Fail(true) // of no dialect yet
	b.Flush()
	text, err := os.ReadFile(s.path)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(text), erin.String()) || !strings.HasPrefix(string(text), "# ") || strings.Count(string(text), "\n") != 3 {
		t.Errorf("the state file:\n%s", text)
	}
	if info, err := os.Stat(s.path); err != nil || info.Mode().Perm() != stateMode {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	clock.pass(time.Second)
	b = s.openAt(t, clock)
	if d, known := b.Of(carol); !known || d != native {
		t.Errorf("the native peer: %v, %v", d, known)
	}
	if d, known := b.Of(dave); !known || d != beam {
		t.Errorf("the BEAM peer: %v, %v", d, known)
	}
	if _, known := b.Of(erin); known {
		t.Error("the third is known")
	}
	if got := b.Wait(dave, away, false); got != pauseBetween-time.Second {
		t.Errorf("the BEAM peer waits %v", got)
	}
	if got, _ := b.Choose(dave); got != inBEAM {
		t.Errorf("the BEAM peer: %+v", got)
	}
	clock.pass(nativeAgain)
	if got, _ := b.Choose(dave); got != first {
		t.Errorf("the BEAM peer a day later: %+v", got)
	}
}

// TestAStateFileMayHoldAnything: what cannot be read is dropped, and never refuses a node its start.
func TestAStateFileMayHoldAnything(t *testing.T) {
	key := kit.KeyPair(0x21).PublicKey()
	for text, want := range map[string]string{
		"":                                   "",
		"\x00\xff\n\n":                       "",
		"# " + key.String():                  "",
		key.String():                         "",
		key.String() + " dialect=":           "",
		key.String() + " dialect=klingon":    "",
		"x" + key.String() + " dialect=beam": "",
		key.String() + " dialect=native":     "native",
		key.String() + " dialect=beam asked=x closed=,x,-1,":             "beam",
		key.String() + "\tlast-seen=1 dialect=beam asked=99999999999999": "beam",
	} {
		s := setting{speaks: both, path: filepath.Join(t.TempDir(), "state")}
		if err := os.WriteFile(s.path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		b, _ := s.open(t)
		got := ""
		if d, known := b.Of(key); known {
			got = d.String()
		}
		if got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
		if wait := b.Wait(key, home, false); wait > closedPeriod {
			t.Errorf("%q: waits %v", text, wait)
		}
	}
}

// TestAStateFileThatCannotBeUsedIsTold: the node goes on without it.
func TestAStateFileThatCannotBeUsedIsTold(t *testing.T) {
	var warned []error
	b := Open(Config{Speaks: both, Clock: new(still), Path: t.TempDir(), Warn: func(err error) { warned = append(warned, err) }})
	if len(warned) != 1 {
		t.Fatalf("reading: %v", warned)
	}
	b.Spoke(bob, beam)
	b.Flush()
	if !b.IsBEAM(bob) || len(warned) != 1 {
		t.Errorf("writing: %v", warned)
	}
}

// TestAStateFileThatCannotBeReadIsLeft until it can be read: then what it says is kept beside what was learnt.
func TestAStateFileThatCannotBeReadIsLeft(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state")
	carol, dave := kit.KeyPair(0x21).PublicKey(), kit.KeyPair(0x41).PublicKey()
	text := carol.String() + " dialect=native\n" + dave.String() + " dialect=native\n"
	large := text + strings.Repeat("#\n", readLimit/2)
	if err := os.WriteFile(path, []byte(large), 0o600); err != nil {
		t.Fatal(err)
	}
	var warned []error
	b := Open(Config{Speaks: both, Clock: new(still), Path: path, Warn: func(err error) { warned = append(warned, err) }})
	b.Spoke(bob, native)
	b.Spoke(dave, beam)
	b.Flush()
	if got, err := os.ReadFile(path); err != nil || string(got) != large || len(warned) != 1 {
		t.Errorf("%d bytes are left, %v; told %v", len(got), err, warned)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	b.Flush()
	again := setting{speaks: both, path: path}.openAt(t, new(still))
	for _, key := range []identity.PublicKey{bob, carol, dave} {
		if d, known := again.Of(key); !known || d != native {
			t.Errorf("%v: %v, %v", key, d, known)
		}
	}
}

// TestALongStateFileKeepsNativePeers: what is written is bounded, and a file that is longer is read.
func TestALongStateFileKeepsNativePeers(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state")
	key := func(i int) (k identity.PublicKey) {
		binary.BigEndian.PutUint32(k[:], uint32(i+1))
		return k
	}
	const all, every = 60_000, 100 // of which each hundredth is native
	b := Open(Config{Speaks: both, Clock: new(still)})
	for i := range all {
		d := beam
		if i%every == 0 {
			d = native
		}
		b.Spoke(key(i), d)
	}
	text := string(b.format())
	if len(text) > stateLimit || strings.Count(text, "native") != all/every {
		t.Errorf("%d bytes, %d lines of native peers", len(text), strings.Count(text, "native"))
	}
	before, rest, _ := strings.Cut(strings.TrimPrefix(text, stateTitle), "dialect=beam")
	if strings.Count(before, "native") != all/every || !strings.HasSuffix(rest, "\n") {
		t.Error("lines of native peers do not come first, or a line is cut")
	}
	if err := os.WriteFile(path, []byte(text+text), 0o600); err != nil {
		t.Fatal(err)
	}
	again := setting{speaks: both, path: path}.openAt(t, new(still))
	if len(again.entries) < all/2 {
		t.Errorf("%d peers are read", len(again.entries))
	}
}

// TestAPeerThatIsNotTrustedIsForgotten at once, and where the state file is read. What ended lately counts.
func TestAPeerThatIsNotTrustedIsForgotten(t *testing.T) {
	s := setting{speaks: both, path: filepath.Join(t.TempDir(), "state")}
	b, clock := s.open(t)
	carol := kit.KeyPair(0x21).PublicKey()
	b.Spoke(bob, beam)
	b.Spoke(carol, native)
	b.Names(bob).Answered("a")
	b.Flush()
	b.Forget(bob)
	b.Closed(bob) // the session ends for that reason
	if _, known := b.Of(bob); known || b.Wait(bob, home, false) == 0 {
		t.Error("bob is known, or may be dialled at once")
	}
	b.Flush()
	if text, err := os.ReadFile(s.path); err != nil || strings.Contains(string(text), bob.String()) || !strings.Contains(string(text), carol.String()) {
		t.Errorf("%s, %v", text, err)
	}
	clock.pass(time.Minute)
	b.Forget(carol)
	if len(b.entries) != 0 {
		t.Errorf("%d entries are kept", len(b.entries))
	}
	if err := os.WriteFile(s.path, []byte(bob.String()+" dialect=native\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	b = Open(Config{Speaks: both, Clock: clock, Path: s.path, Trusted: func(identity.PublicKey) bool { return false }})
	b.Spoke(carol, native)
	if len(b.entries) != 0 {
		t.Errorf("%d entries of untrusted peers", len(b.entries))
	}
}

// TestWhatCouldNotBeWrittenIsWrittenLater: a key that has spoken natively while the disk was full is not taken for a BEAM node after a
// restart.
func TestWhatCouldNotBeWrittenIsWrittenLater(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "later")
	path, warned := filepath.Join(folder, "state"), 0
	b := Open(Config{Speaks: both, Clock: new(still), Path: path, Warn: func(error) { warned++ }})
	b.Spoke(bob, native)
	b.Flush()
	if warned == 0 {
		t.Error("nobody is told that the file cannot be written")
	}
	if err := os.Mkdir(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	b.Flush()
	again := setting{speaks: both, path: path}.openAt(t, new(still))
	if c, _ := again.Choose(bob); c != always || again.Serves(bob, beam) {
		t.Errorf("after a restart: %+v, served in BEAM: %v", c, again.Serves(bob, beam))
	}
}
