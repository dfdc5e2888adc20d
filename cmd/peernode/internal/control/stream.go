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

// A Stream is an operation that has many things to tell. Its request is a Q.
type Stream[Q any] struct{ name string }

// Serve has s send each thing that do tells as a line of JSON, at once. The last line is the error that do returns. If do
// returns before it tells anything, the answer is that error alone. A stream has no time limit, not even for a client that
// reads slowly: tell waits for the client, and do bounds what gathers meanwhile. The context of do ends when the client
// closes the connection, and at Shutdown.
func (o Stream[Q]) Serve(s *Server, do func(ctx context.Context, q Q, tell func(WatchLine) error) error) {
	handle(s, o.name, maxStreams, maxPlain, func(w http.ResponseWriter, r *http.Request, q Q) {
		control, begun := http.NewResponseController(w), false
		tell := func(line WatchLine) error {
			if !begun {
				begun = true
				control.SetWriteDeadline(time.Time{})
				w.Header().Set("Content-Type", "application/x-ndjson")
				w.WriteHeader(http.StatusOK)
			}
			if err := encode(w, line); err != nil {
				return err
			}
			return control.Flush()
		}
		err := reason(r.Context(), do(r.Context(), q, tell)) // never nil
		if !begun {
			s.writeError(w, err)
			return
		}
		tell(WatchLine{Error: s.explain(err)}) // fails if the client has gone
	})
}

// Ask has the node do the operation and gives tell each thing as it arrives. It returns the *Error with which the node
// ends the stream, tell's error, the context's error, or ErrGone if the connection ends without an Error.
func (o Stream[Q]) Ask(ctx context.Context, c *Client, q Q, tell func(WatchLine) error) error {
	ctx, cancel := context.WithCancel(ctx) // ends the request if tell fails
	defer cancel()
	answer, err := c.ask(ctx, o.name, q)
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
		var line WatchLine
		if err := json.Unmarshal(scan.Bytes(), &line); err != nil {
			return fmt.Errorf("reading the node's answer: %w", err)
		}
		if line.Error != nil {
			return line.Error
		}
		if err := tell(line); err != nil {
			return err
		}
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if errors.Is(scan.Err(), bufio.ErrTooLong) {
		return fmt.Errorf("%w: lines of an answer have at most %d bytes", ErrTooLarge, maxAnswer)
	}
	return ErrGone // whatever error the connection has
}

// wholeLine is a bufio.SplitFunc for lines. It drops a last line without a newline: the end has cut it off.
func wholeLine(data []byte, _ bool) (advance int, token []byte, err error) {
	if i := bytes.IndexByte(data, '\n'); i >= 0 {
		return i + 1, data[:i], nil
	}
	return 0, nil, nil
}
