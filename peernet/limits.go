package peernet

import (
	"math"
	"time"

	"github.com/seed-f6ddb928/peernet-go/frame"
	"github.com/seed-f6ddb928/peernet-go/internal/session"
)

// Limits bound what peers and strangers can make a node hold (wire.md §9). A field that is zero has its default. A
// value that is negative, surely a mistake, or does not fit another one fails New with a *ConfigError.
//
// docs/architecture.md adds up what they let one session take. Its table of what a stranger can cost names the bounds that are
// constants, not fields, with their files: those on announces, dials to hints, multicast DNS and processor time.
type Limits struct {
	// Message is the largest message accepted from a peer, in bytes, with its name and the like (wire.md §6.10); 1 MiB, or Frame if
	// that is more, which is the least, too. At most 64 MiB, or Frame. A message of more than 32 KiB comes in parts, so others
	// do not wait for it and frames need not be larger. Of messages that are on their way a session holds Message + 3 MiB.
	Message int

	// Frame is the largest frame accepted from a peer, in bytes, at least the 1 MiB that every node accepts and at most
	// 1 GiB; 1 MiB. Only peers that send no parts, those of version 1 of the protocol, need more than the default.
	Frame int

	// CallsPerPeer is how many calls of one peer run at once, at most 2^20; 256. At the limit, calls are answered `overloaded`. As
	// many more may wait for room to reply, each with its result: for handlers whose results are large, choose less.
	CallsPerPeer int

	// CallBytesPerPeer is the bytes of their arguments together, at least Message; 8 MiB, or Message if that is more. At the
	// limit, calls are answered `overloaded`; the parts of such a call are not kept.
	CallBytesPerPeer int

	// StreamsPerPeer is how many streams of one peer run at once, at most 2^20; 1,024. They do not count towards CallsPerPeer. At the
	// limit, streams are answered `overloaded`.
	StreamsPerPeer int

	// StreamBytesPerPeer bounds what all streams with one peer can make the node hold, whichever end opened them, over all sessions:
	// the arguments of those that the peer opened, until their replies are written; what it may send ahead of the readers (see Window
	// and HandleWindow); and the values that wait to be written to it. At least 1 MiB; 64 MiB. At the limit, streams of the peer are
	// answered `overloaded`, and those of this node fail with ErrOverloaded. The windows of streams grow within half of it. A stream
	// has room for 128 KiB of values to wait, or for one value, while all have no more than three quarters of the limit. Beyond that
	// each Send waits until its value has been written: docs/wire.md §9.
	StreamBytesPerPeer int

	// SendsPerPeer is how many sends of one peer wait for their handlers, at most 2^20; 1,024. At the limit, sends are
	// dropped and counted.
	SendsPerPeer int

	// SendBytesPerPeer is the bytes of their arguments together, at least Message; 8 MiB, or Message if that is more. At the
	// limit, sends are dropped and counted.
	SendBytesPerPeer int

	// QueueBytes is how much of each kind may wait to be written to one session, at least the 1 MiB of a message that every peer
	// accepts; 2 MiB, or Message if that is more. The kinds are small calls, large ones, sends, and large replies; none waits for
	// the room of another. At the limit callers and handlers wait. A message that is larger, to a peer that takes such, waits alone.
	QueueBytes int

	// Strangers is how many connections may be unauthenticated, at most 65,536; 256. At the limit the oldest connection of
	// the source that has most is reset. From addresses where a peer has authenticated, four times as many may come besides, all from
	// one of them if need be: many peers may be behind it.
	Strangers int

	// StrangersPerSource is the same for one IPv4 address or IPv6 /64, at most Strangers; 32, or Strangers if that is less.
	StrangersPerSource int

	// Guests is how many sessions of guests there may be (docs/wire.md §4.7), at most 65,536; 64. A node without a handler for guests
	// (see Guests) has none. At the limit a guest is told `busy`, unless another source has at least two guests more than its own:
	// then the oldest of the source that has most is told so, at most once a second.
	Guests int

	// GuestsPerSource is the same for one IPv4 address or IPv6 /64, at most Guests; 8, or Guests if that is less.
	GuestsPerSource int

	// CallsPerGuest is how many calls of one guest may run, or have a reply that waits to be written, at most 1,024; 4. At the limit,
	// calls are answered `overloaded`: one source can hold no more than this in each of its sessions.
	CallsPerGuest int

	// GuestBytes is the bytes of the arguments of all guests' calls that run, and 64 KiB for the reply of each, at least the 128 KiB
	// of one call; 16 MiB. At the limit, calls are answered `overloaded`. The frames of a guest have at most 64 KiB, so this bounds what
	// calls of guests make the node hold, beside what their handlers do.
	GuestBytes int

	// GuestPace is how many bytes a second the node reads of all guests together, and as many at once; a frame counts as 1 KiB more, and
	// so does a read that completes none. At least the 1 MiB that one guest may send, at most 1 GiB; 8 MiB, which is thousands of calls a
	// second. At the limit guests wait in turn, and TCP slows them down: one waits up to Guests times 65 KiB at this pace, 0.5 s by
	// default. That must stay far below Timing.Handshake, so with more Guests choose more. It bounds the processor time that they can
	// take from peers, beside that of handshakes and handlers.
	GuestPace int

	// Peers is how many peers may be connected at the same time, at most 2^20. The next one that connects is told to come
	// back later (`busy`), and no other is dialled. If zero, as many as are trusted.
	Peers int

	// Sessions is how many sessions there may be with all peers together, those included that are being replaced, at least
	// Peers and at most 2^22: a peer has one in the long run, and two for a moment now and then. At the limit no session is
	// replaced because of its age, and new ones are refused as for Peers. If zero, at most four with each peer.
	Sessions int
}

