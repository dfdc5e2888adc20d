package peernet_test

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	mathrand "math/rand/v2"
	"net"
	"net/netip"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-f6ddb928/peernet-go/discovery"
	"github.com/seed-f6ddb928/peernet-go/envelope"
	"github.com/seed-f6ddb928/peernet-go/handshake"
	"github.com/seed-f6ddb928/peernet-go/identity"
	"github.com/seed-f6ddb928/peernet-go/internal/test/kit"
	"github.com/seed-f6ddb928/peernet-go/pairing"
	"github.com/seed-f6ddb928/peernet-go/peernet"
	"github.com/seed-f6ddb928/peernet-go/peernet/peertest"
)

// An imposture is what a node does that announces the number of another one's offer.
type imposture int

const (
	refuses           imposture = iota // the connection
	isAway                             // nothing answers
	isSilent                           // from the beginning
	silentInHandshake                  // after its first message
	silentAtHello                      // after the handshake
	silentAtShare
	hangsUp  // at a step of its own choice
	babbles  // in place of its share
	saysOver // to the share
	silentAtConfirmation
	guesses // and says what it likes
	impostures

	// These are not among the random ones.
	silentElsewhere   // silentAtConfirmation, at another address of the first impostor
	dropsConfirmation // passes all on to the offerer, by whose key it is announced, but what comes after a share
)

// takesGuess reports whether the joiner confirms to such a node.
func (i imposture) takesGuess() bool { return i == silentAtConfirmation || i == guesses }

// An impostor is a node that announces a number which is not its own.
type impostor struct {
	imposture
	keys identity.KeyPair
	at   netip.AddrPort
}

// A crowd is a joiner, the node that it looks for, and impostors, on a LAN in memory.
type crowd struct {
	*testing.T
	net             *peertest.Network
	offerer, joiner *peertest.Node
	offer           *peernet.PairingOffer
	random          *mathrand.Rand
	impostors       map[string]impostor // by address
	heard           chan *discovery.Offers

	offererIsMute atomic.Bool  // it announces nothing
	conns, most   atomic.Int64 // connections of the joiner at the moment, and at any
	confirmations atomic.Int64 // that impostors have had
	dropped       atomic.Int64 // writes to the offerer that an impostor has dropped
	serving       sync.WaitGroup
}

// A hearing is a provider that hears what the test says.
type hearing struct{ heard chan *discovery.Offers }

func (hearing) Name() string { return "hearing" }

func (h hearing) Run(ctx context.Context, self discovery.Self, _ func(discovery.Sighting)) error {
	h.heard <- self.Offers
	<-ctx.Done()
	return nil
}

// inCrowd runs f with impostors that announce the number of the offerer's code every second, each at a moment of its own, as the
// offerer does.
func inCrowd(t *testing.T, seed uint64, impostors []imposture, f func(*crowd)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		c := &crowd{T: t, net: peertest.NewNetwork(t, peertest.Seed(seed+1)), random: mathrand.New(mathrand.NewPCG(seed, 6)),
			impostors: make(map[string]impostor), heard: make(chan *discovery.Offers, 1)}
		c.offerer = c.net.Node("offerer")
		c.joiner = c.net.Node("joiner", peertest.Configure(func(config *peernet.Config) {
			config.Discovery = append(config.Discovery, hearing{c.heard})
			dial := config.Network.Dial
			config.Network.Dial = func(ctx context.Context, network, address string) (net.Conn, error) {
				conn, err := c.dial(ctx, address, func(address string) (net.Conn, error) { return dial(ctx, network, address) })
				if err != nil {
					return nil, err
				}
				c.most.Store(max(c.most.Load(), c.conns.Add(1)))
				return &countedConn{Conn: conn, open: &c.conns}, nil
			}
		}))
		for i, what := range impostors {
			ip := netip.AddrFrom4([4]byte{10, 9, byte(c.random.IntN(256)), byte(c.random.IntN(256))}) // some are of one machine
			o := impostor{what, peertest.KeyPair(fmt.Sprint("impostor", i)), netip.AddrPortFrom(ip, uint16(20000+i))}
			switch what {
			case silentElsewhere:
				o.keys = peertest.KeyPair("impostor0")
			case dropsConfirmation:
				o.keys = peertest.KeyPair("offerer")
			}
			c.impostors[o.at.String()] = o
		}
		var err error
		if c.offer, err = c.offerer.OfferPairing(t.Context(), peernet.Introduction{}); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		var announcing sync.WaitGroup
		list := c.announced()
		announcing.Go(func() { c.announce(ctx, <-c.heard, list) })
		f(c)
		cancel()
		announcing.Wait()
		c.serving.Wait()
		if n := c.most.Load(); n > 16+1 { // and the ordinary one
			t.Errorf("the joiner had %d connections", n)
		}
	})
}

// announced returns what the nodes announce, in the order in which they do.
func (c *crowd) announced() []discovery.Offer {
	number := c.offer.Code().Number()
	list := []discovery.Offer{{Number: number, Key: c.offerer.PublicKey(), Addr: c.offerer.Addr()}}
	for _, i := range c.impostors {
		list = append(list, discovery.Offer{Number: number, Key: i.keys.PublicKey(), Addr: i.at})
	}
	slices.SortFunc(list, func(a, b discovery.Offer) int { return a.Addr.Compare(b.Addr) })
	c.random.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
	return list
}

