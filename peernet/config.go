package peernet

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/seed-f6ddb928/peernet-go/discovery"
	"github.com/seed-f6ddb928/peernet-go/frame"
	"github.com/seed-f6ddb928/peernet-go/identity"
)

// A Config says what a Node is to be. The zero Config is one with a fresh identity in memory that listens on
// loopback and discovers nobody. New copies and checks it.
type Config struct {
	// DataDir is the folder of identity.pem and peers, made with mode 0700 if it is not there. If empty, both
	// are in memory and lost with the node.
	DataDir string

	// Identity is the node's key pair. If zero, it is read from DataDir, made there at first use, or fresh.
	Identity identity.KeyPair

	// Listen is the TCP address to listen on, "host:port"; port 0 is any free one, ":0" on all addresses.
	// If empty, "127.0.0.1:0".
	Listen string

	// Namespace separates nodes that share a network: the handshake fails between different ones (wire.md
	// §4.1). If empty, the common one. At most 255 bytes.
	Namespace string

	// Name is what the node calls itself to its peers. If empty, nothing. At most 64 bytes.
	Name string

	// Discovery says how peers are found. If empty, they are found by Connect and by dialling in alone. A node is
	// announced where it can be reached: one that listens on loopback, as by default, is not announced to a network, so
	// set Listen as well, to ":0" for instance.
	Discovery []discovery.Provider

	// ListenOnly has Discovery find others without announcing this node.
	ListenOnly bool

	// Private hides who the node is from everybody but its peers: it announces itself so that they alone recognise it, and
	// answers nobody else who connects (wire.md §4.6, §8.3). The peers must be in private mode too, and all clocks right to
	// 5 minutes. Each provider of Discovery must be a discovery.Discreet, as those of discovery/udp and discovery/manual are.
	Private bool

	// Network is the network underneath. Of each field that is nil, the system's.
	Network Network

	// Clock is the time. If nil, the system's.
	Clock Clock

	// Rand is where keys and ids come from. If nil, crypto/rand.Reader. It is used from several goroutines, one
	// at a time.
	Rand io.Reader

	// Logger gets one Info line per change of state, warnings, and the rest at Debug; never private keys, never contents. A
	// line that others can cause at will is logged at most 20 times a minute, for each peer where it is a peer's doing; the next one
	// says how often it was not. If nil, nothing is logged.
	Logger *slog.Logger

	// Limits bound what peers and strangers can make the node hold.
	Limits Limits

	// Timing is how patient the node is.
	Timing Timing

	// System is the actor system to run on; the node publishes its events on that system's EventStream. If nil,
	// the node makes one of its own.
	System *actor.ActorSystem
}

// Limits bound what peers and strangers can make a node hold. Of each field that is zero, the default.
type Limits struct {
	// Frame is the largest frame accepted from a peer, in bytes, at least the 1 MiB that every node accepts.
	Frame int

	// CallsPerPeer is how many calls of one peer run at once; 256. The next is answered `overloaded`. As many more
	// may wait for room to reply, each holding its result: for handlers whose results are large, choose less.
	CallsPerPeer int

	// CallBytesPerPeer is the bytes of their arguments together; 8 MiB. Likewise.
	CallBytesPerPeer int

	// SendsPerPeer is how many sends of one peer wait for their handlers; 1,024. The next is dropped and counted.
	SendsPerPeer int

	// SendBytesPerPeer is the bytes of their arguments together; 8 MiB. Likewise.
	SendBytesPerPeer int

	// QueueBytes is how much may wait to be written to one session; 2 MiB. Callers wait for room.
	QueueBytes int

	// Strangers is how many connections may be unauthenticated; 256. At the limit the oldest of the source
	// that has most is reset.
	Strangers int

	// StrangersPerSource is the same for one IPv4 address or IPv6 /64; 32.
	StrangersPerSource int

	// Peers is how many peers may be connected at the same time. The next one that connects is told to come back
	// later (`busy`), and no other is dialled. If zero, as many as are trusted.
	Peers int

	// Sessions is how many sessions there may be with all peers together, those included that are being replaced: a
	// peer has one in the long run, and two for a moment now and then. At the limit none is replaced because of its
	// age, and it is as for Peers. If zero, at most four with each peer.
	Sessions int
}

