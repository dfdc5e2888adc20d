package middleware

import (
	"encoding/binary"
	"testing"
	"time"

	"github.com/seed-f6ddb928/peernet-go/identity"
)

func TestPeersThatAreSilentAreForgotten(t *testing.T) {
	b := newBuckets(1, 2)
	now := time.Unix(1e9, 0)
	peer := func(n int) (key identity.PublicKey) {
		binary.BigEndian.PutUint64(key[:], uint64(n))
		return key
	}
	most := 0
	for n := range 10_000 {
		now = now.Add(10 * time.Millisecond) // each is full again after a second: 100 are not
		b.reserve(peer(n), now)
		most = max(most, len(b.of))
	}
	if most > 250 {
		t.Errorf("%d peers are remembered, about 100 have to be", most)
	}
	b.reserve(peer(20_000), now)
	b.reserve(peer(20_000), now)
	for n := range 1000 {
		now = now.Add(time.Millisecond / 2)
		b.reserve(peer(30_000+n), now)
	}
	if wait := b.reserve(peer(20_000), now).DelayFrom(now); wait != 500*time.Millisecond {
		t.Errorf("who has used up its burst waits %v", wait)
	}
}
