// Package metrics serves a page of metrics over HTTP to all who can reach its address.
package metrics

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"golang.org/x/net/netutil"

	"github.com/seed-f6ddb928/peernet-go/cmd/peernode/internal/failure"
)

// Path is where the metrics are.
const Path = "/metrics"

// Limits of the page. They bound what readers of metrics can cost the node.
const (
	maxConns     = 16               // connections, each for one request; the next one waits
	maxRequests  = 4                // answers at once; one more is refused
	maxHeader    = 8 << 10          // bytes of a request's header
	readTimeout  = 5 * time.Second  // for a request
	writeTimeout = 10 * time.Second // for its answer
	closeTimeout = time.Second      // for the answers that are not finished when the page is closed
)

// A Page serves metrics.
type Page struct {
	listener net.Listener
	server   http.Server
	served   chan struct{} // closed when the goroutine that serves has ended
}

// Serve answers at address with the metrics of r, in a goroutine of its own, until Close.
func Serve(ctx context.Context, address string, r *prometheus.Registry, log *slog.Logger) (*Page, error) {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("--metrics: %w", failure.Listening(err))
	}
	p := &Page{listener: l, served: make(chan struct{})}
	errorLog := slog.NewLogLogger(log.Handler(), slog.LevelDebug) // at level debug, because others can cause any number of lines
	mux := http.NewServeMux()
	mux.Handle("GET "+Path, p.guard(promhttp.HandlerFor(r, promhttp.HandlerOpts{ErrorLog: errorLog, MaxRequestsInFlight: maxRequests})))
	p.server = http.Server{Handler: mux, ErrorLog: errorLog, MaxHeaderBytes: maxHeader, ReadTimeout: readTimeout, WriteTimeout: writeTimeout}
	p.server.SetKeepAlivesEnabled(false) // a reader that keeps its connection would keep others out of maxConns
	go func() {
		defer close(p.served)
		if err := p.server.Serve(netutil.LimitListener(l, maxConns)); !errors.Is(err, http.ErrServerClosed) {
			log.Error("metrics are no longer served", "err", err)
		}
	}()
	return p, nil
}

// Local says whether only this machine can reach the page.
func (p *Page) Local() bool {
	a, ok := p.listener.Addr().(*net.TCPAddr)
	return ok && a.IP.IsLoopback()
}

// Addr returns where the page listens.
func (p *Page) Addr() net.Addr { return p.listener.Addr() }

// URL returns the URL of the metrics.
func (p *Page) URL() string { return "http://" + p.listener.Addr().String() + Path }

// guard protects a page that only this machine can reach: requests must name it by address. A web site could otherwise make
// a browser on this machine ask for the page by a name of the site, and read it.
func (p *Page) guard(next http.Handler) http.Handler {
	if !p.Local() {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host := r.Host
		if h, _, err := net.SplitHostPort(host); err == nil {
			host = h
		}
		_, err := netip.ParseAddr(strings.Trim(host, "[]"))
		if err != nil && !strings.EqualFold(strings.TrimSuffix(host, "."), "localhost") {
			http.Error(w, "ask for it by address", http.StatusForbidden)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// Close ends the page, and waits until its goroutine has ended.
func (p *Page) Close() {
	ctx, cancel := context.WithTimeout(context.Background(), closeTimeout)
	defer cancel()
	if p.server.Shutdown(ctx) != nil {
		_ = p.server.Close()
	}
	<-p.served
}
