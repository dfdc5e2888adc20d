package private

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	mathrand "math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/seed-f6ddb928/peernet-go/identity"
)

var start = time.Unix(1767225600, 0)

// TestClocks checks wire.md §4.6: clocks five minutes apart always work, ten minutes apart never, at any time of an
// epoch.
func TestClocks(t *testing.T) {
	a, b := newNode(t, 0x01), newNode(t, 0x21)
	pairUp(t, a, b)
	e := [32]byte{1}
	for phase := time.Duration(0); phase < EpochLength; phase += 37 * time.Second {
		a.at = start.Add(phase)
		knock, _ := a.Knock(b.key(), e)
		packet := a.announce(t, 7100)[0]
		for off := -15 * time.Minute; off <= 15*time.Minute; off += 10 * time.Second {
			b.at = a.at.Add(off)
			_, knocked := b.Knocked(e, knock)
			_, _, err := b.Hear(packet)
			heard := err == nil
			switch {
			case knocked != heard:
				t.Errorf("off by %v in %v: knocked %t, heard %t", off, phase, knocked, heard)
			case off.Abs() <= EpochLength && !knocked:
				t.Errorf("off by %v in %v: not recognised", off, phase)
			case off.Abs() >= 2*EpochLength && knocked:
				t.Errorf("off by %v in %v: recognised", off, phase)
			}
		}
	}
}

func TestKnockIsForOneHandshakeOneWay(t *testing.T) {
	a, b, c := newNode(t, 0x01), newNode(t, 0x21), newNode(t, 0x41)
	pairUp(t, a, b, c)
	e, other := [32]byte{1}, [32]byte{2}
	knock, ok := a.Knock(b.key(), e)
	if !ok {
		t.Fatal("no knock")
	}
	if key, ok := b.Knocked(e, knock); !ok || key != a.key() {
		t.Errorf("%v, %t", key, ok)
	}
	for name, c := range map[string]struct {
		at        *node
		ephemeral [32]byte
	}{
		"another ephemeral key": {b, other}, "the sender itself": {a, e}, "another peer": {c, e},
	} {
		if key, ok := c.at.Knocked(c.ephemeral, knock); ok {
			t.Errorf("%s takes it for %v", name, key)
		}
	}
	for i := range knock {
		wrong := knock
		wrong[i] ^= 0x80
		if _, ok := b.Knocked(e, wrong); ok {
			t.Errorf("byte %d changed, but it is accepted", i)
		}
	}
	if _, ok := newNode(t, 0x61).Knock(a.key(), e); ok {
		t.Error("a knock for a key that is not trusted")
	}
}

// TestRecognisingCostsTheSameForEveryPeer counts the HMACs: three for each key, for the first, the last and nobody.
func TestRecognisingCostsTheSameForEveryPeer(t *testing.T) {
	b := newNode(t, 0x01)
	var peers []*node
	for i := range 21 {
		p := newNode(t, byte(0x02+i))
		pairUp(t, b, p)
		peers = append(peers, p)
	}
	untrusted := newNode(t, 0x81)
	untrusted.trust(t, b)
	macs := 0
	b.mac = func(key *[secretSize]byte, m []byte) [32]byte { macs++; return hmacSHA256(key, m) }
	for name, n := range map[string]*node{"first": peers[0], "middle": peers[10], "last": peers[20], "untrusted": untrusted} {
		knock, _ := n.Knock(b.key(), [32]byte{1})
		packet := n.announce(t, 7100)[0]
		n.at = start.Add(-EpochLength)
		early, _ := n.Knock(b.key(), [32]byte{1})
		for what, f := range map[string]func() bool{
			"knock":         func() bool { _, ok := b.Knocked([32]byte{1}, knock); return ok },
			"earlier knock": func() bool { _, ok := b.Knocked([32]byte{1}, early); return ok },
			"stale knock":   func() bool { _, ok := b.Knocked([32]byte{2}, knock); return ok },
			"announce":      func() bool { _, _, err := b.Hear(packet); return err == nil },
		} {
			macs = 0
			if ok, want := f(), n != untrusted && what != "stale knock"; ok != want || macs != 3*len(peers) {
				t.Errorf("%s of %s: %t after %d HMACs, want %t after %d", what, name, ok, macs, want, 3*len(peers))
			}
		}
	}
}

