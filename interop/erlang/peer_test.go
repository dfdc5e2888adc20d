package erlang_test

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"testing"

	"github.com/seed-f6ddb928/peernet-go/identity"
)

// meet has a dial b; both trust each other.
func meet(t *testing.T, a, b *beam) {
	t.Helper()
	a.do("{trust,%s}", digits(b.keys.PublicKey()))
	b.do("{trust,%s}", digits(a.keys.PublicKey()))
	b.sync()
	a.do("{dial,%s,{127,0,0,1},%d}", digits(b.keys.PublicKey()), b.port)
	a.await("{connected," + digits(b.keys.PublicKey()) + ",initiator}")
	b.await("{connected," + digits(a.keys.PublicKey()) + ",responder}")
}

// randomKeys returns a fresh key pair.
func randomKeys(t *testing.T) identity.KeyPair {
	t.Helper()
	keys, err := identity.GenerateKeyPair(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return keys
}

// Two peers on the BEAM understand each other: what the peer sends it also takes.
func TestTwoPeersCallEachOther(t *testing.T) {
	t.Parallel()
	a, b := startBEAM(t), startBEAM(t)
	meet(t, a, b)
	for _, handler := range []string{"{echo,echo}", "{crash,crash}", "{no,forbidden}"} {
		a.do("{expose,%s}", strings.Trim(handler, "{}"))
		b.do("{expose,%s}", strings.Trim(handler, "{}"))
	}
	b.do("{know,[void]}")
	for _, way := range [][2]*beam{{a, b}, {b, a}} {
		from, to := way[0], digits(way[1].keys.PublicKey())
		for _, c := range []struct{ call, result string }{
			{`echo,[1,2.5,<<"text">>,{ok,#{node=>nil}}]`, `{ok,[1,2.5,<<"text">>,{ok,#{node => nil}}]}`},
			{`crash,badarg`, `{error,{handler_crash,{error,badarg,`},
			{`no,1`, `{error,forbidden}`},
			{`void,1`, `{error,no_such_handle}`},
		} {
			from.do("{call,1,%s,%s}", to, c.call)
			if got := from.await("{result,1,"); !strings.HasPrefix(got, "{result,1,"+c.result) {
				t.Errorf("%s: %s", c.call, got)
			}
		}
		from.do("{ping,%s,<<1,2>>}", to)
		from.await("{pong," + to + ",<<1,2>>}")
	}
}

// What arrives with message 3 waits for the next packet.
func TestPeerParksWhatFollowsMessage3(t *testing.T) {
	t.Parallel()
	b, keys := startBEAM(t), randomKeys(t)
	b.do("{trust,%s}", digits(keys.PublicKey()))
	b.sync()
	r := dialRaw(t, b, keys, func(r *raw) []byte { return r.seal(etfPing(1)) })
	b.await("{connected,")
	b.do("{ping,%s,<<9>>}", digits(keys.PublicKey())) // comes before the answer to what is parked
	for i, want := range [][]byte{etfPing(9), etfPong(1), etfPong(2)} {
		got, err := r.read()
		if err != nil || !bytes.Equal(got, want) {
			t.Fatalf("message %d is %q, %v; want %q", i, got, err, want)
		}
		if i == 0 {
			r.write(r.seal(etfPing(2)))
		}
	}
}

// The newest connection of a key wins, and the one before is closed.
func TestPeerKeepsTheNewestConnection(t *testing.T) {
	t.Parallel()
	b, keys := startBEAM(t), randomKeys(t)
	b.do("{trust,%s}", digits(keys.PublicKey()))
	b.sync()
	older := dialRaw(t, b, keys, nil)
	b.await("{connected,")
	newer := dialRaw(t, b, keys, nil)
	b.await("{connected,")
	if m, err := older.read(); err == nil {
		t.Errorf("the older connection carries %q", m)
	}
	b.await("{closed," + digits(keys.PublicKey()) + ",superseded}")
	newer.write(newer.seal(etfPing(1)))
	if m, err := newer.read(); err != nil || !bytes.Equal(m, etfPong(1)) {
		t.Errorf("the newer one answers %q, %v", m, err)
	}
}

// A frame over the limit, an unknown atom, another shape and a stranger end a connection without a word.
func TestPeerClosesWithoutAWord(t *testing.T) {
	t.Parallel()
	b, keys := startBEAM(t), randomKeys(t)
	b.do("{trust,%s}", digits(keys.PublicKey()))
	b.sync()
	for _, c := range []struct {
		reason string
		bytes  func(*raw) []byte
	}{
		{"frame_too_large", func(*raw) []byte { return []byte{0, 16, 0, 1} }},
		{"invalid_term", func(r *raw) []byte { return r.seal([]byte("\x83h\x03d\x00\x04sendd\x00\x06unsaidj")) }},
		{"unknown_envelope", func(r *raw) []byte { return r.seal([]byte("\x83j")) }},
		{"bad_decrypt", func(*raw) []byte { return append([]byte{0, 0, 0, 16}, make([]byte, 16)...) }},
	} {
		r := dialRaw(t, b, keys, nil)
		b.await("{connected,")
		r.write(c.bytes(r))
		if m, err := r.read(); err == nil {
			t.Errorf("%s: it answers %q", c.reason, m)
		}
		b.await(fmt.Sprintf("{closed,%s,%s}", digits(keys.PublicKey()), c.reason))
		b.do("calm")
	}
	stranger := randomKeys(t)
	if m, err := dialRaw(t, b, stranger, nil).read(); err == nil {
		t.Errorf("a stranger is answered %q", m)
	}
	b.await(fmt.Sprintf("{closed,%s,untrusted_peer}", "none"))
}

// Four connections that end within five seconds, whatever ended them, are too many.
func TestPeerGivesUpAtTheFourthClose(t *testing.T) {
	t.Parallel()
	b, keys := startBEAM(t), randomKeys(t)
	b.do("{trust,%s}", digits(keys.PublicKey()))
	b.sync()
	for range 3 {
		_ = dialRaw(t, b, keys, nil).conn.Close()
		b.await("{closed,")
	}
	b.do("{dial,%s,{127,0,0,1},1}", digits(keys.PublicKey())) // nothing listens there
	b.await("{gave_up,4}")
	err := <-b.exited
	b.exited <- err
	if exit := (*exec.ExitError)(nil); !errors.As(err, &exit) || exit.ExitCode() != statusGaveUp {
		t.Errorf("it ended with %v", err)
	}
	if !strings.Contains(b.stderr.String(), "gives up") {
		t.Errorf("it said %q", b.stderr.String())
	}
}

// A handler blocks what else the connection does: pongs too.
func TestPeerHandlersBlockItsPongs(t *testing.T) {
	t.Parallel()
	b, keys := startBEAM(t), randomKeys(t)
	b.do("{trust,%s}", digits(keys.PublicKey()))
	b.do("{expose,doze,sleep}")
	b.sync()
	r := dialRaw(t, b, keys, nil)
	b.await("{connected,")                                                   // so that nothing is parked
	r.write(r.seal([]byte("\x83h\x04d\x00\x04calla\x07d\x00\x04dozea\x64"))) // {call, 7, doze, 100}
	r.write(r.seal(etfPing(1)))
	for i, want := range []string{"\x83h\x03d\x00\x05replya\x07h\x02d\x00\x02okd\x00\x05slept", string(etfPong(1))} {
		if got, err := r.read(); err != nil || string(got) != want {
			t.Fatalf("message %d is %q, %v; want %q", i, got, err, want)
		}
	}
}
