package handshake

import (
	"bytes"
	"crypto/ecdh"
	"errors"
	"testing"
	"time"

	"github.com/flynn/noise"

	"github.com/seed-f6ddb928/peernet-go/identity"
	"github.com/seed-f6ddb928/peernet-go/internal/test/vectors"
)

func TestProtocolName(t *testing.T) {
	if got := "Noise_" + noise.HandshakeXX.Name + "_" + string(primitives.Name()); got != protocol {
		t.Errorf("got %s, want %s", got, protocol)
	}
}

// TestPrivateKeysAreParsedOnce shows that no DH parses a private key. The library has only handles of one byte. A DH of
// ours allocates as much as the bare DH of a parsed key; parsing would allocate more.
func TestPrivateKeysAreParsedOnce(t *testing.T) {
	s := &suite{CipherSuite: primitives, static: must(identity.GenerateKeyPair(nil))}
	static := s.staticKey()
	ephemeral, err := s.GenerateKeypair(nil)
	if err != nil {
		t.Fatal(err)
	}
	if len(static.Private) != 1 || len(ephemeral.Private) != 1 || bytes.Equal(static.Private, ephemeral.Private) {
		t.Errorf("the library gets % x and % x, want two handles", static.Private, ephemeral.Private)
	}

	remote := public(staticR)
	parsed := mustPrivate(staticI)
	bare := testing.AllocsPerRun(10, func() { must(parsed.ECDH(must(ecdh.X25519().NewPublicKey(remote)))) })
	stock := testing.AllocsPerRun(10, func() { must(noise.DH25519.DH(staticI, remote)) })
	for _, handle := range [][]byte{static.Private, ephemeral.Private} {
		if ours := testing.AllocsPerRun(10, func() { must(s.DH(handle, remote)) }); ours > bare {
			t.Errorf("a DH allocates %v times, want %v as that of a parsed key", ours, bare)
		}
	}
	if stock <= bare {
		t.Errorf("the library's DH allocates %v times, that of a parsed key %v: this test proves nothing", stock, bare)
	}
}

// TestHandlesNameTheirKeys shows that each handle stands for its own key, with the results of the library's own DH.
func TestHandlesNameTheirKeys(t *testing.T) {
	s := &suite{CipherSuite: primitives, static: must(identity.NewKeyPair(staticI))}
	static := s.staticKey()
	ephemeral := must(s.GenerateKeypair(bytes.NewReader(ephemeralI)))
	for _, c := range []struct {
		name    string
		key     noise.DHKey
		private []byte
	}{{"static", static, staticI}, {"ephemeral", ephemeral, ephemeralI}} {
		want := must(noise.DH25519.DH(c.private, public(staticR)))
		if got := must(s.DH(c.key.Private, public(staticR))); !bytes.Equal(got, want) {
			t.Errorf("%s: got %x, want %x", c.name, got, want)
		}
		if !bytes.Equal(c.key.Public, public(c.private)) {
			t.Errorf("%s: public half %x, want %x", c.name, c.key.Public, public(c.private))
		}
		for _, low := range lowOrder {
			if _, err := s.DH(c.key.Private, vectors.Unhex(low.key)); !errors.Is(err, ErrKey) {
				t.Errorf("%s with %s: got %v, want ErrKey", c.name, low.name, err)
			}
		}
	}
}

// BenchmarkHandshake runs both ends of whole handshakes, in turns with this package and with the bare library and its
// own DH. ours-ns and stock-ns are per handshake; ratio is the library's time to ours.
func BenchmarkHandshake(b *testing.B) {
	a, z := must(identity.NewKeyPair(staticI)), must(identity.NewKeyPair(staticR))
	dhKey := func(private []byte) noise.DHKey { return noise.DHKey{Private: private, Public: public(private)} }
	stockI, stockR := dhKey(staticI), dhKey(staticR)
	stock := func(initiator bool, key noise.DHKey) *noise.HandshakeState {
		return must(noise.NewHandshakeState(noise.Config{CipherSuite: primitives, Pattern: noise.HandshakeXX, Initiator: initiator, StaticKeypair: key}))
	}
	var ours, theirs time.Duration
	buffer := make([]byte, 0, Message2Size)
	for b.Loop() {
		start := time.Now()
		i := must(New(Config{Role: Initiator, Static: a, Expect: z.PublicKey(), Trusted: trustAll}))
		r := must(New(Config{Role: Responder, Static: z, Trusted: trustAll}))
		for from, to := i, r; !r.Done(); from, to = to, from {
			if err := to.Read(must(from.Write(buffer))); err != nil {
				b.Fatal(err)
			}
		}
		ours += time.Since(start)

		start = time.Now()
		from, to := stock(true, stockI), stock(false, stockR)
		for range sizes {
			m, _, _, err := from.WriteMessage(buffer, nil)
			if err != nil {
				b.Fatal(err)
			}
			if _, _, _, err := to.ReadMessage(nil, m); err != nil {
				b.Fatal(err)
			}
			from, to = to, from
		}
		theirs += time.Since(start)
	}
	b.ReportMetric(float64(ours.Nanoseconds())/float64(b.N), "ours-ns")
	b.ReportMetric(float64(theirs.Nanoseconds())/float64(b.N), "stock-ns")
	b.ReportMetric(float64(theirs)/float64(ours), "ratio")
}

// TestSecretsAreErased looks at what is this package's own: the results of DH after each step, and the keys of a result.
func TestSecretsAreErased(t *testing.T) {
	f := counting(t)
	i, r := mustNew(t, f.config(Initiator)), mustNew(t, f.config(Responder))
	dh := func(s *State) {
		if s.noise != nil {
			hs := s.noise()
			if len(hs.suite.secrets) != 0 {
				t.Errorf("after a step %d results of DH are kept", len(hs.suite.secrets))
			}
		}
	}
	mustRead(t, r, mustWrite(t, i))
	mustRead(t, i, mustWrite(t, r))
	dh(i)
	dh(r)
	mustRead(t, r, mustWrite(t, i))
	s := &suite{static: f.config(Initiator).Static, digests: digestsFor(Native)}
	public := f.config(Responder).Static.PublicKey()
	secret, err := s.DH([]byte{staticHandle}, public[:])
	if err != nil {
		t.Fatal(err)
	}
	if s.erase(); !bytes.Equal(secret, make([]byte, len(secret))) {
		t.Error("a result of DH is there after erase")
	}
	a := i.Result()
	copied := a
	if a.SendKey() == ([32]byte{}) {
		t.Fatal("a result has no key")
	}
	a.Erase()
	if copied.SendKey() != ([32]byte{}) || copied.RecvKey() != ([32]byte{}) || i.Result().SendKey() != ([32]byte{}) {
		t.Error("a key is there after Erase")
	}
}