func TestKeyringFollowsTrust(t *testing.T) {
	a, b, c := newNode(t, 0x01), newNode(t, 0x21), newNode(t, 0x41)
	if err := a.Add(b.key()); err != nil || a.Len() != 0 {
		t.Errorf("a key that is not trusted: %d secrets, %v", a.Len(), err)
	}
	a.trusted[a.key()] = true
	if err := a.Add(a.key()); err != nil || a.Len() != 0 {
		t.Errorf("its own key: %d secrets, %v", a.Len(), err)
	}
	bad := identity.PublicKey{1}
	a.trusted[bad] = true
	if err := a.Add(bad); !errors.Is(err, identity.ErrKeyLowOrder) || a.Len() != 0 {
		t.Errorf("a key of low order: %d secrets, %v", a.Len(), err)
	}
	bad[31] = 0xff
	if err := a.Add(bad); !errors.Is(err, identity.ErrKeyRange) || a.Len() != 0 {
		t.Errorf("a key out of range: %d secrets, %v", a.Len(), err)
	}
	a.trust(t, b, c, b)
	if a.Len() != 2 {
		t.Errorf("%d secrets of two", a.Len())
	}
	pairUp(t, a, b, c)
	for _, gone := range []*node{b, c} {
		a.Remove(gone.key())
		a.Remove(gone.key())
		knock, _ := gone.Knock(a.key(), [32]byte{1})
		if _, ok := a.Knocked([32]byte{1}, knock); ok {
			t.Error("a peer that is gone is recognised")
		}
		if _, ok := a.Knock(gone.key(), [32]byte{1}); ok {
			t.Error("a knock for a peer that is gone")
		}
		if gone == b {
			knock, _ = c.Knock(a.key(), [32]byte{1})
			if key, ok := a.Knocked([32]byte{1}, knock); !ok || key != c.key() {
				t.Errorf("the other peer: %v, %t", key, ok)
			}
		}
	}
	if a.Len() != 0 {
		t.Errorf("%d secrets are left", a.Len())
	}
}

// TestKeyringIsSafeForConcurrentUse does everything at once. A peer that stays trusted is recognised throughout.
func TestKeyringIsSafeForConcurrentUse(t *testing.T) {
	var mu sync.Mutex
	trusted := make(map[identity.PublicKey]bool)
	a, b := newNode(t, 0x01), newNode(t, 0x21)
	pairUp(t, a, b)
	trusted[b.key()] = true
	a.config.Trusted = func(k identity.PublicKey) bool { mu.Lock(); defer mu.Unlock(); return trusted[k] }
	a.config.Rand = lockedReader{&mu, mathrand.NewChaCha8([32]byte{})}
	knock, _ := b.Knock(a.key(), [32]byte{1})
	packet := b.announce(t, 7100)[0]
	var wg sync.WaitGroup
	for i := range 4 {
		key := newNode(t, byte(0x60+i)).key()
		wg.Go(func() {
			for range 50 {
				mu.Lock()
				trusted[key] = true
				mu.Unlock()
				if err := a.Add(key); err != nil {
					t.Error(err)
				}
				mu.Lock()
				trusted[key] = false
				mu.Unlock()
				a.Remove(key)
			}
		})
	}
	for range 50 {
		if key, ok := a.Knocked([32]byte{1}, knock); !ok || key != b.key() {
			t.Fatalf("%v, %t", key, ok)
		}
		if key, _, err := a.Hear(packet); err != nil || key != b.key() {
			t.Fatalf("%v, %v", key, err)
		}
		if _, err := a.Announce(7100); err != nil {
			t.Fatal(err)
		}
	}
	wg.Wait()
	if a.Len() != 1 {
		t.Errorf("%d secrets are left of one", a.Len())
	}
}

