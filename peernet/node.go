package peernet

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/seed-f6ddb928/peernet-go/identity"
	"github.com/seed-f6ddb928/peernet-go/internal/actorkit"
	"github.com/seed-f6ddb928/peernet-go/internal/counters"
	"github.com/seed-f6ddb928/peernet-go/internal/dialects"
	"github.com/seed-f6ddb928/peernet-go/internal/finder"
	"github.com/seed-f6ddb928/peernet-go/internal/limiter"
	"github.com/seed-f6ddb928/peernet-go/internal/node"
	"github.com/seed-f6ddb928/peernet-go/internal/peers"
	"github.com/seed-f6ddb928/peernet-go/internal/serve"
	"github.com/seed-f6ddb928/peernet-go/private"
	"github.com/seed-f6ddb928/peernet-go/trust"
)

// A Node is one end: it has an identity, a trust set, handlers and links to its peers. Several may run
// in one process. It is safe for concurrent use.
type Node struct {
	config     Config
	keys       identity.KeyPair
	self       identity.PublicKey
	trust      *trust.Set
	keyring    *private.Keyring // nil unless in private mode
	server     *serve.Server
	around     middlewares
	directory  *peers.Directory
	board      *finder.Board
	dialects   *dialects.Book
	hub        *hub
	pairings   *pairings
	trustEdits chan struct{} // room for one: the trust set has changed
	toKeep     sync.Map      // identity.PublicKey of a provisional peer whose session was up, to bool: a failure to keep it is logged
	listeners  listeners
	knocks     knocks
	blocks     blocks
	pool       *actorkit.Pool
	counters   counters.Node
	refusals   limiter.Lines // lines about keys that are not trusted

	finishing context.Context         // of what Shutdown lets finish
	cut       context.CancelCauseFunc // ends it

	mu       sync.Mutex // held by Start and by the first Shutdown; guards the rest
	state    atomic.Int32
	started  time.Time // set before state leaves stateNew, then never changed; zero: it never ran
	system   *actor.ActorSystem
	root     *node.Node
	unwatch  func()             // of the trust set
	cancel   context.CancelFunc // of the goroutines below
	join     sync.WaitGroup
	cutAfter time.Time     // when every peer has been told goodbye, at the latest, after the first Shutdown began
	stopped  chan struct{} // closed when Shutdown is done
	stopErr  error
}

// New returns a node that is not started. It reads the identity and the peers file, or makes the identity; it
// opens no socket and starts no goroutine. On a 32-bit system it fails: the actor library does not work there.
func New(c Config) (*Node, error) {
	if strconv.IntSize < 64 {
		return nil, errors.New("a node needs a 64-bit system, and this program is built for a 32-bit one: build it for amd64 or arm64, for instance")
	}
	if err := c.check(); err != nil {
		return nil, err
	}
	n := &Node{config: c, keys: c.Identity, directory: peers.NewDirectory(), board: finder.NewBoard(), hub: newHub(), pairings: newPairings(), trustEdits: make(chan struct{}, 1),
		pool: actorkit.NewPool(parkedGoroutines), stopped: make(chan struct{})}
	n.finishing, n.cut = context.WithCancelCause(context.Background())
	if err := n.load(); err != nil {
		return nil, err
	}
	n.self = n.keys.PublicKey()
	if err := n.openBlocks(); err != nil {
		return nil, err
	}
	n.openDialects()
	if c.Private {
		n.keepSecrets()
	}
	n.server = serve.New(serve.Config{Clock: c.Clock, Log: c.Logger, Pool: n.pool, Rand: c.Rand,
		Calls: c.Limits.CallsPerPeer, CallBytes: c.Limits.CallBytesPerPeer,
		Streams: c.Limits.StreamsPerPeer, StreamBytes: c.Limits.StreamBytesPerPeer,
		Sends: c.Limits.SendsPerPeer, SendBytes: c.Limits.SendBytesPerPeer,
		GuestCalls: c.Limits.CallsPerGuest, GuestBytes: c.Limits.GuestBytes})
	return n, nil
}

// parkedGoroutines is how many goroutines a node keeps for actors and handlers between their messages and
// calls. More run when there is more to do.
const parkedGoroutines = 64

// load reads or makes the node's key pair and its trust set.
func (n *Node) load() (err error) {
	dir := n.config.DataDir
	switch {
	case !n.keys.IsZero():
	case dir == "":
		if n.keys, err = identity.GenerateKeyPair(n.config.Rand); err != nil {
			return fmt.Errorf("identity: %w", err)
		}
	default:
		n.keys, _, err = identity.LoadOrCreate(filepath.Join(dir, "identity.pem"), n.config.Rand)
	}
	if err != nil {
		return err // names the file
	}
	self := trust.WithSelf(n.keys.PublicKey())
	if dir == "" {
		n.trust = trust.NewSet(self)
		return nil
	}
	n.knocks.path = filepath.Join(dir, knocksFile)
	n.pairings.guesses.path = filepath.Join(dir, guessesFile)
	n.trust, err = trust.Open(filepath.Join(dir, "peers"), self)
	return err // names the file
}

