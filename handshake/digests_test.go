package handshake

import (
	"bytes"
	"crypto/sha256"
	"encoding"
	"testing"
)

// TestBEAMDigestsAreClean hashes what HMAC begins with, its key and a pad, and a block that is not complete. After clean neither is
// left.
func TestBEAMDigestsAreClean(t *testing.T) {
	d := digests{dialect: BEAM}
	pad := bytes.Repeat([]byte{0xa5}, sha256.BlockSize)
	for _, n := range []int{1, 31, 32, 33, sha256.BlockSize, sha256.BlockSize + 40} {
		h := d.take().(*beamHashState)
		h.Write(append(pad, pad...)[:n])
		h.Sum(nil)
		d.clean()
		state, err := h.Hash.(encoding.BinaryMarshaler).MarshalBinary()
		if err != nil {
			t.Fatal(err)
		}
		if bytes.IndexByte(h.first[:], 0xa5) >= 0 || bytes.Contains(state, pad[:8]) {
			t.Errorf("%d bytes: % x, % x", n, h.first, state)
		}
		h.Write(pad[:32])
		if got := h.Sum(nil); !bytes.Equal(got, pad[:32]) {
			t.Errorf("%d bytes before: % x", n, got)
		}
		d.used = 1
		d.clean()
	}
}

// TestADiscardedHandshakeGivesItsDigestsBack, in both dialects and at each step, and is of no use any more.
func TestADiscardedHandshakeGivesItsDigestsBack(t *testing.T) {
	f := counting(t)
	for _, d := range []Dialect{Native, BEAM} {
		for step := range 2 {
			ic, rc := f.config(Initiator), f.config(Responder)
			ic.Dialect, rc.Dialect = d, d
			if d == BEAM {
				ic.Prologue, rc.Prologue = nil, nil
			}
			i, r := mustNew(t, ic), mustNew(t, rc)
			if step > 0 {
				mustRead(t, r, mustWrite(t, i))
			}
			u := r.noise().suite
			r.Discard()
			r.Discard()
			if _, size := r.Next(); size != 0 || r.Done() || u.digests != nil {
				t.Errorf("%v, step %d: %d bytes are due, done %v", d, step, size, r.Done())
			}
			i.Discard()
		}
	}
}

// TestDigestsAreUsedAgainAndClean hashes a secret that stays in the room of an incomplete block. After clean the same state comes
// again, it hashes as a fresh one does, and its room has nothing of the secret.
func TestDigestsAreUsedAgainAndClean(t *testing.T) {
	var d digests
	secret := bytes.Repeat([]byte{0xa5}, 32)
	a, b := d.take(), d.take()
	if a == b {
		t.Fatal("two hashes share a state")
	}
	a.Write(secret)
	a.Sum(nil)
	d.clean()
	if d.take() != a || d.take() != b {
		t.Error("a clean state is not used again")
	}
	state, err := a.(encoding.BinaryMarshaler).MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(state, secret[:8]) {
		t.Error("the state holds the secret")
	}
	a.Write([]byte("abc"))
	if got, want := a.Sum(nil), sha256.Sum256([]byte("abc")); !bytes.Equal(got, want[:]) {
		t.Errorf("% x", got)
	}
}
