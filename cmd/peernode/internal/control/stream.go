package control

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"
)

// A Stream is an operation that has many things to tell. It takes nothing.
type Stream[A any] struct{ name string }

// Serve has s send each A that do tells as a line of JSON, at once. The last line is the error that do returns; if that is
// all, the request is refused with it. There is no limit of time, and none for a client that is slow to read: tell waits for
// it, and do sees to it that what gathers meanwhile is bounded. The context of do ends when the client goes away, and at
// Shutdown.
func (o Stream[A]) Serve(s *Server, do func(ctx context.Context, tell func(A) error) error) {
	handle(s, o.name, maxStreams, maxPlain, func(w http.ResponseWriter, r *http.Request, _ struct{}) {
		control, begun := http.NewResponseController(w), false
		line := func(v any) error {
			if !begun {
				begun = true
				control.SetWriteDeadline(time.Time{})
				w.Header().Set("Content-Type", "application/x-ndjson")
				w.WriteHeader(http.StatusOK)
			}
			if err := encode(w, v); err != nil {
				return err
			}
			return control.Flush()
		}
		err := do(r.Context(), func(a A) error { return line(a) })
		if errors.Is(context.Cause(r.Context()), ErrStopping) {
			err = ErrStopping
		}
		if !begun {
			s.refuse(w, err)
			return
		}
		line(failure{s.explain(err)}) // a client that has gone is nobody to tell
	})
}

// Ask has the node do the operation and gives tell each thing as it arrives. It returns the *Error that the node ends with,
// tell's error, the context's, or ErrGone if the node ends without a word.
func (o Stream[A]) Ask(ctx context.Context, c *Client, tell func(A) error) error {
	ctx, cancel := context.WithCancel(ctx) // ends the request if tell fails
	defer cancel()
	answer, err := c.ask(ctx, o.name, struct{}{})
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return readAnswer(answer, nil)
	}
	scan := bufio.NewScanner(answer.Body)
	scan.Buffer(nil, maxAnswer)
	scan.Split(wholeLine)
	for scan.Scan() {
		var f failure
		if err := json.Unmarshal(scan.Bytes(), &f); err != nil {
			return fmt.Errorf("reading the node's answer: %w", err)
		}
		if f.Error != nil {
			return f.Error
		}
		var a A
		if err := json.Unmarshal(scan.Bytes(), &a); err != nil {
			return fmt.Errorf("reading the node's answer: %w", err)
		}
		if err := tell(a); err != nil {
			return err
		}
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if errors.Is(scan.Err(), bufio.ErrTooLong) {
		return fmt.Errorf("%w: lines of an answer have at most %d bytes", ErrTooLarge, maxAnswer)
	}
	return ErrGone // in whatever way the connection says so
}

// wholeLine is a bufio.SplitFunc for lines. A line that the end cuts off is dropped.
func wholeLine(data []byte, _ bool) (advance int, token []byte, err error) {
	if i := bytes.IndexByte(data, '\n'); i >= 0 {
		return i + 1, data[:i], nil
	}
	return 0, nil, nil
}
