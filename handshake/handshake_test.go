package handshake

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/seed-f6ddb928/peernet-go/identity"
	"github.com/seed-f6ddb928/peernet-go/internal/test/vectors"
)

// trustAll trusts every key.
func trustAll(identity.PublicKey) bool { return true }

// panics reports whether f panics.
func panics(f func()) (did bool) {
	defer func() { did = recover() != nil }()
	f()
	return false
}

// requireOver fails the test unless s has failed: no message is due, and using it panics.
func requireOver(t *testing.T, s *State) {
	t.Helper()
	if write, size := s.Next(); write || size != 0 {
		t.Errorf("after the end Next tells %v, %d", write, size)
	}
	if s.Done() {
		t.Error("done in spite of the failure")
	}
	if !panics(func() { s.Write(nil) }) {
		t.Error("Write works after the end")
	}
	for _, size := range []int{0, Message1Size, Message2Size, Message3Size} {
		if !panics(func() { s.Read(make([]byte, size)) }) {
			t.Errorf("Read of %d bytes works after the end", size)
		}
	}
}

// requireNoResult fails the test unless s has failed and has no result.
func requireNoResult(t *testing.T, s *State) {
	t.Helper()
	requireOver(t, s)
	if !panics(func() { s.Result() }) {
		t.Error("a result in spite of the failure")
	}
}

// fixed is a handshake whose keys are known, with the messages that it must consist of.
type fixed struct {
	prologue         []byte
	static           [2]identity.KeyPair // by Role
	ephemeral        [2][]byte
	message1         []byte
	message2         []byte
	message3         []byte
	hash, key1, key2 []byte
}

func newFixed(v vectors.NoiseHandshake) fixed {
	return fixed{
		prologue:  *v.Prologue,
		static:    [2]identity.KeyPair{must(identity.NewKeyPair(v.InitiatorStaticPrivate)), must(identity.NewKeyPair(v.ResponderStaticPrivate))},
		ephemeral: [2][]byte{v.InitiatorEphemeralPrivate, v.ResponderEphemeralPrivate},
		message1:  v.Messages[0].Body, message2: v.Messages[1].Body, message3: v.Messages[2].Body,
		hash: v.HandshakeHash, key1: v.KeyInitiatorToResponder, key2: v.KeyResponderToInitiator,
	}
}

// config returns the config of one end, which trusts everybody and, as initiator, dialled the other.
func (f fixed) config(r Role) Config {
	c := Config{Role: r, Static: f.static[r], Prologue: f.prologue, Trusted: trustAll, Rand: bytes.NewReader(f.ephemeral[r])}
	if r == Initiator {
		c.Expect = f.static[Responder].PublicKey()
	}
	return c
}

// counting returns the first handshake of noise_xx_native.json.
func counting(t testing.TB) fixed { return newFixed(vectors.Noise(t, vectors.NoiseNative).Vectors[0]) }

