package session

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"testing"

	"github.com/seed-f6ddb928/peernet-go/envelope"
)

func TestErrorsSayWhatTheyAre(t *testing.T) {
	for name, c := range map[string]struct {
		err  error
		is   []error
		isnt []error
		un   bool // Unsent
	}{
		"link lost":             {&LinkError{Reason: ReasonLost, Err: io.ErrClosedPipe, Sent: true}, []error{ErrLinkLost, net.ErrClosed, io.ErrClosedPipe}, []error{envelope.ErrTooLarge, context.Canceled}, false},
		"link lost, not sent":   {&LinkError{Reason: ReasonLost}, []error{ErrLinkLost, net.ErrClosed}, []error{io.EOF}, true},
		"session is closing":    {errDraining, nil, []error{ErrLinkLost, net.ErrClosed}, true},
		"call given up":         {&AbandonedError{Err: context.Canceled, Sent: true}, []error{context.Canceled}, []error{context.DeadlineExceeded, ErrLinkLost}, false},
		"call given up in time": {&AbandonedError{Err: context.DeadlineExceeded}, []error{context.DeadlineExceeded}, []error{context.Canceled}, false},
		"no room in time":       {&AbandonedError{Err: context.DeadlineExceeded, Full: 1 << 20}, []error{context.DeadlineExceeded}, []error{context.Canceled}, false},
		"too large":             {&SizeError{Size: 2, Limit: 1}, []error{envelope.ErrTooLarge}, []error{ErrLinkLost}, false},
	} {
		for _, target := range c.is {
			if !errors.Is(c.err, target) {
				t.Errorf("%s: is not %v", name, target)
			}
		}
		for _, target := range c.isnt {
			if errors.Is(c.err, target) {
				t.Errorf("%s: is %v", name, target)
			}
		}
		if got := Unsent(c.err); got != c.un {
			t.Errorf("%s: Unsent = %v", name, got)
		}
		if c.err.Error() == "" {
			t.Errorf("%s: says nothing", name)
		}
	}
}

// TestPeersTextIsQuotedAndCut checks that a peer's text does not reach a log as it is.
func TestPeersTextIsQuotedAndCut(t *testing.T) {
	e := &LinkError{Reason: envelope.ReasonBusy, Text: "\x1b[2Jline\n" + strings.Repeat("x", 5000), ByPeer: true}
	if s := e.Error(); strings.ContainsAny(s, "\x1b\n") || len(s) > 1000 {
		t.Errorf("%q", s)
	}
}
