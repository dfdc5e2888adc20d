package erlang_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/seed-f6ddb928/peernet-go/peernet"
)

// A name that the peer's BEAM has never heard of ends the session without a word. The error says what that may mean, and the
// node connects again, after a pause.
func TestUnexposedNameClosesTheSession(t *testing.T) {
	t.Parallel()
	n, b := pairOf(t, "go dials")
	key := b.keys.PublicKey()
	_, err := n.Call(patiently(t), key, "a name that no BEAM has", nil)
	if !errors.Is(err, peernet.ErrMaybeNoHandler) || !errors.Is(err, peernet.ErrLinkLost) {
		t.Errorf("the call fails with %v", err)
	}
	b.await(fmt.Sprintf("{closed,%s,invalid_term}", digits(n.PublicKey())))
	gone := n.disconnected(key, 0)
	n.connected(key)
	up := eventsOf[peernet.Connected](n)
	if pause := up[len(up)-1].Time().Sub(gone.Time()); pause < 4*time.Second {
		t.Errorf("connected again after %v", pause)
	}
	b.never("{gave_up,")
}

// What is too large to send fails at the sender, and costs no session. What the peer sends over the limit ends it.
func TestOversizedFrames(t *testing.T) {
	t.Parallel()
	n, b := pairOf(t, "go dials")
	key := b.keys.PublicKey()
	b.do("{expose,echo,echo}")
	b.do("{expose,bytes,bytes}")
	b.sync()
	_, err := n.Call(patiently(t), key, "echo", make([]byte, 1<<20))
	if !errors.Is(err, peernet.ErrTooLarge) || peernet.Sent(err) {
		t.Errorf("arguments of 1 MiB fail with %v", err)
	}
	almost := 1<<20 - 100
	if got, err := peernet.Call[[]byte](patiently(t), n.Node, key, "bytes", almost); err != nil || len(got) != almost {
		t.Errorf("a result of %d bytes: %d, %v", almost, len(got), err)
	}
	b.never(`{closed,"`)

	_, err = n.Call(patiently(t), key, "bytes", 1<<20)
	if !errors.Is(err, peernet.ErrLinkLost) {
		t.Errorf("a result over the limit fails with %v", err)
	}
	if gone := n.disconnected(key, 0); !strings.Contains(gone.Reason+gone.Text, "limit") && gone.Reason != "protocol" {
		t.Errorf("the session ends with %q, %q", gone.Reason, gone.Text)
	}
	b.await(`{closed,"`)
	n.connected(key)
	b.never("{gave_up,")
}

// What is no envelope of the dialect ends the session: terms of another shape, unknown terms, junk.
func TestPeerSendsJunk(t *testing.T) {
	t.Parallel()
	for name, command := range map[string]string{
		"another tuple":    `{raw,%s,"83680164000470696e67"}`,
		"no term":          `{raw,%s,"00"}`,
		"not sealed":       `{frame,%s,"0000001000000000000000000000000000000000"}`,
		"over the limit":   `{frame,%s,"00100001"}`,
		"a name of a list": `{raw,%s,"83680464000463616c6c61016a6101"}`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n, b := pairOf(t, "go dials")
			b.do(command, digits(n.PublicKey()))
			b.await(`{closed,"`)
			n.disconnected(b.keys.PublicKey(), 0)
			n.connected(b.keys.PublicKey())
			b.never("{gave_up,")
		})
	}
}

// Strangers learn nothing, in either role.
func TestStrangers(t *testing.T) {
	t.Parallel()
	b := startBEAM(t)
	n := startNode(t, peernet.Config{})
	key := b.keys.PublicKey()
	if err := n.Pair(key, "beam"); err != nil {
		t.Fatal(err)
	}
	if err := n.ConnectOnce(patiently(t), key, b.addr()); err == nil {
		t.Error("connected to a peer that does not trust this node")
	}
	b.await("{closed,none,untrusted_peer}")
	if err := n.Unpair(key); err != nil {
		t.Fatal(err)
	}
	b.do("calm")
	b.do("{trust,%s}", digits(n.PublicKey()))
	b.do("{dial,%s,{127,0,0,1},%d}", digits(n.PublicKey()), n.port())
	b.await("{closed,")
	if _, known := n.Peer(key); known {
		t.Error("the stranger is a peer")
	}
}

// Of a BEAM peer that takes no connection, at most two are tried in any ten seconds, the native attempt included.
func TestAtMostTwoFailedAttemptsInTenSeconds(t *testing.T) {
	if testing.Short() {
		t.Skip("takes 25 s")
	}
	t.Parallel()
	const period, watched = 10 * time.Second, 25 * time.Second
	for _, c := range []struct {
		name string
		fail func(n *node, b *beam) // has every attempt fail from now on
	}{
		{"it does not trust us", func(n *node, b *beam) {}},
		{"it did trust us", func(n *node, b *beam) {
			b.do("{trust,%s}", digits(n.PublicKey()))
			b.sync()
			connect(n.t, n, b, "go dials")
			b.do("{distrust,%s}", digits(n.PublicKey()))
			b.do("{close,%s}", digits(n.PublicKey()))
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			b := startBEAM(t)
			n := startNode(t, peernet.Config{})
			if err := n.Pair(b.keys.PublicKey(), "beam"); err != nil {
				t.Fatal(err)
			}
			c.fail(n, b)
			done := time.After(watched)
			ctx := t.Context()
			for begun := time.Now(); time.Since(begun) < watched; { // a program that insists
				_ = n.ConnectOnce(ctx, b.keys.PublicKey(), b.addr())
				select {
				case <-done:
				case <-time.After(200 * time.Millisecond):
				}
			}
			var at []time.Duration
			for line := range b.all("{accepted,") {
				var ms int64
				if _, err := fmt.Sscanf(line, "{accepted,%d}", &ms); err != nil {
					t.Fatal(err)
				}
				at = append(at, time.Duration(ms)*time.Millisecond)
			}
			if c.name == "it did trust us" {
				at = at[1:] // which succeeded
			}
			for i := 2; i < len(at); i++ {
				if within := at[i] - at[i-2]; within < period {
					t.Errorf("three attempts within %v: %v", within, at)
				}
			}
			if len(at) < 3 {
				t.Errorf("only %d attempts in %v", len(at), watched)
			}
			b.never("{gave_up,")
		})
	}
}
