package main

import (
	"errors"
	"fmt"
	"net"
	"strings"
	"syscall"
	"testing"
)

func TestHintsForAListenThatFails(t *testing.T) {
	listen := func(err error) error {
		return fmt.Errorf("listen on x: %w", &net.OpError{Op: "listen", Net: "tcp", Err: err})
	}
	for _, c := range []struct {
		name string
		err  error
		code string
		exit int
		hint string // a part
	}{
		{"a port of root's", listen(syscall.EACCES), "permission_denied", exitFailed, "choose another with --listen"},
		{"no such host", listen(&net.DNSError{Err: "no such host", Name: "nonsense"}), "usage", exitUsage, "an address of this machine"},
		{"no address of ours", listen(syscall.EADDRNOTAVAIL), "no_such_address", exitFailed, ":PORT for all"},
		{"a port in use", listen(syscall.EADDRINUSE), "address_in_use", exitFailed, "another program"},
	} {
		if e := explain(listenFailed(c.err)); e.Code != c.code || e.Exit != c.exit || !strings.Contains(e.Hint, c.hint) {
			t.Errorf("%s: got %+v", c.name, e)
		}
	}
	if err := listenFailed(errClosed); !errors.Is(err, errClosed) || explain(err).Hint != "" {
		t.Errorf("another error: got %v", err)
	}
}