func mustNew(t testing.TB, c Config) *State {
	t.Helper()
	s, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func mustWrite(t testing.TB, s *State) []byte {
	t.Helper()
	b, err := s.Write(nil)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func mustRead(t testing.TB, s *State, body []byte) {
	t.Helper()
	if err := s.Read(body); err != nil {
		t.Fatal(err)
	}
}

// initiatorAt2 returns an initiator that waits for message 2.
func initiatorAt2(t testing.TB, c Config) *State {
	t.Helper()
	s := mustNew(t, c)
	mustWrite(t, s)
	return s
}

// responderAt3 returns a responder that has answered message1 and waits for message 3.
func responderAt3(t testing.TB, c Config, message1 []byte) *State {
	t.Helper()
	s := mustNew(t, c)
	mustRead(t, s, message1)
	mustWrite(t, s)
	return s
}

// TestVectorsReplay runs each vector at both ends: messages, hash and keys are the file's, byte for byte.
func TestVectorsReplay(t *testing.T) {
	for _, name := range []string{vectors.NoiseNative, vectors.NoisePrologue} {
		for _, v := range vectors.Noise(t, name).Vectors {
			t.Run(name+"/"+v.Name, func(t *testing.T) {
				f := newFixed(v)
				if f.static[Initiator].PublicKey() == f.static[Responder].PublicKey() {
					testSelfReplay(t, f)
					return
				}
				i, r := mustNew(t, f.config(Initiator)), mustNew(t, f.config(Responder))
				room := make([]byte, 7, 200)
				for n, want := range [][]byte{f.message1, f.message2, f.message3} {
					from, to := i, r
					if n == 1 {
						from, to = r, i
					}
					if write, size := from.Next(); !write || size != len(want) {
						t.Fatalf("message %d: the sender is told %v, %d", n+1, write, size)
					}
					if write, size := to.Next(); write || size != len(want) {
						t.Fatalf("message %d: the receiver is told %v, %d", n+1, write, size)
					}
					if from.Done() || to.Done() {
						t.Fatalf("message %d: done before it", n+1)
					}
					got, err := from.Write(room)
					if err != nil {
						t.Fatalf("message %d: %v", n+1, err)
					}
					if !bytes.Equal(got[7:], want) || &got[0] != &room[0] {
						t.Fatalf("message %d:\ngot  %x\nwant %x, appended", n+1, got[7:], want)
					}
					if err := to.Read(want); err != nil {
						t.Fatalf("message %d: %v", n+1, err)
					}
				}
				for _, s := range []*State{i, r} {
					send, recv, remote := f.key1, f.key2, f.static[Responder].PublicKey()
					if s == r {
						send, recv, remote = f.key2, f.key1, f.static[Initiator].PublicKey()
					}
					if write, size := s.Next(); !s.Done() || write || size != 0 {
						t.Fatalf("%v: not done after message 3", s.config.Role)
					}
					res := s.Result()
					if gotSend, gotRecv := res.SendKey(), res.RecvKey(); !bytes.Equal(gotSend[:], send) || !bytes.Equal(gotRecv[:], recv) {
						t.Errorf("%v: keys %x %x, want %x %x", s.config.Role, gotSend, gotRecv, send, recv)
					}
					if res.Remote != remote || !bytes.Equal(res.Hash[:], f.hash) {
						t.Errorf("%v: remote %v, hash %x, want %v, %x", s.config.Role, res.Remote, res.Hash, remote, f.hash)
					}
					if !panics(func() { s.Write(nil) }) || !panics(func() { s.Read(f.message2) }) {
						t.Errorf("%v: usable after the end", s.config.Role)
					}
				}
			})
		}
	}
}

// testSelfReplay runs a vector whose two ends have the same key. Noise allows that, so its part replays the vector. The
// protocol forbids it, so a State fails.
func testSelfReplay(t *testing.T, f fixed) {
	c := f.config(Initiator)
	if _, err := New(c); !errors.Is(err, ErrSelf) {
		t.Errorf("dialling our own key: got %v, want ErrSelf", err)
	}
	i, r := must(newNoise(c)), must(newNoise(f.config(Responder)))
	for n, want := range [][]byte{f.message1, f.message2, f.message3} {
		from, to := i, r
		if n == 1 {
			from, to = r, i
		}
		got, send, recv, err := from.WriteMessage(nil, nil)
		if err != nil || !bytes.Equal(got, want) {
			t.Fatalf("message %d: got %x, %v, want %x", n+1, got, err, want)
		}
		if _, _, _, err := to.ReadMessage(nil, want); err != nil {
			t.Fatalf("message %d: %v", n+1, err)
		}
		if n < 2 {
			continue
		}
		if k1, k2 := send.UnsafeKey(), recv.UnsafeKey(); !bytes.Equal(k1[:], f.key1) || !bytes.Equal(k2[:], f.key2) {
			t.Errorf("keys %x %x, want %x %x", k1, k2, f.key1, f.key2)
		}
		if !bytes.Equal(i.ChannelBinding(), f.hash) || !bytes.Equal(r.ChannelBinding(), f.hash) {
			t.Errorf("hashes %x %x, want %x", i.ChannelBinding(), r.ChannelBinding(), f.hash)
		}
	}

	c.Expect = must(identity.GenerateKeyPair(nil)).PublicKey()
	c.Rand = bytes.NewReader(f.ephemeral[Initiator])
	s := initiatorAt2(t, c)
	if err := s.Read(f.message2); !errors.Is(err, ErrSelf) {
		t.Errorf("message 2: got %v, want ErrSelf", err)
	}
	requireNoResult(t, s)
	s = responderAt3(t, f.config(Responder), f.message1)
	if err := s.Read(f.message3); !errors.Is(err, ErrSelf) {
		t.Errorf("message 3: got %v, want ErrSelf", err)
	}
	requireNoResult(t, s)
}

// TestBEAMTranscriptFails shows that BEAM nodes have another transcript rule: each of their handshakes fails at the
// first message that authenticates.
func TestBEAMTranscriptFails(t *testing.T) {
	for _, v := range vectors.Noise(t, vectors.NoiseBEAM).Vectors {
		t.Run(v.Name, func(t *testing.T) {
			f := newFixed(v)
			i := mustNew(t, f.config(Initiator))
			if m1 := mustWrite(t, i); !bytes.Equal(m1, f.message1) {
				t.Errorf("message 1: got %x, want %x", m1, f.message1)
			}
			if err := i.Read(f.message2); !errors.Is(err, ErrMessage2) {
				t.Errorf("message 2: got %v, want ErrMessage2", err)
			}
			requireNoResult(t, i)
			r := responderAt3(t, f.config(Responder), f.message1)
			if err := r.Read(f.message3); !errors.Is(err, ErrMessage3) {
				t.Errorf("message 3: got %v, want ErrMessage3", err)
			}
			requireNoResult(t, r)
		})
	}
}

// TestMismatchedProloguesFail shows that an initiator in another namespace fails at message 2, and so never shows its
// key.
func TestMismatchedProloguesFail(t *testing.T) {
	f := counting(t)
	prologues := []string{"", "a", "b", "a\x00", "aa"}
	for _, ours := range prologues {
		for _, theirs := range prologues {
			ic, rc := f.config(Initiator), f.config(Responder)
			ic.Prologue, rc.Prologue = []byte(ours), []byte(theirs)
			i, r := mustNew(t, ic), mustNew(t, rc)
			mustRead(t, r, mustWrite(t, i))
			err := i.Read(mustWrite(t, r))
			if ours == theirs && err != nil {
				t.Errorf("%q: %v", ours, err)
			}
			if ours != theirs {
				if !errors.Is(err, ErrMessage2) {
					t.Errorf("%q, %q: got %v, want ErrMessage2", ours, theirs, err)
				}
				requireNoResult(t, i)
			}
		}
	}
}

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

// TestAnyFlippedBitFails flips every bit of every message. A changed message 1 is answered, because only the form of
// its key can be checked; then the answer fails. The other messages fail where they arrive.
func TestAnyFlippedBitFails(t *testing.T) {
	f := counting(t)
	flips := func(message []byte, try func(body []byte, alias bool) error) {
		for bit := range len(message) * 8 {
			body := bytes.Clone(message)
			body[bit/8] ^= 1 << (bit % 8)
			if err := try(body, bit == 255); err != nil {
				t.Errorf("bit %d of byte %d of %d: %v", bit%8, bit/8, len(message), err)
			}
		}
	}
	flips(f.message1, func(body []byte, alias bool) error {
		r := mustNew(t, f.config(Responder))
		if err := r.Read(body); alias != errors.Is(err, ErrEphemeral) || !alias && err != nil {
			return fmt.Errorf("the responder says %v", err)
		} else if alias {
			requireNoResult(t, r)
			return nil
		}
		i := initiatorAt2(t, f.config(Initiator))
		if err := i.Read(mustWrite(t, r)); !errors.Is(err, ErrMessage2) {
			return fmt.Errorf("the initiator says %v", err)
		}
		requireNoResult(t, i)
		return nil
	})
	flips(f.message2, func(body []byte, alias bool) error {
		i := initiatorAt2(t, f.config(Initiator))
		want := ErrMessage2
		if alias {
			want = ErrEphemeral
		}
		if err := i.Read(body); !errors.Is(err, want) {
			return fmt.Errorf("the initiator says %v", err)
		}
		requireNoResult(t, i)
		return nil
	})
	flips(f.message3, func(body []byte, _ bool) error {
		r := responderAt3(t, f.config(Responder), f.message1)
		if err := r.Read(body); !errors.Is(err, ErrMessage3) {
			return fmt.Errorf("the responder says %v", err)
		}
		requireNoResult(t, r)
		return nil
	})
}

// TestOtherSizesFail tries the lengths around that of each message, and each message in place of another.
func TestOtherSizesFail(t *testing.T) {
	f := counting(t)
	for n, c := range []struct {
		message []byte
		at      func() *State
	}{
		{f.message1, func() *State { return mustNew(t, f.config(Responder)) }},
		{f.message2, func() *State { return initiatorAt2(t, f.config(Initiator)) }},
		{f.message3, func() *State { return responderAt3(t, f.config(Responder), f.message1) }},
	} {
		long := append(bytes.Clone(c.message), make([]byte, 70)...)
		for size := range long {
			s := c.at()
			err := s.Read(long[:size])
			if size == len(c.message) {
				if err != nil {
					t.Errorf("message %d: %v", n+1, err)
				}
				continue
			}
			if !errors.Is(err, ErrSize) {
				t.Errorf("message %d with %d bytes: got %v, want ErrSize", n+1, size, err)
			}
			requireNoResult(t, s)
		}
	}
}

func TestReadLeavesItsInputAlone(t *testing.T) {
	f := counting(t)
	i := initiatorAt2(t, f.config(Initiator))
	body := bytes.Clone(f.message2)
	mustRead(t, i, body)
	if !bytes.Equal(body, f.message2) {
		t.Error("Read changed message 2")
	}
	clear(body)
	if m3 := mustWrite(t, i); !bytes.Equal(m3, f.message3) {
		t.Error("Read kept message 2")
	}
}

// TestInitiatorAcceptsOnlyTheDialledKey shows that a wrong key is fatal before Trusted is called, and that the error
// names it.
func TestInitiatorAcceptsOnlyTheDialledKey(t *testing.T) {
	f := counting(t)
	c := f.config(Initiator)
	c.Expect = must(identity.GenerateKeyPair(nil)).PublicKey()
	c.Trusted = func(k identity.PublicKey) bool { t.Errorf("trust in %v was asked for", k); return true }
	i := initiatorAt2(t, c)
	err := i.Read(f.message2)
	var wrong *WrongKeyError
	if !errors.Is(err, ErrWrongKey) || !errors.As(err, &wrong) {
		t.Fatalf("got %v, want a WrongKeyError", err)
	}
	if want := (WrongKeyError{Want: c.Expect, Got: f.static[Responder].PublicKey()}); *wrong != want {
		t.Errorf("got %v, want %v", *wrong, want)
	}
	requireNoResult(t, i) // no message 3 exists
}

// TestUntrustedResponderNeverSeesMessage3 shows that the initiator fails before it has shown its key.
func TestUntrustedResponderNeverSeesMessage3(t *testing.T) {
	f := counting(t)
	c := f.config(Initiator)
	c.Trusted = func(identity.PublicKey) bool { return false }
	i := initiatorAt2(t, c)
	requireUntrusted(t, i.Read(f.message2), f.static[Responder].PublicKey())
	requireNoResult(t, i)
}

// TestUntrustedInitiatorCanBeRefused shows that the responder has the keys to send a refusal, and no more.
func TestUntrustedInitiatorCanBeRefused(t *testing.T) {
	f := counting(t)
	c := f.config(Responder)
	c.Trusted = func(identity.PublicKey) bool { return false }
	r := responderAt3(t, c, f.message1)
	if !panics(func() { r.Result() }) {
		t.Error("a result before message 3")
	}
	requireUntrusted(t, r.Read(f.message3), f.static[Initiator].PublicKey())
	requireOver(t, r)
	res := r.Result()
	if send, recv := res.SendKey(), res.RecvKey(); !bytes.Equal(send[:], f.key2) || !bytes.Equal(recv[:], f.key1) {
		t.Errorf("keys %x %x, want %x %x", send, recv, f.key2, f.key1)
	}
	if res.Remote != f.static[Initiator].PublicKey() || !bytes.Equal(res.Hash[:], f.hash) {
		t.Errorf("remote %v, hash %x", res.Remote, res.Hash)
	}
}

// TestErrorsNameTheKeys shows that the text of an error names the peer that answered and the peer that was dialled.
func TestErrorsNameTheKeys(t *testing.T) {
	f := counting(t)
	a, b := f.static[Initiator].PublicKey(), f.static[Responder].PublicKey()
	for _, c := range []struct {
		err  error
		keys []identity.PublicKey
	}{
		{&UntrustedError{Remote: a}, []identity.PublicKey{a}},
		{&WrongKeyError{Want: a, Got: b}, []identity.PublicKey{a, b}},
	} {
		for _, key := range c.keys {
			if !strings.Contains(c.err.Error(), key.String()) {
				t.Errorf("%v does not name %v", c.err, key)
			}
		}
	}
}

func requireUntrusted(t *testing.T, err error, remote identity.PublicKey) {
	t.Helper()
	var untrusted *UntrustedError
	if !errors.Is(err, ErrUntrusted) || !errors.As(err, &untrusted) {
		t.Fatalf("got %v, want an UntrustedError", err)
	}
	if untrusted.Remote != remote {
		t.Errorf("the error names %v, want %v", untrusted.Remote, remote)
	}
}

// TestTrustIsAskedOnceWhereItMatters counts the calls of Trusted, and at which message each comes.
func TestTrustIsAskedOnceWhereItMatters(t *testing.T) {
	f := counting(t)
	var asked [2][]identity.PublicKey
	var states [2]*State
	for _, role := range []Role{Initiator, Responder} {
		c := f.config(role)
		c.Trusted = func(k identity.PublicKey) bool { asked[role] = append(asked[role], k); return true }
		states[role] = mustNew(t, c)
	}
	want := [...][2]int{{0, 0}, {1, 0}, {1, 1}} // after each message, at initiator and responder
	for n, counts := range want {
		from := states[n%2]
		mustRead(t, states[(n+1)%2], mustWrite(t, from))
		if got := [2]int{len(asked[0]), len(asked[1])}; got != counts {
			t.Errorf("after message %d trust was asked for %v times, want %v", n+1, got, counts)
		}
	}
	if asked[Initiator][0] != f.static[Responder].PublicKey() || asked[Responder][0] != f.static[Initiator].PublicKey() {
		t.Errorf("trust was asked for in %v", asked)
	}
}

// TestPanicInTrustedEndsTheHandshake shows that a State is not left between proof and trust.
func TestPanicInTrustedEndsTheHandshake(t *testing.T) {
	f := counting(t)
	for _, role := range []Role{Initiator, Responder} {
		c := f.config(role)
		c.Trusted = func(identity.PublicKey) bool { panic("no answer") }
		var s *State
		last := f.message2
		if role == Initiator {
			s = initiatorAt2(t, c)
		} else {
			s, last = responderAt3(t, c, f.message1), f.message3
		}
		if !panics(func() { s.Read(last) }) {
			t.Fatalf("%v: the panic is gone", role)
		}
		requireNoResult(t, s)
	}
}

func TestOutOfTurnPanics(t *testing.T) {
	f := counting(t)
	i, r := mustNew(t, f.config(Initiator)), mustNew(t, f.config(Responder))
	if !panics(func() { i.Read(f.message1) }) || !panics(func() { r.Write(nil) }) {
		t.Error("an end may begin with the other's message")
	}
	mustRead(t, r, mustWrite(t, i)) // a panic for the wrong turn leaves the State as it was
	if !panics(func() { i.Write(nil) }) || !panics(func() { r.Read(f.message3) }) {
		t.Error("an end may go on without the other's answer")
	}
	mustRead(t, i, mustWrite(t, r))
	mustRead(t, r, mustWrite(t, i))
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
