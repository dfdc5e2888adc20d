package peernet_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-f6ddb928/peernet-go/peernet"
	"github.com/seed-f6ddb928/peernet-go/peernet/peertest"
)

// A dialer is a node that is told where another one is by host names, and what it asks of its network.
type dialer struct {
	*peertest.Node
	peers string // its peers file

	mu      sync.Mutex // guards the rest
	answer  func(ctx context.Context, host string) ([]netip.Addr, error)
	asked   []string // host names, in order
	dialled []string // addresses, in order
}

// newDialer returns a node whose peers file has bob at these addresses, and bob, who trusts it. Names are looked up by
// answer; nil: the names are those of nodes.
func newDialer(t *testing.T, n *peertest.Network, answer func(context.Context, string) ([]netip.Addr, error), addrs ...string) (c *dialer, bob *peertest.Node) {
	t.Helper()
	c = &dialer{answer: answer}
	dir := t.TempDir()
	c.peers = filepath.Join(dir, "peers")
	bob = n.Node("bob")
	if err := bob.Pair(peertest.KeyPair("alice").PublicKey(), "alice"); err != nil {
		t.Fatal(err)
	}
	c.write(t, bob, addrs...)
	c.Node = n.Node("alice", peertest.Configure(func(config *peernet.Config) {
		config.DataDir, config.Timing.Rotate = dir, time.Minute
		dial, lookUp := config.Network.Dial, config.Network.LookupNetIP
		config.Network.Dial = func(ctx context.Context, network, address string) (net.Conn, error) {
			c.mu.Lock()
			c.dialled = append(c.dialled, address)
			c.mu.Unlock()
			return dial(ctx, network, address)
		}
		config.Network.LookupNetIP = func(ctx context.Context, network, host string) ([]netip.Addr, error) {
			c.mu.Lock()
			c.asked = append(c.asked, host)
			answer := c.answer
			c.mu.Unlock()
			if answer == nil {
				return lookUp(ctx, network, host)
			}
			return answer(ctx, host)
		}
	}))
	return c, bob
}

// write makes the peers file.
func (c *dialer) write(t *testing.T, bob *peertest.Node, addrs ...string) {
	t.Helper()
	line := bob.PublicKey().String()
	for _, a := range addrs {
		line += " addr=" + a
	}
	if err := os.WriteFile(c.peers, []byte(line+" bob\n"), 0o600); err != nil {
		t.Fatal(err)
	}
}

// answers changes what names give, and returns what was asked and dialled before.
func (c *dialer) answers(answer func(context.Context, string) ([]netip.Addr, error)) (asked, dialled []string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.answer, asked, dialled = answer, c.asked, c.dialled
	c.asked, c.dialled = nil, nil
	return asked, dialled
}

func gives(addrs ...netip.Addr) func(context.Context, string) ([]netip.Addr, error) {
	return func(context.Context, string) ([]netip.Addr, error) { return addrs, nil }
}

func failsWith(err error) func(context.Context, string) ([]netip.Addr, error) {
	return func(context.Context, string) ([]netip.Addr, error) { return nil, err }
}

// hangs answers when nobody wants the answer any more.
func hangs(ctx context.Context, _ string) ([]netip.Addr, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}

// why returns what is known of bob, as text, with his addresses.
func (c *dialer) why(t *testing.T, bob *peertest.Node) string {
	t.Helper()
	e, err := c.Explain(bob.PublicKey())
	if err != nil {
		t.Fatal(err)
	}
	text := e.String() + "\n"
	for _, a := range e.Peer.Addresses {
		text += fmt.Sprintf("address %v name %q source %q result %q\n", a.Addr, a.Name, a.Source, a.LastResult)
	}
	return text
}

func onNames(t *testing.T, f func(t *testing.T, n *peertest.Network)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) { f(t, peertest.NewNetwork(t)) })
}

func TestANameInThePeersFileIsDialledHoweverItIsWritten(t *testing.T) {
	for _, written := range []string{"bob:7100", "BOB:7100", "bob.:7100", "Bob.:07100", "[bob]:7100", "[::ffff:10.0.0.1]:7100"} {
		t.Run(written, func(t *testing.T) {
			onNames(t, func(t *testing.T, n *peertest.Network) {
				c, bob := newDialer(t, n, nil, written)
				n.AwaitConnected(c.Node, bob)
				if why := c.why(t, bob); !strings.Contains(written, "::") && !strings.Contains(why, fmt.Sprintf(`address invalid AddrPort name %q source "peers file" result "looked up: %v"`, written, bob.Addr())) {
					t.Error(why)
				}
			})
		})
	}
}

func TestANameThatIsWrittenTwiceIsLookedUpOnce(t *testing.T) {
	onNames(t, func(t *testing.T, n *peertest.Network) {
		c, bob := newDialer(t, n, nil, "bob:7100", "BOB.:7100", "bob:7100", "bob:7101")
		n.AwaitConnected(c.Node, bob)
		if asked, _ := c.answers(nil); !slices.Equal(asked, []string{"bob", "bob"}) { // at two ports
			t.Errorf("asked for %q", asked)
		}
	})
}

