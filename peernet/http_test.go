package peernet_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"golang.org/x/net/websocket"

	"github.com/seed-f6ddb928/peernet-go/peernet"
)

// webOf has b serve HTTP to its peers, and returns a client of a that reaches it, whatever the host is called.
func webOf(t *testing.T, a, b *peernet.Node, server *http.Server) *http.Client {
	t.Helper()
	l, err := b.Listen("web")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- server.Serve(l) }()
	t.Cleanup(func() {
		_ = server.Close()
		if err := <-served; err != http.ErrServerClosed {
			t.Errorf("serve: %v", err)
		}
	})
	transport := &http.Transport{Protocols: server.Protocols, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return a.Dial(ctx, b.PublicKey(), "web")
	}}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport, Timeout: patience}
}

// TestHTTP serves and calls over streams with net/http as it is: HTTP/1.1, and HTTP/2 without TLS.
func TestHTTP(t *testing.T) {
	for _, version := range []string{"HTTP/1.1", "HTTP/2.0"} {
		t.Run(version, func(t *testing.T) {
			a, b := pairOf(t, peernet.Config{}, peernet.Config{})
			var protocols http.Protocols
			protocols.SetHTTP1(version == "HTTP/1.1")
			protocols.SetUnencryptedHTTP2(version == "HTTP/2.0")
			client := webOf(t, a, b, &http.Server{Protocols: &protocols, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.RemoteAddr != a.PublicKey().String() {
					t.Errorf("a request of %s", r.RemoteAddr)
				}
				w.Header().Set("Spoken", r.Proto)
				body, _ := io.ReadAll(r.Body)
				_, _ = w.Write(body)
			})})
			for i := range 20 {
				body := strings.Repeat("x", i*20_000)
				r, err := client.Post("http://bob/echo", "text/plain", strings.NewReader(body))
				if err != nil {
					t.Fatal(err)
				}
				got, err := io.ReadAll(r.Body)
				_ = r.Body.Close()
				if err != nil || string(got) != body || r.Header.Get("Spoken") != version {
					t.Errorf("%d bytes, want %d; spoken %s; %v", len(got), len(body), r.Header.Get("Spoken"), err)
				}
			}
		})
	}
}

// TestWebSocket upgrades a connection and talks both ways over it.
func TestWebSocket(t *testing.T) {
	a, b := pairOf(t, peernet.Config{}, peernet.Config{})
	webOf(t, a, b, &http.Server{Handler: websocket.Handler(func(ws *websocket.Conn) {
		for {
			var text string
			if err := websocket.Message.Receive(ws, &text); err != nil {
				return
			}
			_ = websocket.Message.Send(ws, "you said "+text)
		}
	})})
	conn, err := a.Dial(patiently(t), b.PublicKey(), "web")
	if err != nil {
		t.Fatal(err)
	}
	config, err := websocket.NewConfig("ws://bob/", "http://bob/")
	if err != nil {
		t.Fatal(err)
	}
	ws, err := websocket.NewClient(config, conn)
	if err != nil {
		t.Fatal(err)
	}
	defer ws.Close()
	for i := range 10 {
		var got string
		if err := websocket.Message.Send(ws, fmt.Sprint(i)); err != nil {
			t.Fatal(err)
		}
		if err := websocket.Message.Receive(ws, &got); err != nil || got != fmt.Sprint("you said ", i) {
			t.Errorf("%q, %v", got, err)
		}
	}
}
