package handshake

import (
	"bytes"
	"errors"
	"fmt"
	"testing"

	"github.com/seed-f6ddb928/peernet-go/frame"
	"github.com/seed-f6ddb928/peernet-go/identity"
	"github.com/seed-f6ddb928/peernet-go/internal/test/vectors"
)

// TestVectorsReplay runs each vector at both ends: messages, hash and keys are the file's, byte for byte.
func TestVectorsReplay(t *testing.T) {
	for name, dialect := range dialectOfFile {
		for _, v := range vectors.Noise(t, name).Vectors {
			t.Run(name+"/"+v.Name, func(t *testing.T) {
				f := newFixed(v).in(dialect)
				for n, m := range [][]byte{f.message1, f.message2, f.message3} {
					if !bytes.Equal(m, v.Messages[n].Frame[frame.HeaderSize:]) {
						t.Fatalf("message %d is not what the file frames: %x", n+1, m)
					}
				}
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
		if f.dialect == BEAM {
			want = want[6:] // the library's part
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
