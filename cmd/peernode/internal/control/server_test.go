package control

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// try sends body to path as it is, and returns the status and the body of the answer.
func try(t *testing.T, dir, method, path string, body io.Reader) (status int, answer string) {
	t.Helper()
	c := NewClient(dir)
	r, err := http.NewRequestWithContext(t.Context(), method, "http://peernode"+path, body)
	if err != nil {
		t.Fatal(err)
	}
	a, err := c.http.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Body.Close()
	text, err := io.ReadAll(a.Body)
	if err != nil {
		t.Fatal(err)
	}
	return a.StatusCode, string(text)
}

func TestMalformedRequestsAreRefused(t *testing.T) {
	dir, _, _ := serve(t, fake{})
	for _, c := range []struct {
		name, method, path, body string
		status                   int
		code                     string
	}{
		{"no such operation", "POST", "/v1/reboot", "{}", 400, "request"},
		{"another version", "POST", "/v2/node", "{}", 400, "request"},
		{"another method", "GET", "/v1/node", "", 400, "request"},
		{"no body", "POST", "/v1/node", "", 400, "request"},
		{"not JSON", "POST", "/v1/node", "peer=bob", 400, "request"},
		{"cut off", "POST", "/v1/ping", `{"peer":"bo`, 400, "request"},
		{"another type", "POST", "/v1/ping", `{"peer":7}`, 400, "request"},
		{"unknown field of a stream", "POST", "/v1/watch", `{"peer":"bob"}`, 400, "request"},
		{"unknown field", "POST", "/v1/ping", `{"peer":"bob","force":true}`, 400, "request"},
		{"two values", "POST", "/v1/ping", `{"peer":"bob"}{}`, 400, "request"},
		{"trailing text", "POST", "/v1/ping", `{"peer":"bob"} x`, 400, "request"},
		{"too large without arguments", "POST", "/v1/ping", `{"peer":"` + strings.Repeat("x", maxPlain) + `"}`, 413, "too_large"},
		{"too large", "POST", "/v1/call", `{"args":"` + strings.Repeat("x", maxRequest) + `"}`, 413, "too_large"},
	} {
		status, answer := try(t, dir, c.method, c.path, strings.NewReader(c.body))
		if status != c.status || !strings.Contains(answer, `"code":"`+c.code+`"`) {
			t.Errorf("%s: got %d %s, want %d and code %s", c.name, status, answer, c.status, c.code)
		}
	}
}

func TestLargestRequestIsTaken(t *testing.T) {
	dir, _, _ := serve(t, fake{call: func(_ context.Context, q Request) (CallAnswer, error) {
		return CallAnswer{q.Args}, nil
	}})
	args := `{"peer":"bob","name":"echo","args":"` + strings.Repeat("x", maxRequest-40) + `"}`
	if status, _ := try(t, dir, "POST", "/v1/call", strings.NewReader(args)); status != http.StatusOK {
		t.Errorf("got status %d", status)
	}
}

// TestRequestsTooManyAreRefusedAndOthersGoOn makes the greatest number of requests of one operation wait. One more is refused.
// Other operations are served.
func TestRequestsTooManyAreRefusedAndOthersGoOn(t *testing.T) {
	entered, release := make(chan struct{}), make(chan struct{})
	wait := func(ctx context.Context) {
		entered <- struct{}{}
		select {
		case <-release:
		case <-ctx.Done():
		}
	}
	dir, _, _ := serve(t, fake{
		wait: func(ctx context.Context, _ Request) (Peer, error) { wait(ctx); return Peer{}, nil },
		call: func(ctx context.Context, _ Request) (CallAnswer, error) {
			wait(ctx)
			return CallAnswer{[]byte("1")}, nil
		},
	})
	done := make(chan error)
	ask := map[string]func() error{
		"wait": func() error { _, err := Wait.Ask(t.Context(), NewClient(dir), Request{}); return err },
		"call": func() error { _, err := Call.Ask(t.Context(), NewClient(dir), Request{}); return err },
	}
	for _, name := range []string{"wait", "call"} {
		for range maxRequests {
			go func() { done <- ask[name]() }()
			<-entered
		}
		if err := ask[name](); code(t, err) != "busy" {
			t.Errorf("one %s more: got %v", name, err)
		}
		if _, err := GetNode.Ask(t.Context(), NewClient(dir), Request{}); err != nil {
			t.Errorf("beside %s: %v", name, err)
		}
	}
	close(release)
	for range 2 * maxRequests {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}

func TestConnectionsTooManyAreClosedAndTheOthersGoOn(t *testing.T) {
	dir, socket, _ := serve(t, fake{})
	var held []net.Conn
	for range maxConns {
		c, err := net.Dial("unix", socket.Path())
		if err != nil {
			t.Fatal(err)
		}
		held = append(held, c)
	}
	extra, err := net.Dial("unix", socket.Path())
	if err != nil {
		t.Fatal(err)
	}
	defer extra.Close()
	extra.SetReadDeadline(time.Now().Add(30 * time.Second))
	if _, err := extra.Read(make([]byte, 1)); err != io.EOF {
		t.Errorf("one too many: got %v, want %v", err, io.EOF)
	}
	for _, c := range held {
		c.Close()
	}
	// The server notices one by one that they were closed.
	for deadline := time.Now().Add(30 * time.Second); ; {
		_, err := GetNode.Ask(t.Context(), NewClient(dir), Request{})
		if err == nil {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("afterwards: %v", err)
		}
	}
}

func TestClientThatGoesAwayCancelsItsRequest(t *testing.T) {
	entered, ended := make(chan struct{}), make(chan error, 1)
	dir, _, _ := serve(t, fake{call: func(ctx context.Context, _ Request) (CallAnswer, error) {
		close(entered)
		<-ctx.Done()
		ended <- context.Cause(ctx)
		return CallAnswer{}, ctx.Err()
	}})
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-entered
		cancel()
	}()
	_, err := Call.Ask(ctx, NewClient(dir), Request{Timeout: Within(time.Hour)})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("the client got %v", err)
	}
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("the node got %v", err)
	}
}

