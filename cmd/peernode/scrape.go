package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"golang.org/x/net/netutil"
)

// metricsPath is where the metrics are.
const metricsPath = "/metrics"

// What those who read metrics can make the node hold and do.
const (
	scrapeConns   = 16               // connections, each for one request; the next one waits
	scrapesAtOnce = 4                // answers under way; the next one is refused
	scrapeHeader  = 8 << 10          // bytes of a request's header
	scrapeRead    = 5 * time.Second  // for a request
	scrapeWrite   = 10 * time.Second // for its answer
)

// A scrapePage serves metrics over HTTP.
type scrapePage struct {
	listener net.Listener
	server   *http.Server
	served   chan struct{} // closed when serve has ended; nil: it has not begun
}

// listenScrapes listens at address for whoever wants to read metrics, and answers nobody yet. It warns of an address that
// others can reach.
func (a *app) listenScrapes(ctx context.Context, address string) (*scrapePage, error) {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", address)
	if err != nil {
		return nil, scrapesFailed(err)
	}
	s := &scrapePage{listener: l}
	if !s.local() {
		a.say("--metrics: whoever can reach %v can read who this node's peers are, and how much they talk: there is no password", l.Addr())
	}
	return s, nil
}

// scrapesFailed returns the error of a --metrics that cannot be listened on, with the hint that fits it.
func scrapesFailed(err error) error {
	err = fmt.Errorf("--metrics: %w", err)
	if _, ok := errors.AsType[*net.DNSError](err); ok {
		return usage(err.Error(), metricsHint)
	}
	if errors.Is(err, syscall.EADDRINUSE) {
		return &hintedError{err, "another program has this port, perhaps another node: choose another with --metrics"}
	}
	return &hintedError{err, metricsHint}
}

// local says whether this machine alone can reach the page.
func (s *scrapePage) local() bool {
	a, ok := s.listener.Addr().(*net.TCPAddr)
	return ok && a.IP.IsLoopback()
}

// url returns where the metrics are.
func (s *scrapePage) url() string { return "http://" + s.listener.Addr().String() + metricsPath }

// serve answers with the metrics of r, in a goroutine of its own, until close.
func (s *scrapePage) serve(r *prometheus.Registry, log *slog.Logger) {
	errorLog := slog.NewLogLogger(log.Handler(), slog.LevelDebug) // of what others do wrong, as often as they like
	page := promhttp.HandlerFor(r, promhttp.HandlerOpts{ErrorLog: errorLog, MaxRequestsInFlight: scrapesAtOnce})
	mux := http.NewServeMux()
	mux.Handle("GET "+metricsPath, s.guard(page))
	s.server = &http.Server{Handler: mux, ErrorLog: errorLog, MaxHeaderBytes: scrapeHeader,
		ReadTimeout: scrapeRead, WriteTimeout: scrapeWrite}
	s.server.SetKeepAlivesEnabled(false) // who keeps its connection would keep others out
	s.served = make(chan struct{})
	go func() {
		defer close(s.served)
		if err := s.server.Serve(netutil.LimitListener(s.listener, scrapeConns)); !errors.Is(err, http.ErrServerClosed) {
			log.Error("metrics are served no more", "err", err)
		}
	}()
}

// guard lets a page that is for this machine alone be asked for by its address only: a web site could have a browser here
// ask for it by a name of its own, and read it.
func (s *scrapePage) guard(next http.Handler) http.Handler {
	if !s.local() {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host := r.Host
		if h, _, err := net.SplitHostPort(host); err == nil {
			host = h
		}
		if _, err := netip.ParseAddr(host); err != nil && host != "localhost" {
			http.Error(w, "ask for it by address", http.StatusForbidden)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// close ends it, and waits until nothing of it is left.
func (s *scrapePage) close() {
	if s.served == nil {
		_ = s.listener.Close()
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), controlTime)
	defer cancel()
	if s.server.Shutdown(ctx) != nil {
		_ = s.server.Close()
	}
	<-s.served
}
