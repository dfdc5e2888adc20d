package erlang_test

import (
	"net"
	"net/netip"
	"sync"
	"testing"

	"github.com/seed-f6ddb928/peernet-go/discovery"
	"github.com/seed-f6ddb928/peernet-go/discovery/udp"
	"github.com/seed-f6ddb928/peernet-go/peernet"
)

// Both dial at once: one session stays, whichever the peer keeps, and both can call.
func TestBothDialAtOnce(t *testing.T) {
	t.Parallel()
	b := startBEAM(t)
	n := startNode(t, peernet.Config{})
	trust(t, n, b)
	key := b.keys.PublicKey()
	b.do("{expose,echo,echo}")
	handle(t, n, "echo", echo)
	for range 10 {
		ups, downs := b.count("{connected,"), len(eventsOf[peernet.Disconnected](n))
		var both sync.WaitGroup
		both.Go(func() { _ = n.Connect(patiently(t), key, b.addr()) })
		b.do("{dial,%s,{127,0,0,1},%d}", digits(n.PublicKey()), n.port())
		both.Wait()
		n.connected(key)
		b.sync()
		if _, err := callPeer(t, n, key, 1); err != nil {
			t.Fatal(err)
		}
		if got := b.call(n, "echo", "2"); got != "{ok,2}" {
			t.Fatalf("the peer gets %s", got)
		}
		if extra := b.count("{connected,") - ups; extra > 2 {
			t.Errorf("%d sessions for two dials", extra)
		}
		b.do("{close,%s}", digits(n.PublicKey()))
		b.await(`{closed,"`)
		b.do("calm")
		n.disconnected(key, downs)
	}
	if up, down := len(eventsOf[peernet.Connected](n)), len(eventsOf[peernet.Disconnected](n)); up-down > 1 || up < down {
		t.Errorf("%d times connected, %d times disconnected", up, down)
	}
	b.never("{gave_up,")
}

// The peer's process is killed and starts again: the node is connected again by itself.
func TestPeerRestarts(t *testing.T) {
	t.Parallel()
	n, b := pairOf(t, "go dials")
	key := b.keys.PublicKey()
	b.do("{expose,echo,echo}")
	b.do("stop")
	b.await("stopped")
	n.disconnected(key, 0)
	b.start(b.port)
	b.do("{trust,%s}", digits(n.PublicKey()))
	b.sync()
	n.connected(key)
	if _, err := peernet.Call[int](patiently(t), n.Node, key, "echo", 1, peernet.WaitForReady()); err != nil {
		t.Error(err)
	}
	b.never("{gave_up,")
}

// The node restarts with the same key and folder: it remembers the dialect, so that it makes one connection and no more.
func TestNodeRestarts(t *testing.T) {
	t.Parallel()
	b := startBEAM(t)
	config := peernet.Config{DataDir: t.TempDir()}
	n := startNode(t, config)
	trust(t, n, b)
	connect(t, n, b, "go dials")
	n.stop()
	b.await("{closed," + digits(n.PublicKey()) + ",")
	before := b.count("{accepted,")
	n = startNode(t, config)
	connect(t, n, b, "go dials")
	if made := b.count("{accepted,") - before; made != 1 {
		t.Errorf("%d connections after the restart", made)
	}
	b.never("{gave_up,")
}

// A call in flight when the peer's process is killed fails as lost, and so does one of the peer's when the node stops.
func TestCallsInFlightWhenAnEndGoes(t *testing.T) {
	t.Parallel()
	n, b := pairOf(t, "go dials")
	b.do("{expose,doze,sleep}")
	b.sync()
	failed := make(chan error, 1)
	go func() {
		_, err := n.Call(patiently(t), b.keys.PublicKey(), "doze", 20000)
		failed <- err
	}()
	b.await("{call,doze,")
	b.do("stop")
	if err := <-failed; err == nil || !peernet.Sent(err) {
		t.Errorf("the call ends with %v", err)
	}
}

// announceAddress is where both announce themselves in these tests: to this machine alone.
const announceAddress = "{127,255,255,255}"

// A provider of announces on loopback.
func loopbackUDP(port int) *udp.Provider {
	return udp.New(udp.Options{Port: uint16(port), Broadcast: []netip.Addr{netip.MustParseAddr("127.255.255.255")}})
}

// Each hears the other's announce, and one of them dials: no address is given to either.
func TestAnnouncesAreHeardBothWays(t *testing.T) {
	t.Parallel()
	for name, silent := range map[string]string{"both announce": "", "the peer alone": "go", "the node alone": "beam"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			port := freePort(t)
			b := startBEAM(t)
			b.do("{expose,echo,echo}")
			n := startNode(t, peernet.Config{Discovery: []discovery.Provider{loopbackUDP(port)}, ListenOnly: silent == "go"})
			trust(t, n, b)
			every := 500
			if silent == "beam" {
				every = 1e9
			}
			b.do("{announce,%s,%d,%d}", announceAddress, port, every)
			if silent != "go" {
				b.await("{heard," + digits(n.PublicKey()) + ",{127,0,0,1},")
			}
			n.connected(b.keys.PublicKey())
			if _, err := peernet.Call[int](patiently(t), n.Node, b.keys.PublicKey(), "echo", 1, peernet.WaitForReady()); err != nil {
				t.Error(err)
			}
			b.never("{gave_up,")
		})
	}
}

// freePort returns a UDP port that nobody has.
func freePort(t *testing.T) int {
	t.Helper()
	c, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	return c.LocalAddr().(*net.UDPAddr).Port
}