func TestRequestEndsWithItsTime(t *testing.T) {
	dir, _, _ := serve(t, fake{call: func(ctx context.Context, _ Request) (CallAnswer, error) {
		<-ctx.Done()
		return CallAnswer{}, ctx.Err()
	}})
	_, err := Call.Ask(t.Context(), NewClient(dir), Request{Timeout: Within(time.Millisecond)})
	if code(t, err) != "deadline" {
		t.Errorf("got %v", err)
	}
}

func TestShutdownAnswersWhatRuns(t *testing.T) {
	entered := make(chan struct{})
	dir, socket, server := serve(t, fake{call: func(ctx context.Context, _ Request) (CallAnswer, error) {
		close(entered)
		<-ctx.Done()
		return CallAnswer{}, ctx.Err()
	}})
	answered := make(chan error, 1)
	go func() {
		_, err := Call.Ask(t.Context(), NewClient(dir), Request{})
		answered <- err
	}()
	<-entered
	if err := server.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
	if err := <-answered; code(t, err) != "stopping" {
		t.Errorf("got %v", err)
	}
	if _, err := net.Dial("unix", socket.Path()); err == nil {
		t.Error("it still listens")
	}
}

func TestShutdownDoesNotWaitForWhatDoesNotEnd(t *testing.T) {
	entered, release := make(chan struct{}), make(chan struct{})
	dir, _, server := serve(t, fake{call: func(context.Context, Request) (CallAnswer, error) {
		close(entered)
		<-release
		return CallAnswer{}, errNothing
	}})
	defer close(release)
	answered := make(chan error, 1)
	go func() {
		_, err := Call.Ask(t.Context(), NewClient(dir), Request{})
		answered <- err
	}()
	<-entered
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	if err := server.Shutdown(ctx); err != nil {
		t.Error(err)
	}
	if err := <-answered; err == nil {
		t.Error("the client got an answer")
	}
}

func TestAnswerTooLargeIsRefused(t *testing.T) {
	body := strings.NewReader(`"` + strings.Repeat("x", maxAnswer) + `"`)
	r := &http.Response{StatusCode: http.StatusOK, Body: io.NopCloser(body)}
	if err := readAnswer(r, new(Node)); !errors.Is(err, ErrTooLarge) {
		t.Errorf("got %v", err)
	}
}

func TestRequestTooLargeIsNotSent(t *testing.T) {
	dir, _, _ := serve(t, fake{})
	q := Request{Args: append(append([]byte{'"'}, bytes.Repeat([]byte("x"), maxRequest)...), '"')}
	if _, err := Call.Ask(t.Context(), NewClient(dir), q); !errors.Is(err, ErrTooLarge) {
		t.Errorf("got %v", err)
	}
}

func TestAnswerOfAnotherProgramIsAnError(t *testing.T) {
	for _, c := range []struct {
		name, body string
		status     int
	}{
		{"not JSON", "hello", 200},
		{"no error in it", "{}", 500},
		{"neither", "hello", 404},
	} {
		r := &http.Response{StatusCode: c.status, Body: io.NopCloser(strings.NewReader(c.body))}
		e := (*Error)(nil)
		if err := readAnswer(r, new(Node)); err == nil || errors.As(err, &e) {
			t.Errorf("%s: got %v", c.name, err)
		}
	}
}