// atMost rejects values that are surely mistakes.
func atMost[T int | time.Duration](most T) bound[T] {
	return bound[T]{most, "the most that makes sense"}
}

// check fills in the defaults. The error is a *ConfigError.
func (l *Limits) check() (err error) {
	check := func(field string, value *int, byDefault int, low, high bound[int]) {
		checkField(&err, "Limits."+field, value, byDefault, low, high)
	}
	one := bound[int]{1, "the least that works"}
	frames := bound[int]{frame.DefaultLimit, "which every node accepts"}
	check("Frame", &l.Frame, frame.DefaultLimit, frames, atMost(1<<30))
	frameAtLeast := bound[int]{l.Frame, "what one frame may have (Limits.Frame)"}
	check("Message", &l.Message, l.Frame, frameAtLeast, atMost(max(64<<20, l.Frame)))
	message := bound[int]{l.Message, "what one message may have (Limits.Message)"}
	check("CallsPerPeer", &l.CallsPerPeer, 256, one, atMost(1<<20))
	check("CallBytesPerPeer", &l.CallBytesPerPeer, max(8<<20, l.Message), message, atMost(math.MaxInt32))
	check("StreamsPerPeer", &l.StreamsPerPeer, 1024, one, atMost(1<<20))
	check("StreamBytesPerPeer", &l.StreamBytesPerPeer, 64<<20, bound[int]{1 << 20, "room for a few streams"}, atMost(math.MaxInt32))
	check("SendsPerPeer", &l.SendsPerPeer, 1024, one, atMost(1<<20))
	check("SendBytesPerPeer", &l.SendBytesPerPeer, max(8<<20, l.Message), message, atMost(math.MaxInt32))
	anyMessage := bound[int]{frame.DefaultLimit, "what a message to any peer may have"}
	check("QueueBytes", &l.QueueBytes, max(2<<20, l.Message), anyMessage, atMost(math.MaxInt32))
	check("Strangers", &l.Strangers, 256, one, atMost(1<<16))
	sources := bound[int]{l.Strangers, "what all sources together may have (Limits.Strangers)"}
	check("StrangersPerSource", &l.StrangersPerSource, min(32, l.Strangers), one, sources)
	check("Guests", &l.Guests, 64, one, atMost(1<<16))
	check("GuestsPerSource", &l.GuestsPerSource, min(8, l.Guests), one, bound[int]{l.Guests, "what all sources together may have (Limits.Guests)"})
	check("CallsPerGuest", &l.CallsPerGuest, 4, one, atMost(1<<10))
	check("GuestBytes", &l.GuestBytes, 16<<20, bound[int]{2 * session.MaxGuestFrame, "what one call may take"}, atMost(math.MaxInt32))
	check("GuestPace", &l.GuestPace, 8<<20, bound[int]{session.PaceOfGuest, "what one guest may send"}, atMost(1<<30))
	check("Peers", &l.Peers, 0, one, atMost(1<<20))
	peers := bound[int]{max(1, l.Peers), "one for each peer that may be connected (Limits.Peers)"}
	check("Sessions", &l.Sessions, 0, peers, atMost(1<<22))
	return err
}
