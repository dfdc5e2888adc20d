package peernet

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/seed-f6ddb928/peernet-go/discovery"
	"github.com/seed-f6ddb928/peernet-go/identity"
	"github.com/seed-f6ddb928/peernet-go/pairing"
	"github.com/seed-f6ddb928/peernet-go/trust"
)

// A PairingCode is what one person reads to another, such as 42-otter-velvet: docs/wire.md §14.3.
type PairingCode = pairing.Code

// ParsePairingCode reads a code as a person types it: in either case, with spaces, hyphens or nothing between its parts. A
// word that is in no code is an error that names the word that was meant, if that is sure: it costs no guess.
func ParsePairingCode(text string) (PairingCode, error) { return pairing.ParseCode(text) }

// Errors of pairing.
var (
	ErrCode      = pairing.ErrCode                                                                         // the text is no code
	ErrCodeWord  = pairing.ErrWord                                                                         // a word of it is in no code
	ErrWrongCode = pairing.ErrWrongCode                                                                    // the other side has another code, or an attacker is in between
	ErrCodeOver  = errors.New("the code is used up, or its time is over")                                  // a new one is needed
	ErrAttempts  = fmt.Errorf("%w: too many nodes have tried to join", ErrCodeOver)                        // 1,024: wire.md §9
	ErrNoOffer   = errors.New("no node that can be reached offers this code")                              // within the time
	ErrOffering  = errors.New("this node offers a pairing itself: only one side offers, the other joins")  // also of a second offer
	ErrOwnCode   = errors.New("this is this node's own code: it is for the other node")                    // typed at the wrong end
	ErrGuesses   = errors.New("this code was tried three times here: have the other node make a new one")  // wire.md §14.5
	ErrReveals   = errors.New("pairing by a code shows this node's key, and it is in private mode")        // unless Introduction.Reveal says so
	ErrJoinAddr  = errors.New("in private mode offers are not announced: give the other node's host:port") // Introduction.Addr
)

// pairingName is the handler for guests that pairs: wire.md §14.
const pairingName = "$/pair"

// Bounds of wire.md §14.
const (
	offerLife       = 2 * time.Minute  // of a code
	provisionalTime = 10 * time.Minute // of trust in a peer, until its first ordinary session
	provisionalRest = 2 * time.Minute  // of that, at least, while this node runs: it may have been down when the peer came
	provisionalMost = time.Hour        // of that, by the clock on the wall, however short this node's runs are
	guessMost       = 3                // confirmations that a joiner sends for one code
	guessLife       = 2 * offerLife    // how long they count: a code is dead by then
)

// Codes of replies of the handler.
const (
	codeOver  Code = "pairing_over" // the offer has ended
	codeNoRun Code = "no_run"       // a confirmation without a share before it in its session
	codeWrong Code = "wrong_code"   // the confirmation was wrong, and has ended it
)

// An Introduction is how the two nodes of a pairing are to call each other. The zero value works.
type Introduction struct {
	// Label is what to call the peer here. If empty, what the peer calls itself: with a number after it if another peer has
	// that label, or nothing if it cannot be a label. A key that is trusted already keeps its label, unless this says another. The
	// label of a peer that is not connected is for that peer alone: it may have lost this node, and pair again.
	Label string

	// Name is what this node calls itself to the peer, at most 64 bytes. If empty, Config.Name.
	Name string

	// Addr, "host:port", is where the node that offers can be reached. JoinPairing dials it alone, and the peers file keeps it.
	// If empty, the nodes on the local networks that announce the code's number.
	Addr string

	// Reveal allows a pairing in private mode. While this node offers one, everybody who connects and asks learns its key; a node
	// that joins shows its key to the node that answers at Addr, any node.
	Reveal bool
}

// pairings are a node's open offer, the offers that it hears, and the guesses that it has allowed.
type pairings struct {
	offers  *discovery.Offers
	guesses guesses

	mu     sync.Mutex // guards the rest
	open   *PairingOffer
	closed bool
}

func newPairings() *pairings {
	return &pairings{offers: discovery.NewOffers()}
}

// close ends the open offer, if there is one, and allows no other: the node stops.
func (p *pairings) close() {
	p.mu.Lock()
	p.closed = true
	open := p.open
	p.mu.Unlock()
	if open != nil {
		open.end(ErrClosed)
	}
}

// checkIntroduction returns why i cannot be used, and fills in its defaults.
func (n *Node) checkIntroduction(i *Introduction) error {
	switch state := n.state.Load(); {
	case state == stateStopping:
		return ErrClosed
	case state == stateNew:
		return ErrNotStarted
	case n.config.Private && !i.Reveal:
		return ErrReveals
	}
	if i.Name == "" {
		i.Name = n.config.Name
	}
	if err := n.trust.CheckWrite(); err != nil { // before a code is spent
		return err
	}
	if i.Label == "" {
		return nil
	}
	i.Label = strings.TrimSpace(i.Label) // as trust has it
	// Before anybody types a code: a label that is taken later is taken by this owner.
	probe := trust.NewSet()
	if err := probe.Add(trust.Peer{Key: n.self, Label: i.Label}); err != nil {
		return err
	}
	for _, p := range n.trust.List() {
		if info, _ := n.Peer(p.Key); p.Label == i.Label && info.State == StateConnected { // else that peer may have lost this node
			return labelTaken(p)
		}
	}
	return nil
}

// checkLabel returns ErrLabelTaken if another peer than the one with key has the label.
func (n *Node) checkLabel(label string, key identity.PublicKey) error {
	for _, p := range n.trust.List() {
		if label != "" && p.Label == label && p.Key != key {
			return labelTaken(p)
		}
	}
	return nil
}

func labelTaken(p trust.Peer) error {
	return fmt.Errorf("%w: %q is %s", trust.ErrLabelTaken, p.Label, p.Key)
}

// trustProvisionally writes down a peer that has proved that it knows the code, as a provisional one.
func (n *Node) trustProvisionally(key identity.PublicKey, i Introduction, offered string) (trust.Peer, error) {
	peer := trust.Peer{Key: key, Label: i.Label}
	if i.Addr != "" {
		peer.Options = []trust.Option{{Name: trust.OptionAddr, Value: i.Addr}}
	}
	return n.trust.AddProvisional(peer, offered, n.config.Clock.Now().Add(provisionalTime))
}
