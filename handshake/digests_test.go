package handshake

import (
	"bytes"
	"crypto/sha256"
	"encoding"
	"testing"
)

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
