package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

var quiet = slog.New(slog.DiscardHandler)

// newPage returns a page on loopback that does not answer yet, and ends with the test.
func newPage(t *testing.T) *scrapePage {
	t.Helper()
	page, err := (&app{err: &output{w: new(bytes.Buffer)}}).listenScrapes(t.Context(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(page.close)
	return page
}

func TestMetricsAreOnOnePageAndForNoForeignName(t *testing.T) {
	page := newPage(t)
	page.serve(prometheus.NewRegistry(), quiet)
	base := strings.TrimSuffix(page.url(), metricsPath)
	_, port, _ := net.SplitHostPort(page.listener.Addr().String())
	get(t, base+"/", http.StatusNotFound)
	for host, want := range map[string]int{
		"127.0.0.1:" + port: http.StatusOK, "127.0.0.1": http.StatusOK, "[::1]:" + port: http.StatusOK, "localhost:" + port: http.StatusOK,
		"example.org:" + port: http.StatusForbidden, "example.org": http.StatusForbidden, "127.0.0.1.example.org": http.StatusForbidden,
	} {
		get(t, page.url(), want, host)
	}
}

func TestPageThatOthersCanReachIsWarnedOf(t *testing.T) {
	for address, want := range map[string]bool{"127.0.0.1:0": false, ":0": true} {
		var said bytes.Buffer
		page, err := (&app{err: &output{w: &said}}).listenScrapes(t.Context(), address)
		if err != nil {
			t.Fatal(err)
		}
		page.close()
		if got := said.Len() > 0; got != want || page.local() == want {
			t.Errorf("%s: said %q", address, said.String())
		}
	}
}

func TestHintsForMetricsThatCannotBeServed(t *testing.T) {
	taken := newPage(t)
	_, err := (&app{}).listenScrapes(t.Context(), taken.listener.Addr().String())
	if e := explain(err); !errors.Is(err, syscall.EADDRINUSE) || e.Code != "address_in_use" || e.Exit != exitFailed || !strings.Contains(e.Hint, "--metrics") {
		t.Errorf("taken: %+v", e)
	}
	_, err = (&app{}).listenScrapes(t.Context(), "192.0.2.1:0")
	if e := explain(err); e.Code != "no_such_address" || e.Exit != exitFailed || !strings.Contains(e.Hint, "of this machine") {
		t.Errorf("not ours: %+v", e)
	}
	if e := explain(scrapesFailed(&net.DNSError{Err: "no such host", Name: "nonsense"})); e.Exit != exitUsage || e.Code != "usage" {
		t.Errorf("no such host: %+v", e)
	}
}

// TestClosedPageIsGone: also one that somebody is connected to and says nothing.
func TestClosedPageIsGone(t *testing.T) {
	page := newPage(t)
	page.serve(prometheus.NewRegistry(), quiet)
	conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", page.listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	page.close()
	if _, err := net.Dial("tcp", page.listener.Addr().String()); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("after the end: %v", err)
	}
	page.close()
}

// TestWhoHasReadMetricsKeepsNobodyOut: also if it does not close its connection.
func TestWhoHasReadMetricsKeepsNobodyOut(t *testing.T) {
	page := newPage(t)
	page.serve(prometheus.NewRegistry(), quiet)
	address := page.listener.Addr().String()
	for range scrapeConns {
		conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		if err := conn.SetDeadline(time.Now().Add(waitTime)); err != nil {
			t.Fatal(err)
		}
		if _, err := fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: %s\r\n\r\n", metricsPath, address); err != nil {
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
	get(t, page.url(), http.StatusOK)
}
