package serve

import (
	"fmt"

	"github.com/seed-f6ddb928/peernet-go/envelope"
)

// An overload has the answer to a call that reaches a limit, for each limit. The answers are made beforehand, so that a
// refused call costs no more than another.
type overload struct {
	calls      *envelope.RemoteError // the limit of running calls is reached
	bytes      *envelope.RemoteError // its arguments are too large beside those of the calls that run
	replies    *envelope.RemoteError // the limit of replies that wait to be queued is reached: the caller does not read them
	replyBytes *envelope.RemoteError // likewise, by the arguments of their calls

	guestCalls    *envelope.RemoteError // the limits of guests are reached
	guestBytes    *envelope.RemoteError
	streams       *envelope.RemoteError // the limit of running streams is reached
	reserved      *envelope.RemoteError // the limit of their bytes would be exceeded
	streamReplies *envelope.RemoteError // as replies, of streams
}

func newOverload(c *Config) overload {
	answer := func(format string, args ...any) *envelope.RemoteError {
		return &envelope.RemoteError{Code: envelope.CodeOverloaded, Text: fmt.Sprintf(format, args...)}
	}
	return overload{
		calls:      answer("the limit of %d calls at once is reached: wait until one of them is answered", c.Calls),
		bytes:      answer("the limit of %d bytes of arguments of calls at once would be exceeded: wait until one of them is answered", c.CallBytes),
		replies:    answer("the limit of %d replies that wait for the caller is reached: read them first", max(c.Calls, minReplies)),
		replyBytes: answer("the limit of %d bytes of arguments of calls whose replies wait for the caller is exceeded: read them first", c.CallBytes),
		guestCalls: answer("the limit of %d calls of a guest at once is reached: wait until one of them is answered, and read the answer", c.GuestCalls),
		guestBytes: answer("the limit of %d bytes of the calls of all guests would be exceeded: try again later", c.GuestBytes),

		streams:       answer("the limit of %d streams at once is reached: end one of them", c.Streams),
		reserved:      answer("the limit of %d bytes of streams would be exceeded: end one of them", c.StreamBytes),
		streamReplies: answer("the limit of %d replies of streams that wait for the caller is reached: read them first", max(c.Streams, minReplies)),
	}
}

// overloadedBy returns the answer to a call with this many bytes of arguments for which there is no room; nil: there is. It is
// called with mu held.
//
// A call whose reply is being queued counts apart: the reply may have reached the caller before this node takes
// note, and a caller that keeps to the limit must never be refused. It does count, since a peer that reads
// slowly must not pile up replies: as many may wait to be queued as may run. Replies of streams, which wait behind values that
// the caller has not read, do not count here: calls must not suffer from them.
func (p *peer) overloadedBy(args int) *envelope.RemoteError {
	c, o := &p.server.config, &p.server.overload
	switch {
	case p.running.n >= c.Calls:
		return o.calls
	case p.running.bytes+args > c.CallBytes:
		return o.bytes
	case p.replying.n >= max(c.Calls, minReplies):
		return o.replies
	case p.replying.bytes > c.CallBytes:
		return o.replyBytes
	}
	return nil
}

// noRoomForStream returns the answer to a call that asks for a stream for which there is no room; nil: there is. hasBytes says
// whether there is room for its arguments, or reserves it. It is called with mu held.
func (p *peer) noRoomForStream(hasBytes func() bool) *envelope.RemoteError {
	c, o := &p.server.config, &p.server.overload
	switch {
	case p.streams.n >= c.Streams:
		return o.streams
	case p.replyingStreams.n >= max(c.Streams, minReplies):
		return o.streamReplies
	case !hasBytes():
		return o.reserved
	}
	return nil
}
