package serve

import (
	"fmt"

	"github.com/seed-f6ddb928/peernet-go/envelope"
)

// An overload is what a call is answered that reaches a limit, by the limit. A call that is refused costs no more than
// one that is not.
type overload struct {
	calls      *envelope.RemoteError // as many run as may
	bytes      *envelope.RemoteError // its arguments are too much beside those of the calls that run
	replies    *envelope.RemoteError // as many replies wait to be queued as may: the caller does not read them
	replyBytes *envelope.RemoteError // likewise, by the arguments of their calls
}

func newOverload(c *Config) overload {
	say := func(format string, args ...any) *envelope.RemoteError {
		return &envelope.RemoteError{Code: envelope.CodeOverloaded, Text: fmt.Sprintf(format, args...)}
	}
	return overload{
		calls:      say("the limit of %d calls at once is reached: wait until one of them is answered", c.Calls),
		bytes:      say("the limit of %d bytes of arguments of calls at once would be exceeded: wait until one of them is answered", c.CallBytes),
		replies:    say("the limit of %d replies that wait for the caller is reached: read them first", max(c.Calls, minReplies)),
		replyBytes: say("the limit of %d bytes of arguments of calls whose replies wait for the caller is exceeded: read them first", c.CallBytes),
	}
}

// full returns what a call with so many bytes of arguments is answered for want of room; nil: there is room. It is called
// with mu held.
//
// A call whose reply is being queued counts apart: the reply may have reached the caller before this node takes
// note, and a caller that keeps to the limit must never find itself over it. It does count, as a peer that reads
// slowly must not pile up replies: as many as may run, may wait to be queued.
func (p *peer) full(args int) *envelope.RemoteError {
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