// Timing is how patient a node is. Of each field that is zero, the default.
type Timing struct {
	Dial      time.Duration // one TCP connect; 5 s
	Handshake time.Duration // from the connection to the first word of the peer; 10 s
	PingAfter time.Duration // without inbound traffic for so long: ping; 15 s
	Pong      time.Duration // a ping unanswered for so long is missed, and two end the link; 5 s
	Stall     time.Duration // no byte written for so long ends the link; 30 s
	Linger    time.Duration // how long calls in flight may hold up the end of a session; 30 s
	Reload    time.Duration // how often the peers file is looked at; 200 ms
	Rotate    time.Duration // age at which a link gets a new handshake, or up to a quarter more; 60 min
	Idle      time.Duration // a link that nobody has used for so long, or up to a quarter longer, ends; never if zero
}

// A Network is what a node reaches others through.
type Network struct {
	Listen       func(ctx context.Context, network, address string) (net.Listener, error)
	Dial         func(ctx context.Context, network, address string) (net.Conn, error)
	ListenPacket func(ctx context.Context, network, address string) (net.PacketConn, error)
	Interfaces   func() ([]discovery.Interface, error)
}

// A Clock tells the time and runs functions later. It is safe for concurrent use.
type Clock interface {
	Now() time.Time

	// AfterFunc runs f in a goroutine of its own once d has passed. stop prevents that and says whether it did.
	AfterFunc(d time.Duration, f func()) (stop func() bool)
}

// check fills in the defaults.
func (c *Config) check() error {
	switch {
	case len(c.Namespace) > 255:
		return fmt.Errorf("config: the namespace has %d bytes, at most 255 are possible", len(c.Namespace))
	case len(c.Name) > 64:
		return fmt.Errorf("config: the name has %d bytes, at most 64 are possible", len(c.Name))
	case c.Limits.Frame != 0 && c.Limits.Frame < frame.DefaultLimit:
		return fmt.Errorf("config: Limits.Frame is %d, every node accepts frames of %d", c.Limits.Frame, frame.DefaultLimit)
	}
	for _, p := range c.Discovery {
		if _, ok := p.(discovery.Discreet); c.Private && !ok {
			return fmt.Errorf("config: private mode with discovery by %s: %w", p.Name(), ErrNotDiscreet)
		}
	}
	for _, l := range []struct {
		name  string
		value *int
		def   int
	}{
		{"Frame", &c.Limits.Frame, frame.DefaultLimit},
		{"CallsPerPeer", &c.Limits.CallsPerPeer, 256},
		{"CallBytesPerPeer", &c.Limits.CallBytesPerPeer, 8 << 20},
		{"SendsPerPeer", &c.Limits.SendsPerPeer, 1024},
		{"SendBytesPerPeer", &c.Limits.SendBytesPerPeer, 8 << 20},
		{"QueueBytes", &c.Limits.QueueBytes, 2 << 20},
		{"Strangers", &c.Limits.Strangers, 256},
		{"StrangersPerSource", &c.Limits.StrangersPerSource, 32},
		{"Peers", &c.Limits.Peers, 0},
		{"Sessions", &c.Limits.Sessions, 0},
	} {
		if *l.value < 0 {
			return fmt.Errorf("config: Limits.%s is negative", l.name)
		}
		if *l.value == 0 {
			*l.value = l.def
		}
	}
	for name, bytes := range map[string]int{"CallBytesPerPeer": c.Limits.CallBytesPerPeer, "SendBytesPerPeer": c.Limits.SendBytesPerPeer} {
		if bytes < c.Limits.Frame {
			return fmt.Errorf("config: Limits.%s is %d, less than one message of Limits.Frame (%d) may hold", name, bytes, c.Limits.Frame)
		}
	}
	for _, t := range []struct {
		name  string
		value *time.Duration
		def   time.Duration
	}{
		{"Dial", &c.Timing.Dial, 5 * time.Second},
		{"Handshake", &c.Timing.Handshake, 10 * time.Second},
		{"PingAfter", &c.Timing.PingAfter, 15 * time.Second},
		{"Pong", &c.Timing.Pong, 5 * time.Second},
		{"Stall", &c.Timing.Stall, 30 * time.Second},
		{"Linger", &c.Timing.Linger, 30 * time.Second},
		{"Reload", &c.Timing.Reload, 200 * time.Millisecond},
		{"Rotate", &c.Timing.Rotate, time.Hour},
		{"Idle", &c.Timing.Idle, 0},
	} {
		if *t.value < 0 {
			return fmt.Errorf("config: Timing.%s is negative", t.name)
		}
		if *t.value == 0 {
			*t.value = t.def
		}
	}
	if c.Listen == "" {
		c.Listen = "127.0.0.1:0"
	}
	if c.Clock == nil {
		c.Clock = systemClock{}
	}
	c.Rand = newRandom(c.Rand)
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	c.Network.fill(c.Timing.Stall)
	return nil
}
