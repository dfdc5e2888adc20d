package control

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"path/filepath"
	"slices"
	"syscall"
	"time"
)

const (
	maxAnswer = 16 << 20        // bytes of an answer's body: JSON of the largest reply, escapes included
	dialTime  = 3 * time.Second // for the control socket of a node that runs: it may be starting, or making the socket again
	grace     = 2 * time.Second // beyond a request's own time, so that the node's error arrives
)

// ResultsRoom is how many bytes all results of CallAll may have together, as JSON. Any single result fits; the rest of the
// answer is for the peers' names and their errors.
const ResultsRoom = maxAnswer / 2

// A Client commands the node that runs on a data directory. It is safe for concurrent use, and makes a connection for each
// request.
type Client struct{ http http.Client }

// NewClient returns a client for the data directory dir, an absolute path. A node need not run there yet.
func NewClient(dir string) *Client {
	return &Client{http.Client{Transport: &http.Transport{
		DialContext:       func(ctx context.Context, _, _ string) (net.Conn, error) { return dialNode(ctx, dir) },
		DisableKeepAlives: true,
	}}}
}

// dialNode is dial, but waits for the control socket, and for room there, if a node holds the lock of dir.
func dialNode(ctx context.Context, dir string) (net.Conn, error) {
	for over := time.Now().Add(dialTime); ; {
		conn, err := dial(ctx, dir)
		if !errors.Is(err, ErrNoNode) && !errors.Is(err, ErrBusy) || !isHeld(dir) {
			return conn, err
		}
		if time.Now().After(over) {
			if errors.Is(err, ErrNoNode) {
				err = ErrNoSocket
			}
			return nil, err
		}
		select {
		case <-time.After(dialTime / 60):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// dial connects to the control socket of the data directory dir. The error is ErrNoNode if the socket is not there or no
// process listens on it, ErrBusy if too many connections wait there, and ErrFileKind if something else has its name.
func dial(ctx context.Context, dir string) (conn net.Conn, err error) {
	path := filepath.Join(dir, socketName)
	if err := socketFile.check(path); err != nil {
		return nil, err
	}
	err = withShortPath(path, func(short string) error {
		conn, err = new(net.Dialer).DialContext(ctx, "unix", short)
		switch {
		case err == nil:
			return checkClientSide(conn)
		case ctx.Err() != nil:
			return ctx.Err()
		case errors.Is(err, fs.ErrPermission):
			return &fs.PathError{Op: "connect", Path: path, Err: fs.ErrPermission}
		case errors.Is(err, syscall.EAGAIN):
			return ErrBusy
		case errors.Is(err, syscall.EMFILE), errors.Is(err, syscall.ENFILE): // says nothing about the other end
			return err
		}
		return ErrNoNode
	})
	if err != nil && conn != nil {
		conn.Close()
		conn = nil
	}
	return conn, err
}

// ask asks for one operation and returns the node's answer as soon as its body begins. The caller closes the body. header has names
// and values besides the usual ones.
func (c *Client) ask(ctx context.Context, name string, q any, header ...string) (*http.Response, error) {
	body := new(bytes.Buffer)
	if err := encode(body, q); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrRequest, err)
	}
	if body.Len() > maxRequest {
		return nil, fmt.Errorf("%w: requests have at most %d bytes", ErrTooLarge, maxRequest)
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://peernode/v1/"+name, body)
	if err != nil {
		return nil, err
	}
	r.Header.Set("Content-Type", "application/json")
	for h := range slices.Chunk(header, 2) {
		r.Header.Set(h[0], h[1])
	}
	answer, err := c.http.Do(r)
	if u, ok := errors.AsType[*url.Error](err); ok {
		err = u.Err // without the URL, which means nothing to the user
	}
	if errors.Is(err, io.EOF) || errors.Is(err, syscall.ECONNRESET) {
		err = ErrGone
	}
	return answer, err
}

// readAnswer decodes the body of r into a, or returns the error that it holds.
func readAnswer(r *http.Response, a any) error {
	body, err := io.ReadAll(io.LimitReader(r.Body, maxAnswer+1))
	if err != nil {
		return fmt.Errorf("reading the node's answer: %w", err)
	}
	if len(body) > maxAnswer {
		return fmt.Errorf("%w: answers have at most %d bytes", ErrTooLarge, maxAnswer)
	}
	if r.StatusCode == http.StatusOK {
		if err := json.Unmarshal(body, a); err != nil {
			return fmt.Errorf("reading the node's answer: %w", err)
		}
		return nil
	}
	var f errorBody
	if err := json.Unmarshal(body, &f); err != nil || f.Error == nil {
		return fmt.Errorf("the node answered with status %s", r.Status)
	}
	return f.Error
}