// announce has offers hear each of list every second.
func (c *crowd) announce(ctx context.Context, offers *discovery.Offers, list []discovery.Offer) {
	time.Sleep(time.Millisecond) // for a test to make it mute
	for ctx.Err() == nil {
		for _, o := range list {
			if o.Key != c.offerer.PublicKey() || !c.offererIsMute.Load() {
				offers.Hear(time.Now(), o, 5*time.Second)
			}
			time.Sleep(time.Second / time.Duration(len(list)))
		}
	}
}

// dial connects the joiner.
func (c *crowd) dial(ctx context.Context, address string, honest func(address string) (net.Conn, error)) (net.Conn, error) {
	i, is := c.impostors[address]
	switch {
	case !is:
		return honest(address)
	case i.imposture == dropsConfirmation:
		conn, err := honest(c.offerer.Addr().String())
		if err != nil {
			return nil, err
		}
		return droppingConn{conn, c}, nil
	case i.imposture == refuses:
		return nil, syscall.ECONNREFUSED
	case i.imposture == isAway:
		<-ctx.Done()
		return nil, ctx.Err()
	}
	ours, its := net.Pipe()
	c.serving.Go(func() {
		defer its.Close()
		c.serve(i, its)
	})
	return ours, nil
}

// A countedConn counts those that are open.
type countedConn struct {
	net.Conn
	open *atomic.Int64
	once sync.Once
}

func (c *countedConn) Close() error {
	c.once.Do(func() { c.open.Add(-1) })
	return c.Conn.Close()
}

// A droppingConn drops what the joiner writes once the offerer has had a share.
type droppingConn struct {
	net.Conn
	crowd *crowd
}

func (d droppingConn) Write(b []byte) (int, error) {
	if n, _ := d.crowd.offer.Attempts(); n > 0 {
		d.crowd.dropped.Add(1)
		return len(b), nil
	}
	return d.Conn.Write(b)
}

// hangingUp ends the goroutine of an impostor where a test would fail: the joiner may hang up at any time.
type hangingUp struct{ testing.TB }

func (hangingUp) Helper()               {}
func (hangingUp) Fatal(...any)          { runtime.Goexit() }
func (hangingUp) Fatalf(string, ...any) { runtime.Goexit() }

// serve is an impostor's side of a connection.
func (c *crowd) serve(i impostor, conn net.Conn) {
	hold := func() {
		for buf := make([]byte, 1024); ; {
			if _, err := conn.Read(buf); err != nil {
				return
			}
		}
	}
	step := mathrand.N(4) // where it hangs up
	if i.imposture == isSilent {
		hold()
		return
	}
	p := kit.NewRawPeer(hangingUp{c}, conn, handshake.Responder, i.keys, identity.PublicKey{})
	p.Step()
	if i.imposture == hangsUp && step == 0 {
		return
	}
	p.Step()
	if i.imposture == silentInHandshake {
		hold()
		return
	}
	if i.imposture == hangsUp && step == 1 {
		return
	}
	p.Noise.ExpectGuest()
	p.Step()
	p.TakeKeys()
	if i.imposture == silentAtHello {
		hold()
		return
	}
	p.Write(p.Frames(envelope.AppendHello(nil, envelope.Hello{Version: 1})))
	code, err := peernet.ParsePairingCode(fmt.Sprint(c.offer.Code().Number(), "-otter-acorn")) // its guess
	if err != nil {
		return
	}
	offer, err := pairing.NewOffer(code, "offerer")
	if err != nil {
		return
	}
	answerPings(p, func(e *envelope.Envelope) {
		if e.Kind != envelope.KindCall {
			return
		}
		message, err := envelope.NewRaw(envelope.Msgpack, e.Args).Binary()
		if err != nil {
			return
		}
		answer, done := c.answer(i, p, offer, message, step)
		if done {
			runtime.Goexit()
		}
		if answer != nil {
			b, _ := envelope.Msgpack.AppendReply(nil, e.ID, answer)
			p.Write(p.Frames(b))
			return
		}
		if i.imposture == saysOver {
			b, _ := envelope.Msgpack.AppendError(nil, e.ID, &envelope.RemoteError{Code: "pairing_over"})
			p.Write(p.Frames(b))
		}
	})
}

// answer returns an impostor's answer to a message of the joiner; nil: none. hungUp says that it ends the connection.
func (c *crowd) answer(i impostor, p *kit.RawPeer, offer *pairing.Offer, message []byte, step int) (answer []byte, hungUp bool) {
	if pairing.IsConfirmation(message) {
		c.confirmations.Add(1)
		if i.imposture == guesses {
			answer = append([]byte{4}, message[1:]...)
		}
		return answer, false
	}
	switch i.imposture {
	case hangsUp:
		return nil, true
	case babbles:
		return []byte("nonsense"), false
	case silentAtShare, saysOver:
		return nil, false
	}
	r := p.Noise.Result()
	answer, err := offer.Answer(pairing.Binding{Hash: r.Hash, Initiator: r.Remote, Responder: i.keys.PublicKey()}, message, rand.Reader)
	if err != nil {
		return nil, true
	}
	return answer, step == 2 && i.imposture == hangsUp
}

// join has the joiner join by code, for at most half a minute.
func (c *crowd) join(code peernet.PairingCode) error {
	ctx, cancel := context.WithTimeout(c.Context(), 30*time.Second)
	defer cancel()
	_, err := c.joiner.JoinPairing(ctx, code, peernet.Introduction{})
	synctest.Wait()
	if n := c.conns.Load(); n > 1 || n == 1 && err != nil {
		c.Errorf("%d connections are left (%v)", n, err)
	}
	return err
}

// isOneOf reports whether err is one of wanted.
func isOneOf(err error, wanted ...error) bool {
	for _, w := range wanted {
		if errors.Is(err, w) {
			return true
		}
	}
	return false
}