// TestALookupThatFailsIsTold: and tried again, as dials are.
func TestALookupThatFailsIsTold(t *testing.T) {
	many := make([]netip.Addr, 0, 100)
	for i := range 100 {
		many = append(many, netip.AddrFrom4([4]byte{10, 9, 0, byte(i)}))
	}
	for _, test := range []struct {
		name   string
		answer func(context.Context, string) ([]netip.Addr, error)
		want   string
		dials  int // of the first round
	}{
		{"unknown", failsWith(&net.DNSError{Err: "no such host", Name: "bob.example", IsNotFound: true}), "look up bob.example:7100: no such host", 0},
		{"an error of its own", failsWith(errors.New("the moon is full")), "look up bob.example:7100: the moon is full", 0},
		{"no address", gives(), "look up bob.example:7100: the name has no address", 0},
		{"none that can be dialled", gives(netip.Addr{}, netip.IPv4Unspecified(), netip.MustParseAddr("224.0.0.1")), "look up bob.example:7100: the name has no address", 0},
		{"it hangs", hangs, "look up bob.example:7100: no answer within 5s", 0},
		{"many, and nobody is there", gives(many...), "dial 10.9.0.", 8},
		{"the node itself", gives(netip.MustParseAddr("10.0.0.2")), "10.0.0.2:7100", 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			onNames(t, func(t *testing.T, n *peertest.Network) {
				c, bob := newDialer(t, n, test.answer)
				err := c.ConnectOnce(t.Context(), bob.PublicKey(), "bob.example:7100")
				if !strings.Contains(fmt.Sprint(err), test.want) || test.dials == 0 && errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("Connect: %v, want %s", err, test.want)
				}
				if asked, dialled := c.answers(test.answer); !slices.Equal(asked, []string{"bob.example"}) || len(dialled) != test.dials {
					t.Errorf("asked for %q, dialled %q", asked, dialled)
				}
				c.write(t, bob, "bob.example:7100")
				time.Sleep(20 * time.Second)
				if why := c.why(t, bob); !strings.Contains(why, test.want) || !strings.Contains(why, `name "bob.example:7100"`) || strings.Contains(why, "unknown; ") {
					t.Errorf("why: %s", why)
				}
				if asked, _ := c.answers(gives(bob.Addr().Addr())); len(asked) < 2 || len(asked) > 20 {
					t.Errorf("asked %d times in 20 s", len(asked))
				}
				n.AwaitConnected(c.Node, bob)
			})
		})
	}
}

func TestAResolverThatHangsHoldsUpNoOtherAddress(t *testing.T) {
	onNames(t, func(t *testing.T, n *peertest.Network) {
		c, bob := newDialer(t, n, hangs, "one.example:7100", "10.0.0.1:7100", "two.example:7100")
		synctest.Wait()
		if p, _ := c.Peer(bob.PublicKey()); p.State != peernet.StateConnected {
			t.Errorf("%s", c.why(t, bob))
		}
	})
}

