package handshake

import (
	"bytes"
	"errors"
	"io"
	"testing"

	"github.com/seed-f6ddb928/peernet-go/identity"
)

func TestPrologueIsNotKept(t *testing.T) {
	f := counting(t)
	ic, rc := f.config(Initiator), f.config(Responder)
	ic.Prologue, rc.Prologue = []byte("same"), []byte("same")
	i := mustNew(t, ic)
	clear(ic.Prologue)
	r := mustNew(t, rc)
	mustRead(t, r, mustWrite(t, i))
	mustRead(t, i, mustWrite(t, r))
}

// TestEphemeralTakesExactly32Bytes shows that each end reads exactly 32 random bytes, and reads no more ahead.
func TestEphemeralTakesExactly32Bytes(t *testing.T) {
	f := counting(t)
	var left [2]*bytes.Reader
	var states [2]*State
	for _, role := range []Role{Initiator, Responder} {
		c := f.config(role)
		left[role] = bytes.NewReader(append(bytes.Clone(f.ephemeral[role]), make([]byte, 100)...))
		c.Rand = left[role]
		states[role] = mustNew(t, c)
	}
	i, r := states[Initiator], states[Responder]
	mustRead(t, r, mustWrite(t, i))
	mustRead(t, i, mustWrite(t, r))
	mustRead(t, r, mustWrite(t, i))
	for role, rest := range left {
		if rest.Len() != 100 {
			t.Errorf("%v: %d bytes were read, want 32", Role(role), 132-rest.Len())
		}
	}
}

func TestFailingRandomnessEndsTheHandshake(t *testing.T) {
	f := counting(t)
	for size := range 32 {
		c := f.config(Initiator)
		c.Rand = bytes.NewReader(make([]byte, size))
		s := mustNew(t, c)
		b := []byte("before")
		got, err := s.Write(b)
		if !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Fatalf("%d random bytes: got %v, want the reader's error", size, err)
		}
		if string(got) != "before" {
			t.Errorf("%d random bytes: something was appended", size)
		}
		requireNoResult(t, s)
	}
}

// TestSystemRandomness runs handshakes with the system's randomness: each has keys of its own.
func TestSystemRandomness(t *testing.T) {
	f := counting(t)
	seen := make(map[[32]byte]bool)
	for range 4 {
		ic, rc := f.config(Initiator), f.config(Responder)
		ic.Rand, rc.Rand = nil, nil
		i, r := mustNew(t, ic), mustNew(t, rc)
		mustRead(t, r, mustWrite(t, i))
		mustRead(t, i, mustWrite(t, r))
		mustRead(t, r, mustWrite(t, i))
		a, b := i.Result(), r.Result()
		if a.SendKey() != b.RecvKey() || a.RecvKey() != b.SendKey() || a.Hash != b.Hash {
			t.Error("the ends differ")
		}
		for _, k := range [][32]byte{a.SendKey(), a.RecvKey(), a.Hash} {
			if seen[k] {
				t.Errorf("%x came twice", k)
			}
			seen[k] = true
		}
	}
}

func TestIncompleteConfigsAreRefused(t *testing.T) {
	f := counting(t)
	for _, c := range []struct {
		name   string
		role   Role
		change func(*Config)
		want   error
	}{
		{"no static key", Initiator, func(c *Config) { c.Static = identity.KeyPair{} }, ErrConfig},
		{"no trust", Responder, func(c *Config) { c.Trusted = nil }, ErrConfig},
		{"nobody dialled", Initiator, func(c *Config) { c.Expect = identity.PublicKey{} }, ErrConfig},
		{"a responder that dialled", Responder, func(c *Config) { c.Expect = f.static[Initiator].PublicKey() }, ErrConfig},
		{"unknown role", Responder, func(c *Config) { c.Role = 2 }, ErrConfig},
		{"unknown dialect", Responder, func(c *Config) { c.Dialect = 2 }, ErrConfig},
		{"BEAM with a prologue", Responder, func(c *Config) { c.Dialect, c.Prologue = BEAM, []byte("a") }, ErrConfig},
		{"BEAM in private mode", Initiator, func(c *Config) { c.Dialect, c.Knocks = BEAM, ring{} }, ErrConfig},
		{"ourselves dialled", Initiator, func(c *Config) { c.Expect = c.Static.PublicKey() }, ErrSelf},
	} {
		config := f.config(c.role)
		c.change(&config)
		if s, err := New(config); !errors.Is(err, c.want) || s != nil {
			t.Errorf("%s: got %v, %v, want %v", c.name, s, err, c.want)
		}
	}
}

func TestRoles(t *testing.T) {
	if Initiator.Opposite() != Responder || Responder.Opposite() != Initiator {
		t.Error("the opposite of a role is not the other")
	}
	for role, want := range map[Role]string{Initiator: "initiator", Responder: "responder", 7: "Role(7)"} {
		if got := role.String(); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}
