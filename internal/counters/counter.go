// Package counters counts what passes between a node and its peers, and what became of those who wanted to be peers.
//
// Whatever counts holds a *Peer, or the node's Node, and adds where the thing happens: one atomic addition, no lock, no
// allocation, no look at a clock. What is counted is bounded: codes and reasons that are not known are one, "other", so that no peer can make
// the numbers many. Nothing is counted on a nil *Peer or *Node.
package counters

import "github.com/seed-f6ddb928/peernet-go/envelope"

// A Counter is one of the numbers that are kept of a peer. None ever goes back.
type Counter int

// The numbers of what comes from a peer, besides those of calls by CallResult.
const (
	BytesIn        Counter = iota // read from connections, after the handshake
	FramesIn                      // opened
	SendsIn                       // arrived, whatever became of them
	SendsUnhandled                // of SendsIn: nobody handles that name
	SendsDropped                  // of SendsIn: there was no room
	CallsRefused                  // of calls of the peer: for want of room, so their outcome is Answer("overloaded")

	callsIn // of the peer's, by outcome
)

const callsOut = callsIn + Counter(CallResults) // of ours, by outcome

// The numbers of what goes to a peer, and of sessions besides those by the reason of their end.
const (
	BytesOut       = callsOut + Counter(CallResults) + iota // written to connections, after the handshake
	FramesOut                                               // sealed, and written unless the connection broke
	SendsOut                                                // queued
	SessionsMade                                            // that came up
	DialsConnected                                          // TCP connects
	DialsFailed                                             // the same, by themselves: those that were called off are not counted

	sessionsEnded // that had come up, by reason
)

const counters = sessionsEnded + Counter(len(reasons)) + 1

// An CallResult is how a call ended.
type CallResult uint8

// CallResults of calls, besides Answer. Lost and Abandoned are of this node's calls alone: each of the peer's gets an answer.
const (
	OK          CallResult = iota                          // answered with a result
	otherCode              = CallResult(len(codes)) + iota // answered with a code that is none of codes
	Lost                                                   // the session ended before the answer, and the request may have been sent
	Abandoned                                              // the caller's context ended before the answer
	CallResults                                            // how many there are
)

// codes are those that have a number of their own; codes[i] is CallResult i+1.
var codes = [...]envelope.Code{
	envelope.CodeNoHandler, envelope.CodeForbidden, envelope.CodeBadArgs, envelope.CodeFailed, envelope.CodeInternal,
	envelope.CodeOverloaded, envelope.CodeCancelled, envelope.CodeDeadline, envelope.CodeTooLarge,
}

// Answer is the outcome of a call that is answered with an error of this code.
func Answer(code envelope.Code) CallResult {
	for i, c := range codes {
		if c == code {
			return CallResult(i + 1)
		}
	}
	return otherCode
}

// other is what codes and reasons are called that have no number of their own.
const other = "other"

// Code returns the code of an answer, "other" for all that are not known; false: the outcome is no error that was answered.
func (o CallResult) Code() (string, bool) {
	switch {
	case o == otherCode:
		return other, true
	case o > OK && o < otherCode:
		return string(codes[o-1]), true
	}
	return "", false
}

// reasons are the ends of sessions that have a number of their own.
var reasons = [...]envelope.Reason{
	envelope.ReasonDuplicate, envelope.ReasonRotated, envelope.ReasonIdle, envelope.ReasonShutdown, envelope.ReasonRefused,
	envelope.ReasonRevoked, envelope.ReasonConflict, envelope.ReasonBusy, envelope.ReasonProtocol, envelope.ReasonUnresponsive,
	Broken,
}

// Broken is the end of a session without a bye. It is not on the wire.
const Broken envelope.Reason = "lost"

// ended is the number of sessions that ended for that reason.
func ended(reason envelope.Reason) Counter {
	for i, r := range reasons {
		if r == reason {
			return sessionsEnded + Counter(i)
		}
	}
	return counters - 1
}

// Counts are the numbers of a peer, or of all, at one moment.
type Counts [counters]uint64

// CallsIn returns how many calls of the peer ended so.
func (c *Counts) CallsIn(o CallResult) uint64 { return c[callsIn+Counter(o)] }

// CallsOut returns how many calls of this node ended so.
func (c *Counts) CallsOut(o CallResult) uint64 { return c[callsOut+Counter(o)] }

// SessionsEnded returns how many sessions ended, by reason, "other" for all that are not known; without those that did not
// occur.
func (c *Counts) SessionsEnded() map[string]uint64 {
	m := make(map[string]uint64)
	for i, n := range c[sessionsEnded:] {
		switch {
		case n == 0:
		case i < len(reasons):
			m[string(reasons[i])] = n
		default:
			m[other] = n
		}
	}
	return m
}

func (c *Counts) add(d *Counts) {
	for i, n := range d {
		c[i] += n
	}
}