// TestNobodyWaitsForALookup: neither the end of the node nor that of trust, nor the peer's own dial.
func TestNobodyWaitsForALookup(t *testing.T) {
	for name, end := range map[string]func(t *testing.T, c *dialer, bob *peertest.Node){
		"unpair":   func(t *testing.T, c *dialer, bob *peertest.Node) { _ = c.Unpair(bob.PublicKey()) },
		"shutdown": func(t *testing.T, c *dialer, _ *peertest.Node) { c.Stop() },
		"removed":  func(t *testing.T, c *dialer, bob *peertest.Node) { c.write(t, bob); _ = c.Reload() },
		"the peer dials": func(t *testing.T, c *dialer, bob *peertest.Node) {
			if err := bob.Connect(t.Context(), c.PublicKey(), c.Addr().String()); err != nil {
				t.Error(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			onNames(t, func(t *testing.T, n *peertest.Network) {
				ended := 0
				c, bob := newDialer(t, n, nil)
				c.answers(func(ctx context.Context, host string) ([]netip.Addr, error) {
					defer func() { ended++ }()
					return hangs(ctx, host)
				})
				done := make(chan error, 1)
				go func() { done <- c.ConnectOnce(t.Context(), bob.PublicKey(), "bob.example:7100") }()
				synctest.Wait()
				began := time.Now()
				end(t, c, bob)
				synctest.Wait()
				if name == "removed" {
					if err := c.Reload(); err != nil {
						t.Error(err)
					}
					return // the Connect still wants it
				}
				if took := time.Since(began); took > 100*time.Millisecond || ended != 1 || len(done) != 1 {
					t.Errorf("took %v, %d lookups ended, answered: %v", took, ended, len(done) == 1)
				}
			})
		})
	}
}

func TestANameThatLedToAnotherNodeIsFollowedWhenItChanges(t *testing.T) {
	onNames(t, func(t *testing.T, n *peertest.Network) {
		carol := n.Node("carol") // 10.0.0.1
		c, bob := newDialer(t, n, gives(carol.Addr().Addr()), "home.example:7100")
		if err := c.Connect(t.Context(), bob.PublicKey(), "home.example:7100"); !errors.Is(err, peernet.ErrWrongKey) {
			t.Errorf("Connect: %v", err)
		}
		c.answers(gives(bob.Addr().Addr()))
		n.AwaitConnected(c.Node, bob)
		if _, dialled := c.answers(gives(carol.Addr().Addr())); !slices.Equal(dialled, []string{bob.Addr().String()}) {
			t.Errorf("dialled %q", dialled)
		}
		if why := c.why(t, bob); strings.Contains(why, "address "+carol.Addr().String()) || !strings.Contains(why, fmt.Sprintf(`address %v name "home.example:7100"`, bob.Addr())) {
			t.Error(why)
		}
	})
}

func TestConnectKeepsWhatItIsGiven(t *testing.T) {
	for _, test := range []struct {
		name  string
		addrs []string // before the one where bob will be
		after []string
		once  bool
		want  bool
	}{
		{name: "an address", want: true},
		{name: "once", once: true},
		{name: "with seven others", addrs: []string{"10.0.9.1:1", "a.example:1", "10.0.9.2:1"}, after: []string{"10.0.9.3:1", "b.example:1", "10.0.9.4:1", "10.0.9.5:1"}, want: true},
		{name: "before eight others", after: []string{"10.0.9.1:1", "a.example:1", "10.0.9.2:1", "10.0.9.3:1", "b.example:1", "10.0.9.4:1", "10.0.9.5:1", "10.0.9.6:1"}},
	} {
		for _, at := range []string{"10.0.0.1:7100", "bob:7100"} {
			t.Run(test.name+" "+at, func(t *testing.T) {
				onNames(t, func(t *testing.T, n *peertest.Network) {
					c, bob := newDialer(t, n, nil)
					bob.Stop()
					connect := c.Connect
					if test.once {
						connect = c.ConnectOnce
					}
					for _, a := range slices.Concat(test.addrs, []string{at}, test.after) {
						ctx, cancel := context.WithTimeout(t.Context(), time.Second)
						if err := connect(ctx, bob.PublicKey(), a); err == nil {
							t.Fatal("connected")
						}
						cancel()
					}
					kept := strings.Contains(c.why(t, bob), `source "connect"`)
					time.Sleep(time.Minute)
					bob.Restart()
					time.Sleep(time.Minute)
					if p, _ := c.Peer(bob.PublicKey()); (p.State == peernet.StateConnected) != test.want || kept == test.once {
						t.Errorf("kept: %v; %s", kept, c.why(t, bob))
					}
				})
			})
		}
	}
}

// TestConnectOnceLeavesNothing: also if the peer was there, and also if it was connected already.
func TestConnectOnceLeavesNothing(t *testing.T) {
	for _, at := range []string{"10.0.0.1:7100", "bob:7100"} {
		t.Run(at, func(t *testing.T) {
			onNames(t, func(t *testing.T, n *peertest.Network) {
				c, bob := newDialer(t, n, nil)
				for range 2 {
					if err := c.ConnectOnce(t.Context(), bob.PublicKey(), at); err != nil {
						t.Fatal(err)
					}
				}
				time.Sleep(5 * time.Minute) // its session is replaced all the same
				if made := c.Stats().Total.SessionsMade; made < 4 {
					t.Errorf("%d sessions in five minutes: %s", made, c.why(t, bob))
				}
				bob.Crash()
				time.Sleep(time.Minute)
				bob.Restart()
				_, _ = c.answers(nil)
				time.Sleep(5 * time.Minute)
				if asked, dialled := c.answers(nil); len(asked)+len(dialled) > 0 {
					t.Errorf("asked for %q, dialled %q: %s", asked, dialled, c.why(t, bob))
				}
			})
		})
	}
}

func TestWhatIsNoAddressIsRefusedWhereItIsGiven(t *testing.T) {
	onNames(t, func(t *testing.T, n *peertest.Network) {
		c, bob := newDialer(t, n, nil)
		long := strings.Repeat("a.", 127)
		for _, a := range []string{"", "bob", ":7100", "bob:", "bob:0", "bob:65536", "bob:-1", "bob:http", "fe80::1:7100", "[fe80::1%eth0]", "[nonsense::]:7100",
			"a b:1", "a/b:1", ".:1", long + "a:1", long[:253] + "aa.:1", "[]:1", "b%eth0:1", "a\u200bb:1"} {
			if err := c.Connect(t.Context(), bob.PublicKey(), a); err == nil || !strings.Contains(err.Error(), "address") {
				t.Errorf("%q: %v", a, err)
			}
		}
		asked, dialled := c.answers(nil)
		if len(asked)+len(dialled) > 0 {
			t.Errorf("asked for %q, dialled %q", asked, dialled)
		}
		for _, a := range []string{long[:253] + ":1", long[:253] + ".:1", "a_b:65535", "[fe80::1%eth0]:1"} {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			if err := c.ConnectOnce(ctx, bob.PublicKey(), a); err == nil || strings.Contains(err.Error(), "want") {
				t.Errorf("%q: %v", a, err)
			}
			cancel()
		}
	})
}
