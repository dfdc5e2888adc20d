package peernet

import (
	"context"
	"net/netip"

	"github.com/seed-f6ddb928/peernet-go/envelope"
	"github.com/seed-f6ddb928/peernet-go/identity"
	"github.com/seed-f6ddb928/peernet-go/internal/serve"
	"github.com/seed-f6ddb928/peernet-go/internal/session"
)

// Guests lets guests call the handler, besides trusted peers. A guest is anybody who reaches the node, proves some key and asks to
// come as a guest (docs/wire.md §4.7). Caller.Guest tells guests from peers. A node takes guests only while it has such a handler. To
// guests every other name looks like one without a handler. Caller.Name of a guest is what the guest says, as its key is one of many
// that it may have.
//
// Arguments are a stranger's: a handler that decodes them into any can need a hundred times their bytes, which no limit counts. Take
// a type with few fields, or Raw.
//
// Guests make calls of at most 64 KiB, no sends and no streams: HandleStream, HandleDuplex and Listen refuse the option, and so does a
// node in private mode. Limits.Guests, GuestsPerSource, CallsPerGuest and GuestBytes bound what guests can make the node hold,
// Limits.GuestPace how fast it handles what they send, and Timing.GuestIdle and GuestLife how long they stay. What handlers do has no
// bound but that of the program.
func Guests() HandleOption {
	return func(g *registration) { g.Audience = serve.PeersAndGuests }
}

// handleGuests registers a handler that guests alone may call, such as one of the protocol's own. The node takes guests while it is
// there, also in private mode. No middleware is around it, and the application neither sees it nor takes it away.
func (n *Node) handleGuests(name string, h Handler) error {
	return n.server.Add(&serve.Registration{Name: name, Audience: serve.GuestsAlone,
		Handler: func(ctx context.Context, r *serve.Request) (any, error) {
			result, err := h(ctx, &Request{r, n})
			return result, errorForCaller(err)
		}})
}

// unhandleGuests takes such a handler away, as Unhandle does.
func (n *Node) unhandleGuests(name string) { n.unhandle(name) }

// A guestCaller is a guest that calls a handler, and its session.
type guestCaller struct {
	session string // differs from that of every other session of this node
	key     identity.PublicKey
	addr    netip.AddrPort
	hash    [32]byte // the handshake hash
	close   func()   // ends the session once its calls are answered; it does not wait for that
}

// guest returns the guest that asks; false: a trusted peer does.
func (r *Request) guest() (g guestCaller, ok bool) {
	l, ok := r.r.Session().Conn().(*session.Link)
	if !ok || !l.IsGuest() {
		return guestCaller{}, false
	}
	return guestCaller{l.ID(), l.Remote(), l.Addr(), l.GuestHash(),
		func() { l.Close(session.Close{Reason: envelope.ReasonIdle}) }}, true
}
