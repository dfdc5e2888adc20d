// Package metrics serves a page of metrics over HTTP, to everybody who can reach its address.
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
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"golang.org/x/net/netutil"

	"github.com/seed-f6ddb928/peernet-go/cmd/peernode/internal/failure"
)

// Path is where the metrics are.
const Path = "/metrics"

// Form is the form of an address to serve metrics at.
const Form = "give it as HOST:PORT of this machine, such as 127.0.0.1:9464; port 0 is any free one"

// What those who read metrics can make the node hold and do.
const (
	maxConns     = 16               // connections, each for one request; the next one waits
	maxRequests  = 4                // answers under way; the next one is refused
	maxHeader    = 8 << 10          // bytes of a request's header
	readTimeout  = 5 * time.Second  // for a request
	writeTimeout = 10 * time.Second // for its answer
	closeTimeout = time.Second      // for the answers under way when the page is closed
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
		return nil, listenError(err)
	}
	p := &Page{listener: l, served: make(chan struct{})}
	errorLog := slog.NewLogLogger(log.Handler(), slog.LevelDebug) // of what others do wrong, as often as they like
	mux := http.NewServeMux()
	mux.Handle("GET "+Path, p.guard(promhttp.HandlerFor(r, promhttp.HandlerOpts{ErrorLog: errorLog, MaxRequestsInFlight: maxRequests})))
	p.server = http.Server{Handler: mux, ErrorLog: errorLog, MaxHeaderBytes: maxHeader, ReadTimeout: readTimeout, WriteTimeout: writeTimeout}
	p.server.SetKeepAlivesEnabled(false) // a reader that keeps its connection would keep others out
	go func() {
		defer close(p.served)
		if err := p.server.Serve(netutil.LimitListener(l, maxConns)); !errors.Is(err, http.ErrServerClosed) {
			log.Error("metrics are no longer served", "err", err)
		}
	}()
	return p, nil
}

// listenError returns the error of an address that cannot be listened on, with the advice that fits it.
func listenError(err error) error {
	err = fmt.Errorf("--metrics: %w", err)
	if _, ok := errors.AsType[*net.DNSError](err); ok {
		return failure.UsageOf(err, Form)
	}
	if errors.Is(err, syscall.EADDRINUSE) {
		return failure.WithAdvice(err, "another program has this port, perhaps another node: choose another with --metrics")
	}
	return failure.WithAdvice(err, Form)
}

// Local says whether this machine alone can reach the page.
func (p *Page) Local() bool {
	a, ok := p.listener.Addr().(*net.TCPAddr)
	return ok && a.IP.IsLoopback()
}

// Addr returns where the page listens.
func (p *Page) Addr() net.Addr { return p.listener.Addr() }

// URL returns where the metrics are.
func (p *Page) URL() string { return "http://" + p.listener.Addr().String() + Path }

// guard lets a page that is for this machine alone be asked for by its address only: a web site could have a browser here
// ask for it by a name of its own, and read it.
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

// Close ends the page, and waits until nothing of it is left.
func (p *Page) Close() {
	ctx, cancel := context.WithTimeout(context.Background(), closeTimeout)
	defer cancel()
	if p.server.Shutdown(ctx) != nil {
		_ = p.server.Close()
	}
	<-p.served
}