type lockedReader struct {
	mu *sync.Mutex
	r  io.Reader
}

func (l lockedReader) Read(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.r.Read(b)
}

func TestHMACEqualsTheStandardLibrarys(t *testing.T) {
	r := mathrand.NewChaCha8([32]byte{})
	for n := range 3 * sha256.BlockSize {
		var key [secretSize]byte
		m := make([]byte, n)
		r.Read(key[:])
		r.Read(m)
		want := hmac.New(sha256.New, key[:])
		want.Write(m)
		if got := hmacSHA256(&key, m); !bytes.Equal(got[:], want.Sum(nil)) {
			t.Errorf("%d bytes: %x", n, got)
		}
	}
}

// TestHMACLeavesNoKeyBehind takes the longest message, from which the secret of a pair is made: what is allocated for it
// would hold the key.
func TestHMACLeavesNoKeyBehind(t *testing.T) {
	var key [secretSize]byte
	m := make([]byte, 2*identity.PublicKeySize+1)
	if got := testing.AllocsPerRun(100, func() { hmacSHA256(&key, m) }); got > 0 {
		t.Errorf("%v allocations", got)
	}
}

func TestSecretsNeverPrint(t *testing.T) {
	a, b := newNode(t, 0x01), newNode(t, 0x21)
	pairUp(t, a, b)
	secret := a.pairs[0].secret()
	key := b.key()
	if want := referenceSecret(count(0x01), key[:]); !bytes.Equal(secret[:], want) {
		t.Fatalf("the secret is %x, want %x", *secret, want)
	}
	a.config.Rand = nil // the reader of a test shows its bytes
	for _, thing := range []any{a.Keyring, &a.Keyring, a.pairs, a.pairs[0], a.config, struct{ k *Keyring }{a.Keyring}, struct{ p pair }{a.pairs[0]}} {
		var log bytes.Buffer
		slog.New(slog.NewTextHandler(&log, nil)).Info("x", "v", thing)
		texts := []string{log.String()}
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x", "%d", "%q"} {
			texts = append(texts, fmt.Sprintf(verb, thing))
		}
		for _, text := range texts {
			for name, bytes := range map[string][]byte{"secret": secret[:], "private key": count(0x01)} {
				decimals := strings.Trim(fmt.Sprint(bytes[:6]), "[]")
				if strings.Contains(text, decimals) || strings.Contains(strings.ToLower(text), hex.EncodeToString(bytes[:6])) ||
					strings.Contains(text, strings.ReplaceAll(decimals, " ", ", ")) || strings.Contains(text, string(bytes[:6])) {
					t.Errorf("%T shows the %s: %s", thing, name, text)
				}
			}
		}
	}
	if text := fmt.Sprint(*secret); !strings.Contains(text, strings.Trim(fmt.Sprint(secret[:6]), "[]")) {
		t.Error("a bare secret is not found where it is printed: this test can tell nothing")
	}
}

func TestRemovedSecretsAreOverwritten(t *testing.T) {
	keys := make([]identity.KeyPair, 4)
	for i := range keys {
		keys[i] = keyPair(t, bytes.Repeat([]byte{byte(i + 1)}, 32))
	}
	own, peers := keys[0], keys[1:]
	k := New(Config{Static: own, Trusted: func(identity.PublicKey) bool { return true }})
	var secrets []*[secretSize]byte
	for _, p := range peers {
		if err := k.Add(p.PublicKey()); err != nil {
			t.Fatal(err)
		}
		i, _ := k.find(p.PublicKey())
		secrets = append(secrets, k.pairs[i].secret())
	}
	for n, i := range []int{1, 2, 0} {
		k.Remove(peers[i].PublicKey())
		gone := 0
		for _, s := range secrets {
			if *s == [secretSize]byte{} {
				gone++
			}
		}
		if *secrets[i] != [secretSize]byte{} || gone != n+1 {
			t.Errorf("after %d keys were removed %d secrets are overwritten", n+1, gone)
		}
	}
}
