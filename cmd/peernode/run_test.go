package main

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"syscall"
	"testing"

	"github.com/spf13/cobra"

	"github.com/seed-f6ddb928/peernet-go/cmd/peernode/internal/failure"
	"github.com/seed-f6ddb928/peernet-go/cmd/peernode/internal/output"
	"github.com/seed-f6ddb928/peernet-go/cmd/peernode/internal/providers"
	"github.com/seed-f6ddb928/peernet-go/peernet"
)

func TestAdviceForAListenThatFails(t *testing.T) {
	listen := func(err error) error {
		return fmt.Errorf("listen on x: %w", &net.OpError{Op: "listen", Net: "tcp", Addr: &net.TCPAddr{Port: 80}, Err: err})
	}
	for _, c := range []struct {
		name   string
		err    error
		code   string
		exit   int
		advice string // a part
	}{
		{"a port of root's", listen(syscall.EACCES), "permission_denied", failure.ExitFailed, "choose another"},
		{"no such host", listen(&net.DNSError{Err: "no such host", Name: "nonsense"}), "usage", failure.ExitUsage, "an address of this machine"},
		{"no address of ours", listen(syscall.EADDRNOTAVAIL), "no_such_address", failure.ExitFailed, ":PORT for all"},
		{"a port in use", listen(syscall.EADDRINUSE), "address_in_use", failure.ExitFailed, "choose another port"},
	} {
		if e := failure.Explain(failure.Listening(c.err)); e.Code != c.code || e.Exit != c.exit || !strings.Contains(e.Advice, c.advice) {
			t.Errorf("%s: got %+v", c.name, e)
		}
	}
	asked := listen(&net.DNSError{Err: "no such host", Name: "nonsense", Server: "192.0.2.53:53"})
	if e := failure.Explain(failure.Listening(asked)); e.Text != "nonsense: no such host" {
		t.Errorf("it says %q", e.Text)
	}
	if err := failure.Listening(errClosed); !errors.Is(err, errClosed) || failure.Explain(err).Advice != "" {
		t.Errorf("another error: got %v", err)
	}
}

func TestPageThatOthersCanReachIsWarnedOf(t *testing.T) {
	for address, want := range map[string]bool{"127.0.0.1:0": false, ":0": true} {
		var said bytes.Buffer
		r := &runner{app: newApp(nil, nil, output.NewStream(t.Context(), &said, nil)), metrics: address}
		r.config.Logger = slog.New(slog.DiscardHandler)
		node, err := peernet.New(r.config)
		if err != nil {
			t.Fatal(err)
		}
		r.node = node
		page, err := r.serveMetrics(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		page.Close()
		if got := said.Len() > 0; got != want || page.Local() == want {
			t.Errorf("%s: said %q", address, said.String())
		}
	}
}

func TestInterfacesThatAreNotThereAreWarnedOf(t *testing.T) {
	there := interfaceNames(t)
	if len(there) == 0 {
		t.Skip("this machine has no network interfaces")
	}
	for _, c := range []struct {
		name  string
		flags []string
		warns bool
	}{
		{"none named", []string{"--discovery", "udp"}, false},
		{"one that is there", []string{"--discovery", "udp", "--interface", there[0]}, false},
		{"one that is not", []string{"--discovery", "udp", "--interface", there[0], "--interface", "no such one"}, true},
		{"one that does not matter", []string{"--discovery", providers.None, "--interface", "no such one"}, false},
	} {
		var err strings.Builder
		r, cmd := &runner{app: newApp(nil, nil, output.NewStream(t.Context(), &err, nil))}, new(cobra.Command)
		r.providers.Add(cmd)
		if err := cmd.ParseFlags(c.flags); err != nil {
			t.Fatal(err)
		}
		r.warnMissing()
		if (err.Len() > 0) != c.warns || c.warns && !strings.HasPrefix(err.String(), "peernode: --interface: no \"no such one\" on this machine now\npeernode: hint: use one of: ") {
			t.Errorf("%s: said %q", c.name, err.String())
		}
	}
}

// interfaceNames returns the names of this machine's network interfaces.
func interfaceNames(t *testing.T) (names []string) {
	t.Helper()
	all, err := net.Interfaces()
	if err != nil {
		t.Fatal(err)
	}
	for _, i := range all {
		names = append(names, i.Name)
	}
	return names
}
