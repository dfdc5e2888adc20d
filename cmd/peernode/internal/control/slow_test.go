package control

import (
	"context"
	"io"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// A pipes is a listener that accepts the connections sent to conns.
type pipes struct{ conns chan net.Conn }

func (p pipes) Accept() (net.Conn, error) {
	c, ok := <-p.conns
	if !ok {
		return nil, net.ErrClosed
	}
	return c, nil
}

func (p pipes) Close() error {
	close(p.conns)
	return nil
}

func (p pipes) Addr() net.Addr { return &net.UnixAddr{Name: "pipe", Net: "unix"} }

// TestStreamWaitsForItsClient: a stream has no time limit, even if its client does not read. The backend bounds what gathers.
func TestStreamWaitsForItsClient(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := newServer(fake{watch: func(_ context.Context, tell func(WatchLine) error) error {
			for range 3 {
				time.Sleep(time.Hour)
				if err := tell(WatchLine{Event: &Event{Kind: "paired"}}); err != nil {
					return err
				}
			}
			return errNothing
		}})
		l := pipes{make(chan net.Conn)}
		served := make(chan error, 1)
		go func() { served <- server.Serve(l) }()
		client, end := net.Pipe()
		l.conns <- end
		io.WriteString(client, "POST /v1/watch HTTP/1.1\r\nHost: peernode\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}")
		time.Sleep(24 * time.Hour)
		answer, err := io.ReadAll(client)
		if n := strings.Count(string(answer), `{"event":{"event":"paired"}}`); n != 3 || err != nil {
			t.Errorf("got %q (%v)", answer, err)
		}
		if err := server.Shutdown(t.Context()); err != nil {
			t.Error(err)
		}
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
}

func TestSlowClientsAreCutOff(t *testing.T) {
	const header = "POST /v1/ping HTTP/1.1\r\nHost: peernode\r\n"
	for _, c := range []struct {
		name, sent, want string
		after            time.Duration
	}{
		{"says nothing", "", "", headerTimeout},
		{"stops in the header", header, "", headerTimeout},
		{"stops in the body", header + "Content-Length: 20\r\n\r\n{", `"code":"request"`, bodyTimeout},
		{"stops in the body of an unknown operation", strings.Replace(header, "ping", "pong", 1) + "Content-Length: 20\r\n\r\n{", "", bodyTimeout},
		{"asks once and stays", header + "Content-Length: 2\r\n\r\n{}", `"rtt_ms":0.25`, idleTimeout},
	} {
		synctest.Test(t, func(t *testing.T) {
			server := newServer(fake{})
			l := pipes{make(chan net.Conn)}
			served := make(chan error, 1)
			go func() { served <- server.Serve(l) }()
			client, end := net.Pipe()
			l.conns <- end
			begin := time.Now()
			go io.WriteString(client, c.sent)
			answer, err := io.ReadAll(client)
			if err != nil || !strings.Contains(string(answer), c.want) {
				t.Errorf("%s: got %q (%v), want %q", c.name, answer, err, c.want)
			}
			if took := time.Since(begin); took != c.after {
				t.Errorf("%s: cut off after %v, want %v", c.name, took, c.after)
			}
			client.Close()
			if err := server.Shutdown(t.Context()); err != nil {
				t.Error(err)
			}
			if err := <-served; err != nil {
				t.Error(err)
			}
		})
	}
}
