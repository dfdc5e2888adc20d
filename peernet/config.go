package peernet

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/seed-f6ddb928/peernet-go/discovery"
	"github.com/seed-f6ddb928/peernet-go/envelope"
	"github.com/seed-f6ddb928/peernet-go/identity"
	"github.com/seed-f6ddb928/peernet-go/internal/clock"
)

// A Config describes a Node. The zero Config is a node with a fresh identity in memory that listens on
// loopback and runs no discovery. New copies and checks it.
type Config struct {
	// DataDir is the folder of identity.pem, peers, state, blocked, knocks and guesses, made with mode 0700 if it is not there; root
	// makes none in the folder of another user, who could not use it. If empty, all are in memory and lost with the node.
	DataDir string

	// Identity is the node's key pair. If zero, it is read from DataDir, made there at first use, or fresh.
	Identity identity.KeyPair

	// Listen is the TCP address to listen on, "host:port"; port 0 is any free one, ":0" on all addresses.
	// If empty, "127.0.0.1:0". ListenOn adds others.
	Listen string

	// Namespace separates nodes that share a network: the handshake fails between different ones (wire.md
	// §4.1). If empty, the common one. At most 255 bytes.
	Namespace string

	// Name is what the node calls itself to its peers; it may be empty. At most 64 bytes.
	Name string

	// Dialects are what the node speaks. If empty, DialectNative, and DialectBEAM with peers that do not know that: an
	// unknown peer is dialled natively first, and what worked is kept in DataDir. The option dialect= in the peers file fixes
	// that of a peer. A node with a Namespace, and one that is Private, speaks DialectNative alone: DialectBEAM has neither.
	Dialects []Dialect

	// Discovery says how peers are found. If empty, only by Connect, or when they dial this node. A node is
	// announced where it can be reached: one that listens on loopback, as by default, is not announced to a network, so
	// set Listen as well, to ":0" for instance.
	Discovery []discovery.Provider

	// ListenOnly has Discovery find others without announcing this node.
	ListenOnly bool

	// Private hides the node's key from all but its peers: they alone recognise its announcements, and
	// strangers that connect get no answer (wire.md §4.6, §8.3). CallAsGuest shows it to whatever answers, unless the call says which
	// key that must have, and then to the node of that key; OfferPairing and JoinPairing show it, too. The peers must be in private mode too, and all clocks right to
	// 5 minutes. Each provider of Discovery must be a discovery.Discreet, as those of discovery/udp and discovery/manual are.
	Private bool

	// Network is the network underneath. A field that is nil is the system's.
	Network Network

	// Clock is the time. If nil, the system's.
	Clock Clock

	// Rand is the randomness of keys and ids. If nil, crypto/rand.Reader. It is used from several goroutines, one
	// at a time.
	Rand io.Reader

	// Logger gets one Info line per change of state, warnings, and the rest at Debug; never private keys, never contents. A
	// line at Info or above that others can cause at will is logged at most 20 times a minute, for each peer if a peer causes
	// it; the next one says how many were not logged. Only the panic of a handler is logged each time. If nil, nothing is
	// logged.
	Logger *slog.Logger

	// Limits bound what peers and strangers can make the node hold.
	Limits Limits

	// Timing says how long the node waits, and how often it does things.
	Timing Timing

	// System is the actor system to run on; the node publishes its events on that system's EventStream. If nil,
	// the node makes one of its own.
	System *actor.ActorSystem
}

// A Network is how a node reaches others. The functions are called from several goroutines, and those with a context return
// once that has ended.
type Network struct {
	Listen       func(ctx context.Context, network, address string) (net.Listener, error)
	Dial         func(ctx context.Context, network, address string) (net.Conn, error)
	ListenPacket func(ctx context.Context, network, address string) (net.PacketConn, error)
	Interfaces   func() ([]discovery.Interface, error)

	// LookupNetIP looks up the name of a host, as that of net.Resolver does; network is "ip". Dial gets what it returns, of
	// which the first 8 addresses count. If nil, net.DefaultResolver asks the system's name servers, also if Dial is set: a
	// node that must not ask them, behind a proxy for instance, has one of its own.
	LookupNetIP func(ctx context.Context, network, host string) ([]netip.Addr, error)
}

// A Clock tells the time and runs functions later. It is safe for concurrent use.
type Clock interface {
	Now() time.Time

	// AfterFunc runs f in a goroutine of its own once d has passed. stop prevents that and says whether it did.
	AfterFunc(d time.Duration, f func()) (stop func() bool)
}

// maxNamespace is the bytes that a namespace may have (wire.md §4.1).
const maxNamespace = 255

// check fills in the defaults. The error is a *ConfigError, or an ErrNotDiscreet.
func (c *Config) check() error {
	if n := len(c.Namespace); n > maxNamespace {
		return &ConfigError{"len(Namespace)", n, maxNamespace, false, "what a handshake takes"}
	}
	if n := len(c.Name); n > envelope.MaxHelloString {
		return &ConfigError{"len(Name)", n, envelope.MaxHelloString, false, "what peers take"}
	}
	if err := c.checkDialects(); err != nil {
		return err
	}
	if err := c.Limits.check(); err != nil {
		return err
	}
	if err := c.Timing.check(); err != nil {
		return err
	}
	for _, p := range c.Discovery {
		if _, ok := p.(discovery.Discreet); c.Private && !ok {
			return fmt.Errorf("config: private mode with discovery by %s: %w", p.Name(), ErrNotDiscreet)
		}
	}
	if c.Listen == "" {
		c.Listen = "127.0.0.1:0"
	}
	if c.Clock == nil {
		c.Clock = clock.System
	}
	c.Rand = newRandom(c.Rand)
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	c.Network.fill(c.Timing.Stall)
	return nil
}

// A ConfigError says that a field of a Config cannot have its value. Value and Bound are of one type: int or time.Duration.
type ConfigError struct {
	Field   string // such as "Limits.Frame"; "len(Name)" is the bytes of Name
	Value   any    // of the field
	Bound   any    // the least value if Low, else the greatest
	Low     bool   // Value is below Bound, not above
	Because string // what Bound is
}

func (e *ConfigError) Error() string {
	beyond, most := "more than", "most"
	if e.Low {
		beyond, most = "less than", "least"
	}
	return fmt.Sprintf("config: %s is %v, %s %v, %s: choose %v at %s, or leave it out", e.Field, e.Value, beyond, e.Bound, e.Because, e.Bound, most)
}

// A bound is a number or a time, and what it is.
type bound[T int | time.Duration] struct {
	value   T
	because string
}

// checkField fills in the default of a field, or checks its value by the bounds. err keeps the first *ConfigError.
func checkField[T int | time.Duration](err *error, field string, value *T, byDefault T, low, high bound[T]) {
	switch v := *value; {
	case *err != nil:
	case v == 0:
		*value = byDefault
	case v < low.value:
		*err = &ConfigError{field, v, low.value, true, low.because}
	case v > high.value:
		*err = &ConfigError{field, v, high.value, false, high.because}
	}
}
