package control

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"
)

// Limits of the server. They bound what a runaway script of the same user can cost the node.
const (
	maxRequests   = 64               // of one operation at once, so that requests that wait keep no other operation out; one more gets ErrBusy
	maxStreams    = 16               // of watch at once; one more gets ErrBusy
	maxRequest    = 8 << 20          // bytes of the body of a request with arguments: JSON of the largest call, escapes included
	maxPlain      = 64 << 10         // bytes of the body of any other request
	maxHeader     = 16 << 10         // bytes of a request's header
	headerTimeout = 5 * time.Second  // for a header to arrive
	bodyTimeout   = 10 * time.Second // for all of a request to arrive, and for an answer to be read
	idleTimeout   = 30 * time.Second // between two requests on a connection
)

// A Server answers the requests that arrive on a Socket, for the operations that it serves.
type Server struct {
	http    http.Server
	mux     http.ServeMux
	explain func(error) *Error
	stop    context.CancelCauseFunc

	mu       sync.Mutex     // guards closed, and Add of upgraded
	closed   bool           // Shutdown has begun
	upgraded sync.WaitGroup // one for each Upgrade that runs: http does not wait for these
}

// NewServer returns a server without operations: the Serve methods of Operation and Stream add them. explain says what an
// error, which is never nil, means to a person.
func NewServer(explain func(error) *Error, log *slog.Logger) *Server {
	ctx, stop := context.WithCancelCause(context.Background())
	s := &Server{explain: explain, stop: stop}
	s.mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		s.writeError(w, fmt.Errorf("%w: no operation %s %.64q", ErrRequest, r.Method, r.URL.Path))
	})
	s.http = http.Server{
		Handler:           &s.mux,
		ReadHeaderTimeout: headerTimeout,
		ReadTimeout:       bodyTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeader,
		BaseContext:       func(net.Listener) context.Context { return ctx },
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelWarn),
	}
	return s
}

// Serve answers on l until Shutdown, and then returns nil.
func (s *Server) Serve(l net.Listener) error {
	if err := s.http.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// Shutdown stops listening, has every running request answered with ErrStopping, and waits for these answers until ctx
// ends. Then it closes the connections that are left.
func (s *Server) Shutdown(ctx context.Context) error {
	s.stop(ErrStopping)
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	if err := s.http.Shutdown(ctx); err != nil {
		return s.http.Close()
	}
	done := make(chan struct{})
	go func() {
		s.upgraded.Wait()
		close(done)
	}()
	select {
	case <-done:
	case <-ctx.Done():
	}
	return nil
}

// beginUpgrade counts an Upgrade that runs, and says whether it may: not after Shutdown.
func (s *Server) beginUpgrade() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.closed {
		s.upgraded.Add(1)
	}
	return !s.closed
}

// handle serves the operation called name: it reads a Q of at most size bytes and calls answer with it, for at most limit
// requests at once.
func handle[Q any](s *Server, name string, limit int, size int64, answer func(http.ResponseWriter, *http.Request, Q)) {
	slots := make(chan struct{}, limit)
	s.mux.HandleFunc("POST /v1/"+name, func(w http.ResponseWriter, r *http.Request) {
		select {
		case slots <- struct{}{}:
			defer func() { <-slots }()
		default:
			s.writeError(w, ErrBusy)
			return
		}
		var q Q
		if err := readRequest(w, r, size, &q); err != nil {
			s.writeError(w, err)
			return
		}
		answer(w, r, q)
	})
}

// readRequest decodes the body of r into q. The body must be exactly one JSON value of at most size bytes, without fields
// that q does not have.
func readRequest(w http.ResponseWriter, r *http.Request, size int64, q any) error {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, size))
	if tooLarge := (*http.MaxBytesError)(nil); errors.As(err, &tooLarge) {
		return fmt.Errorf("%w: requests have at most %d bytes", ErrTooLarge, tooLarge.Limit)
	}
	if err != nil {
		return fmt.Errorf("%w: %w", ErrRequest, err)
	}
	// From here on a read only notices that the client closes the connection.
	http.NewResponseController(w).SetReadDeadline(time.Time{})
	d := json.NewDecoder(bytes.NewReader(body))
	d.DisallowUnknownFields()
	if err := d.Decode(q); err != nil {
		return fmt.Errorf("%w: %w", ErrRequest, err)
	}
	if _, err := d.Token(); err != io.EOF {
		return fmt.Errorf("%w: more than one JSON value", ErrRequest)
	}
	return nil
}

// reason returns err, with which an operation has ended, or ErrStopping if Shutdown has ended it.
func reason(ctx context.Context, err error) error {
	if err != nil && errors.Is(context.Cause(ctx), ErrStopping) {
		return ErrStopping
	}
	return err
}

// writeError answers with what err means.
func (s *Server) writeError(w http.ResponseWriter, err error) {
	status := http.StatusUnprocessableEntity
	switch {
	case errors.Is(err, ErrRequest):
		status = http.StatusBadRequest
	case errors.Is(err, ErrTooLarge):
		status = http.StatusRequestEntityTooLarge
	case errors.Is(err, ErrBusy), errors.Is(err, ErrStopping):
		status = http.StatusServiceUnavailable
	}
	write(w, status, errorBody{s.explain(err)})
}

// write answers with v as JSON. It ignores errors: a client that has gone, or does not read, cannot be told.
func write(w http.ResponseWriter, status int, v any) {
	http.NewResponseController(w).SetWriteDeadline(time.Now().Add(bodyTimeout))
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	encode(w, v)
}

// encode writes v as JSON. It does not escape for HTML, because results must stay as they are.
func encode(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	return e.Encode(v)
}
