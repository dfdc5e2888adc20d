// Package counters has the live numbers of a node: what passes between it and its peers, and what became of those who
// wanted to be peers. Stats are a snapshot of them.
//
// Whatever counts holds a *Peer, or the Node, and adds where the thing happens: one atomic addition, no lock, no
// allocation, no look at a clock. The numbers are bounded: codes and reasons that are not known are one, "other", so that
// no peer can make them many. The numbers of a Peer that is not known are not kept.
package counters

import (
	"slices"

	"github.com/seed-f6ddb928/peernet-go/envelope"
)

// A Counter is one of the numbers that are kept of a peer. None ever goes back.
type Counter int

// The numbers of what comes from a peer, besides those of calls by CallResult.
const (
	BytesIn        Counter = iota // read from connections, after the handshake
	FramesIn                      // opened
	SendsIn                       // arrived, whatever became of them
	SendsUnhandled                // of SendsIn: there is no handler of that name
	SendsDropped                  // of SendsIn: there was no room
	CallsRefused                  // of calls of the peer: for want of room, so their result is Answer("overloaded")
	StreamsIgnored                // values, credit and ends of streams that were not open

	callsIn // of the peer's, by CallResult
)

const callsOut = callsIn + Counter(callResults) // of ours, by CallResult

// The numbers of what goes to a peer, and of sessions besides those by the reason of their end.
const (
	BytesOut       = callsOut + Counter(callResults) + iota // written to connections, after the handshake
	FramesOut                                               // sealed, and written unless the connection broke
	SendsOut                                                // queued
	SessionsMade                                            // that came up
	DialsConnected                                          // TCP connects
	DialsFailed                                             // the same, by themselves: those that were called off are not counted

	sessionsEnded // that had come up, by reason
)

const counters = sessionsEnded + Counter(len(EndReasons))

// A CallResult is how a call ended.
type CallResult uint8

// Results of calls, besides Answer. Lost and Abandoned are of this node's calls alone: each of the peer's gets an answer.
const (
	OK          = CallResult(len(CallErrors)) + iota // answered with a result
	Lost                                             // the session ended before the answer, and the request may have been sent
	Abandoned                                        // the caller's context ended before the answer
	callResults                                      // how many there are
)

// other stands for all codes and reasons that have no number of their own. It is the last of its table.
const other = "other"

// CallErrors are the codes that have a number of their own, and other; that of CallErrors[i] is CallResult i.
var CallErrors = [...]envelope.Code{
	envelope.CodeNoHandler, envelope.CodeForbidden, envelope.CodeBadArgs, envelope.CodeFailed, envelope.CodeInternal,
	envelope.CodeOverloaded, envelope.CodeCancelled, envelope.CodeDeadline, envelope.CodeTooLarge, other,
}

// Answer is the result of a call that is answered with an error of this code.
func Answer(code envelope.Code) CallResult { return CallResult(index(CallErrors[:], code)) }

// EndReasons are the ends of sessions that have a number of their own, and other.
var EndReasons = [...]envelope.Reason{
	envelope.ReasonDuplicate, envelope.ReasonRotated, envelope.ReasonIdle, envelope.ReasonShutdown, envelope.ReasonRefused,
	envelope.ReasonRevoked, envelope.ReasonConflict, envelope.ReasonBusy, envelope.ReasonProtocol, envelope.ReasonUnresponsive,
	Broken, other,
}

// Broken is the end of a session without a bye. It is not on the wire.
const Broken envelope.Reason = "lost"

// index returns the index of name in names, and the last one, which is other's, if it is not there.
func index[N ~string](names []N, name N) int {
	if i := slices.Index(names, name); i >= 0 {
		return i
	}
	return len(names) - 1
}
