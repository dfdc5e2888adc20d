package metrics

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/seed-f6ddb928/peernet-go/cmd/peernode/internal/failure"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience bounds what a test waits for on real sockets; nothing takes so long.
const patience = time.Minute

var quiet = slog.New(slog.DiscardHandler)

// newPage returns a page on loopback, which ends with the test.
func newPage(t *testing.T) *Page {
	t.Helper()
	page, err := Serve(t.Context(), "127.0.0.1:0", prometheus.NewRegistry(), quiet)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(page.Close)
	return page
}

func TestMetricsAreOnOnePageAndForNoForeignName(t *testing.T) {
	page := newPage(t)
	base := strings.TrimSuffix(page.URL(), Path)
	_, port, _ := net.SplitHostPort(page.listener.Addr().String())
	get(t, base+"/", http.StatusNotFound)
	for host, want := range map[string]int{
		"127.0.0.1:" + port: http.StatusOK, "127.0.0.1": http.StatusOK, "[::1]:" + port: http.StatusOK, "localhost:" + port: http.StatusOK,
		"LocalHost:" + port: http.StatusOK, "localhost.:" + port: http.StatusOK, "localhost": http.StatusOK, "[::1]": http.StatusOK,
		"localhost..:" + port: http.StatusForbidden, "localhost.example.org": http.StatusForbidden, "": http.StatusOK,
		"example.org:" + port: http.StatusForbidden, "example.org": http.StatusForbidden, "127.0.0.1.example.org": http.StatusForbidden,
	} {
		get(t, page.URL(), want, host)
	}
}

func TestAdviceForMetricsThatCannotBeServed(t *testing.T) {
	taken := newPage(t)
	_, err := Serve(t.Context(), taken.listener.Addr().String(), prometheus.NewRegistry(), quiet)
	if e := failure.Explain(err); !errors.Is(err, syscall.EADDRINUSE) || e.Code != "address_in_use" || e.Exit != failure.ExitFailed || !strings.HasPrefix(e.Text, "--metrics: another program has ") {
		t.Errorf("taken: %+v", e)
	}
	_, err = Serve(t.Context(), "192.0.2.1:0", prometheus.NewRegistry(), quiet)
	if e := failure.Explain(err); e.Code != "no_such_address" || e.Exit != failure.ExitFailed || !strings.Contains(e.Advice, "this machine has no such address") {
		t.Errorf("not ours: %+v", e)
	}
}

// TestClosedPageIsGone closes a page with an open connection.
func TestClosedPageIsGone(t *testing.T) {
	page := newPage(t)
	conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", page.listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	page.Close()
	if _, err := net.Dial("tcp", page.listener.Addr().String()); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("after the end: %v", err)
	}
	page.Close()
}

// TestReadersThatStayKeepNoOtherOut has readers that do not close their connections.
func TestReadersThatStayKeepNoOtherOut(t *testing.T) {
	page := newPage(t)
	address := page.listener.Addr().String()
	for range maxConns {
		conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
			t.Fatal(err)
		}
		if _, err := fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: %s\r\n\r\n", Path, address); err != nil {
			t.Fatal(err)
		}
		answer, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			t.Fatal(err)
		}
		if answer.Body.Close(); !answer.Close {
			t.Error("the connection stays")
		}
	}
	get(t, page.URL(), http.StatusOK)
}

// get returns the page at url, and fails unless it has this status.
func get(t *testing.T, url string, status int, hosts ...string) []byte {
	t.Helper()
	q, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, h := range hosts {
		q.Host = h
	}
	transport := &http.Transport{DisableKeepAlives: true}
	a, err := (&http.Client{Transport: transport, Timeout: patience}).Do(q)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Body.Close()
	body, err := io.ReadAll(a.Body)
	if err != nil || a.StatusCode != status {
		t.Fatalf("%s as %q: %s, want %d; %v", url, hosts, a.Status, status, err)
	}
	return body
}
