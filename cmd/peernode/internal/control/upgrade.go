package control

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"time"
)

// protocol is the name of what the connection of an Upgrade speaks after the answer (package doc).
const protocol = "peernode-bytes"

// lastTime is how long a client may take to read the last line of an Upgrade.
const lastTime = time.Second

// An Upgrade is an operation whose connection carries bytes both ways after the answer.
type Upgrade struct{ name string }

// Serve has s do the operation. do calls join once to have the connection, which it must not use after it has returned. If do
// returns an error before, the answer is that error. If do returns after, the last line for the client is what do returns: a
// line, or an error. The context of do ends at Shutdown.
func (o Upgrade) Serve(s *Server, do func(ctx context.Context, q Request, join func() (*Joint, error)) (WatchLine, error)) {
	handle(s, o.name, maxRequests, maxPlain, func(w http.ResponseWriter, r *http.Request, q Request) {
		if r.Header.Get("Upgrade") != protocol {
			s.writeError(w, fmt.Errorf("%w: %s needs the header Upgrade: %s", ErrRequest, o.name, protocol))
			return
		}
		if !s.beginUpgrade() {
			s.writeError(w, ErrStopping)
			return
		}
		defer s.upgraded.Done()
		var j *Joint
		join := func() (_ *Joint, err error) {
			j, err = takeOver(w)
			return j, err
		}
		last, err := do(r.Context(), q, join)
		err = reason(r.Context(), err)
		if j == nil {
			s.writeError(w, err)
			return
		}
		defer j.Close()
		if err != nil {
			last = WatchLine{Error: s.explain(err)}
		}
		j.SetDeadline(time.Now().Add(lastTime))
		j.Tell(last) // fails if the client has gone
	})
}

// takeOver answers a request with the upgrade, and returns its connection.
func takeOver(w http.ResponseWriter) (*Joint, error) {
	conn, ahead, err := http.NewResponseController(w).Hijack()
	if err == nil && ahead.Reader.Buffered() > 0 {
		conn.Close()
		err = fmt.Errorf("%w: bytes before the answer", ErrRequest)
	}
	if err != nil {
		return nil, err
	}
	conn.SetDeadline(time.Time{})
	_, err = io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: "+protocol+"\r\n\r\n")
	if err != nil {
		conn.Close()
		return nil, err
	}
	return newJoint(conn), nil
}

// Ask has the node do the operation and returns the connection, which the caller closes, or the *Error that came instead.
// ctx bounds the wait for the answer alone.
func (o Upgrade) Ask(ctx context.Context, c *Client, q Request) (*Joint, error) {
	answer, err := c.ask(ctx, o.name, q, "Connection", "Upgrade", "Upgrade", protocol)
	if err != nil {
		return nil, err
	}
	if answer.StatusCode != http.StatusSwitchingProtocols {
		defer answer.Body.Close()
		if err := readAnswer(answer, new(json.RawMessage)); err != nil {
			return nil, err
		}
		return nil, fmt.Errorf("%w: it was answered with status %s", ErrRequest, answer.Status)
	}
	return newJoint(answer.Body.(io.ReadWriteCloser)), nil
}
