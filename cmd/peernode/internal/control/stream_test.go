package control

import (
	"context"
	"errors"
	"io"
	"net/http"
	"reflect"
	"strings"
	"testing"
)

// paired returns a line with an event.
func paired(label string) WatchLine { return WatchLine{Event: &Event{Kind: "paired", Label: label}} }

func TestStreamArrivesThingByThing(t *testing.T) {
	got := make(chan WatchLine)
	dir, _, _ := serve(t, fake{watch: func(_ context.Context, tell func(WatchLine) error) error {
		for _, c := range []WatchLine{{Peers: []Peer{}}, paired("<bob>"), paired("carol"), {Peers: []Peer{{PublicKey: "pnet1bob", State: "found"}}}} {
			if err := tell(c); err != nil {
				return err
			}
			if arrived := <-got; !reflect.DeepEqual(arrived, c) { // before the next is told
				t.Errorf("got %+v, want %+v", arrived, c)
			}
		}
		return errNothing
	}})
	err := Watch.Ask(t.Context(), NewClient(dir), struct{}{}, func(c WatchLine) error {
		got <- c
		return nil
	})
	if code(t, err) != "nothing" {
		t.Errorf("got %v", err)
	}
}

func TestStreamThatDoesNotBeginIsRefused(t *testing.T) {
	dir, _, _ := serve(t, fake{})
	err := Watch.Ask(t.Context(), NewClient(dir), struct{}{}, func(c WatchLine) error {
		t.Errorf("told %+v", c)
		return nil
	})
	if code(t, err) != "nothing" {
		t.Errorf("got %v", err)
	}
	if status, answer := try(t, dir, "POST", "/v1/watch", strings.NewReader("{}")); status != http.StatusUnprocessableEntity {
		t.Errorf("got %d %s", status, answer)
	}
}

// endless tells one thing, then nothing until its context ends, and sends the cause of that to ended.
func endless(ended chan<- error) fake {
	return fake{watch: func(ctx context.Context, tell func(WatchLine) error) error {
		if err := tell(paired("bob")); err != nil {
			return err
		}
		<-ctx.Done()
		ended <- context.Cause(ctx)
		return ctx.Err()
	}}
}

func TestStreamEndsWithItsClient(t *testing.T) {
	for name, end := range map[string]func(cancel func()) error{
		"interrupted": func(cancel func()) error { cancel(); return nil },
		"tell fails":  func(func()) error { return context.Canceled },
	} {
		ended := make(chan error, 1)
		dir, _, _ := serve(t, endless(ended))
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		err := Watch.Ask(ctx, NewClient(dir), struct{}{}, func(WatchLine) error { return end(cancel) })
		if !errors.Is(err, context.Canceled) {
			t.Errorf("%s: the client got %v", name, err)
		}
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Errorf("%s: the node got %v", name, err)
		}
	}
}

func TestShutdownEndsStreamsWithAWord(t *testing.T) {
	dir, _, server := serve(t, endless(make(chan error, 1)))
	stopped := make(chan error, 1)
	err := Watch.Ask(t.Context(), NewClient(dir), struct{}{}, func(WatchLine) error {
		go func() { stopped <- server.Shutdown(t.Context()) }()
		return nil
	})
	if code(t, err) != "stopping" {
		t.Errorf("got %v", err)
	}
	if err := <-stopped; err != nil {
		t.Error(err)
	}
}

func TestNodeThatEndsWithoutAWordIsGone(t *testing.T) {
	dir, _, server := serve(t, endless(make(chan error, 1)))
	err := Watch.Ask(t.Context(), NewClient(dir), struct{}{}, func(WatchLine) error { return server.http.Close() })
	if !errors.Is(err, ErrGone) {
		t.Errorf("got %v", err)
	}
}

func TestStreamsTooManyAreRefusedAndCommandsGoOn(t *testing.T) {
	ended := make(chan error, maxStreams)
	dir, _, _ := serve(t, endless(ended))
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	begun, done := make(chan struct{}), make(chan error, maxStreams)
	for range maxStreams {
		go func() {
			done <- Watch.Ask(ctx, NewClient(dir), struct{}{}, func(WatchLine) error {
				begun <- struct{}{}
				return nil
			})
		}()
		<-begun
	}
	if err := Watch.Ask(ctx, NewClient(dir), struct{}{}, nil); code(t, err) != "busy" {
		t.Errorf("got %v", err)
	}
	if _, err := GetNode.Ask(ctx, NewClient(dir), Request{}); err != nil {
		t.Errorf("a command: %v", err)
	}
	cancel()
	for range maxStreams {
		<-ended
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	}
}

// A canned is a node that gives one answer.
type canned string

func (c canned) RoundTrip(*http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: http.StatusOK, Body: io.NopCloser(strings.NewReader(string(c)))}, nil
}

func TestStreamsOfAnotherKind(t *testing.T) {
	const line = `{"event":{"event":"paired"}}` + "\n"
	for _, c := range []struct {
		name, body string
		told       int
		is         error // nil: any error
	}{
		{"nothing", "", 0, ErrGone},
		{"no end", line + line, 2, ErrGone},
		{"cut off in a line", line + line[:10], 1, ErrGone},
		{"cut off before the newline", line + line[:len(line)-1], 1, ErrGone},
		{"not JSON", line + "hello\n", 1, nil},
		{"another type", line + `{"event":7}` + "\n", 1, nil},
		{"a line too long", line + `{"x":"` + strings.Repeat("x", maxAnswer) + `"}` + "\n", 1, ErrTooLarge},
	} {
		told := 0
		client := &Client{http.Client{Transport: canned(c.body)}}
		err := Watch.Ask(t.Context(), client, struct{}{}, func(WatchLine) error {
			told++
			return nil
		})
		if told != c.told || err == nil || c.is != nil && !errors.Is(err, c.is) {
			t.Errorf("%s: told %d and got %v, want %d and %v", c.name, told, err, c.told, c.is)
		}
	}
}
