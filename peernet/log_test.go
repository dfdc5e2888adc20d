package peernet_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-f6ddb928/peernet-go/envelope"
	"github.com/seed-f6ddb928/peernet-go/identity"
	"github.com/seed-f6ddb928/peernet-go/internal/limiter"
	"github.com/seed-f6ddb928/peernet-go/internal/test/kit"
	"github.com/seed-f6ddb928/peernet-go/peernet"
)

func TestEachChangeOfStateIsOneLine(t *testing.T) {
	log := kit.NewLog(slog.LevelInfo)
	onIsland(t, func(i *island) {
		a, b := i.pair(peernet.Config{Logger: log.Logger()}, peernet.Config{})
		handle(i, b, "echo", echo)
		for range 100 {
			if _, err := a.Call(i.Context(), b.PublicKey(), "echo", 1); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(time.Hour)
		i.distrust(a, b)
		synctest.Wait()
	})
	var states []string
	for _, line := range log.Lines() {
		_, after, _ := strings.Cut(line, "state=")
		state, _, _ := strings.Cut(after, " ")
		states = append(states, strings.TrimSpace(state))
	}
	if want := []string{"running", "paired", "connected", "unpaired", "disconnected", "stopped"}; !slices.Equal(states, want) {
		t.Errorf("%q, want %q:\n%s", states, want, log.Lines())
	}
}

func TestNoBodyAndNoPrivateKeyIsEverLogged(t *testing.T) {
	const body = "in-confidence"
	secret := bytes.Repeat([]byte{0x5a}, identity.PrivateKeySize)
	private := []string{string(secret), hex.EncodeToString(secret), base64.StdEncoding.EncodeToString(secret), fmt.Sprint(secret)}
	log := kit.NewLog(slog.LevelDebug)
	onIsland(t, func(i *island) {
		c := peernet.Config{Logger: log.Logger(), Limits: peernet.Limits{CallsPerPeer: 1, SendsPerPeer: 1}}
		ca, cb := c, c
		ca.Identity, cb.Identity = keysOf(t, secret), i.keys()
		a, b := i.pair(ca, cb)
		handle(i, b, "echo", echo)
		handle(i, b, "fails", func(_ context.Context, r *peernet.Request) (any, error) { return nil, fmt.Errorf("failed: %s", body) })
		handle(i, b, "large", func(context.Context, *peernet.Request) (any, error) { return strings.Repeat(body, 1<<17), nil })
		for _, name := range []string{"echo", "fails", "large", "nothing"} {
			if _, err := a.Call(i.Context(), b.PublicKey(), name, body); (err == nil) != (name == "echo") {
				t.Errorf("%s: %v", name, err)
			}
			for range 3 {
				if err := a.Send(i.Context(), b.PublicKey(), name, body); err != nil {
					t.Error(err)
				}
			}
			synctest.Wait()
		}
	})
	for _, line := range log.Lines() {
		for _, s := range append(private, body) {
			if strings.Contains(line, s) {
				t.Errorf("%q is logged: %s", s, line)
			}
		}
	}
	if len(log.Lines("level=DEBUG")) == 0 {
		t.Error("nothing is logged")
	}
}

func keysOf(tb testing.TB, secret []byte) identity.KeyPair {
	tb.Helper()
	keys, err := identity.NewKeyPair(secret)
	if err != nil {
		tb.Fatal(err)
	}
	return keys
}

// TestTrustedPeerCannotFloodTheLog: one that breaks the protocol, again and again, or only comes and goes.
func TestTrustedPeerCannotFloodTheLog(t *testing.T) {
	const visits = 4 * limiter.MaxLines
	for name, visit := range map[string]func(p *rawPeer){
		"breaks the protocol": func(p *rawPeer) { p.write([]byte{0xc1}) },
		"comes and goes": func(p *rawPeer) {
			p.write([]byte{0x92, 0x03, 0xc4, 0x01, 0x00}) // a ping
			p.read()
		},
		"asks for what is too large": askForLarge,
	} {
		t.Run(name, func(t *testing.T) {
			log := kit.NewLog(slog.LevelInfo)
			told := 0
			onIsland(t, func(i *island) {
				n := i.node(peernet.Config{Logger: log.Logger()})
				handle(i, n, "large", large)
				keys := i.keys()
				if err := n.Pair(keys.PublicKey(), "hostile"); err != nil {
					t.Fatal(err)
				}
				call := func() {
					p := shakeRaw(i, keys, n, i.dial(n))
					visit(p)
					p.Conn.Close()
					synctest.Wait()
				}
				for range visits {
					call()
				}
				told = len(log.Lines())
				time.Sleep(limiter.Period)
				call()
			})
			if told > limiter.MaxLines+2 { // and that the node runs, and has paired
				t.Errorf("%d lines of %d visits within a minute:\n%s", told, visits, log.Lines()[:5])
			}
			if len(log.Lines("not_logged=", "peer=")) == 0 {
				t.Errorf("no line tells how much was not logged:\n%s", log.Lines())
			}
		})
	}
}

// large answers with more than one message holds.
func large(context.Context, *peernet.Request) (any, error) { return make([]byte, 2<<20), nil }

// askForLarge has p call large, and wait for the error.
func askForLarge(p *rawPeer) {
	p.write([]byte{0x94, 0x00, 0x01, 0xa5, 'l', 'a', 'r', 'g', 'e', 0xc0})
	p.read()
	p.read()
}

// TestLinesThatWereNotLoggedAreToldUnderTheirKind has a peer come, ask for what is too large, and go, again and again: the
// lines of each kind, and the numbers that lines of that kind tell, add up.
func TestLinesThatWereNotLoggedAreToldUnderTheirKind(t *testing.T) {
	const visits = 3 * limiter.MaxLines
	log := kit.NewLog(slog.LevelInfo)
	onIsland(t, func(i *island) {
		n := i.node(peernet.Config{Logger: log.Logger()})
		handle(i, n, "large", large)
		keys := i.keys()
		if err := n.Pair(keys.PublicKey(), ""); err != nil {
			t.Fatal(err)
		}
		for range visits {
			p := shakeRaw(i, keys, n, i.dial(n))
			askForLarge(p)
			p.Conn.Close()
			synctest.Wait()
		}
	})
	for kind, want := range map[string]int{"level=WARN": visits, "msg=peer": 2*visits + 1} { // that it was paired, besides
		got := 0
		for _, line := range log.Lines(kind) {
			if strings.Contains(line, "state=") || strings.Contains(line, "err=") {
				got++
			}
			if _, number, ok := strings.Cut(strings.TrimSpace(line), "not_logged="); ok {
				dropped, err := strconv.Atoi(number)
				if err != nil {
					t.Fatal(err)
				}
				got += dropped
			}
		}
		if got != want {
			t.Errorf("%s: %d lines were written or told, want %d:\n%s", kind, got, want, log.Lines(kind))
		}
	}
}

// TestOnePeersAccusationsDoNotHideAnothers has a peer say again and again that the node's key is in use twice. What
// another peer says of it is still logged, and every line and event names the peer that says so.
func TestOnePeersAccusationsDoNotHideAnothers(t *testing.T) {
	const cries = 3 * limiter.MaxLines
	log := kit.NewLog(slog.LevelInfo)
	said := make(map[identity.PublicKey]int)
	var wolf, honest identity.KeyPair
	onIsland(t, func(i *island) {
		n := i.node(peernet.Config{Logger: log.Logger()})
		wolf, honest = i.keys(), i.keys()
		events := n.Events(i.Context())
		accuse := func(keys identity.KeyPair) {
			if err := n.Pair(keys.PublicKey(), ""); err != nil {
				t.Fatal(err)
			}
			p := shakeRaw(i, keys, n, i.dial(n))
			p.write(envelope.AppendHello(nil, envelope.Hello{Version: 1}))
			p.write(envelope.AppendBye(nil, envelope.Bye{Code: envelope.ReasonConflict}))
			for ok := true; ok; _, ok = p.read() {
			}
			synctest.Wait()
		}
		for range cries {
			accuse(wolf)
		}
		accuse(honest)
		for e := range events {
			c, ok := e.(peernet.IdentityConflict)
			if ok && c.Peer != n.PublicKey() {
				t.Errorf("%+v is not about the node's key", c)
			}
			if said[c.By]++; ok && c.By == honest.PublicKey() {
				break
			}
		}
	})
	if said[wolf.PublicKey()] != cries {
		t.Errorf("%d events of %d", said[wolf.PublicKey()], cries)
	}
	for keys, want := range map[*identity.KeyPair]int{&wolf: limiter.MaxLines, &honest: 1} {
		if got := log.Lines("two nodes use the same key", fmt.Sprintf("by=%v", slog.AnyValue(keys.PublicKey()).Resolve())); len(got) != want {
			t.Errorf("%d lines, want %d: %q", len(got), want, got)
		}
	}
}