// PublicKey returns the key that peers know the node by.
func (n *Node) PublicKey() identity.PublicKey { return n.self }

// Addrs returns the addresses that others can dial, as they are now: for each of Listeners its own, or one for each of the
// machine's if it listens on all. It is empty before Start.
func (n *Node) Addrs() (list []netip.AddrPort) {
	for _, at := range n.listeners.addrs() {
		for _, a := range reachable(at, n.config.Network.Interfaces) {
			if !slices.Contains(list, a) {
				list = append(list, a)
			}
		}
	}
	return list
}

// Pair trusts a key from now on, under a label of at most 64 bytes that may be empty. The peer must pair with this node as
// well. With a DataDir the key is in its peers file when Pair returns. A key that is trusted already gets the
// new label, unless that is empty.
func (n *Node) Pair(key identity.PublicKey, label string) error {
	return n.trust.Add(trust.Peer{Key: key, Label: label})
}

// PairCard trusts the key of a card (trust.ParseCard), or a key as text, as Pair does, and returns it. The addresses on the card are dialled
// like those of the peers file. If label is empty, the peer is called what the card says.
func (n *Node) PairCard(card, label string) (identity.PublicKey, error) {
	p, err := trust.ParseCard(card)
	if err != nil {
		return identity.PublicKey{}, fmt.Errorf("pair: %w", err)
	}
	if label != "" {
		p.Label = label
	}
	return p.Key, n.trust.Add(p)
}

// Card returns the card of the node (trust.Peer.Card), for others to pair with: its key, what it wants to be called, and where
// it can be dialled ("host:port"), which the caller knows better than the node.
func (n *Node) Card(label string, addrs ...string) (string, error) {
	p := trust.Peer{Key: n.self, Label: label}
	for _, a := range addrs {
		p.Options = append(p.Options, trust.Option{Name: trust.OptionAddr, Value: a})
	}
	card := p.Card()
	if _, err := trust.ParseCard(card); err != nil {
		return "", fmt.Errorf("card: %w", err)
	}
	return card, nil
}

// Unpair removes a key from the trust set. A session with it is closed at once, and handlers that run for it are
// cancelled. The error is ErrNotTrusted if the key was not trusted.
func (n *Node) Unpair(key identity.PublicKey) error {
	was, err := n.trust.Remove(key)
	if err == nil && !was {
		err = ErrNotTrusted
	}
	return err
}

// Reload reads the peers file now, after an edit, rather than within Timing.Reload. Without a DataDir it does
// nothing.
func (n *Node) Reload() error { return n.trust.Reload() }

// TrustError returns why the peers file cannot be used; nil if it can. The keys that were trusted before stay trusted until then.
func (n *Node) TrustError() error { return n.trust.Err() }

// Connect dials a peer now, at addrs ("host:port") and at the addresses that are known, whatever came of earlier
// dials and however many others are being dialled. A host is an IP address or a name, which is looked up at each dial;
// see Network. Connect returns nil once the peer is connected, by this dial or by the peer's own. Otherwise the error says
// why the last address did not work: ErrUnreachable, ErrWrongKey, ErrRefused; or ErrNotTrusted, ErrNoAddress.
//
// The node keeps addrs until it stops or the key is removed, and dials them as those of the peers file, also if Connect
// fails or ctx ends: at most 8 of a peer, then the oldest makes room. See ConnectOnce.
func (n *Node) Connect(ctx context.Context, key identity.PublicKey, addrs ...string) error {
	return n.connect(ctx, key, addrs, false)
}

// ConnectOnce is Connect, but the node does not keep addrs: it dials them this once.
func (n *Node) ConnectOnce(ctx context.Context, key identity.PublicKey, addrs ...string) error {
	return n.connect(ctx, key, addrs, true)
}

func (n *Node) connect(ctx context.Context, key identity.PublicKey, addrs []string, once bool) (err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("connect: %w", err)
		}
	}()
	if err := n.checkPeer(key); err != nil {
		return err
	}
	for _, a := range addrs {
		if _, _, err := trust.SplitAddr(a); err != nil {
			return fmt.Errorf("address %.80q: %w", a, err)
		}
	}
	done := make(chan error, 1)
	n.root.Connect(peers.Connect{Key: key, Addrs: slices.Clone(addrs), Once: once, Done: done})
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	case <-n.root.Done():
		return ErrClosed
	}
}
