package backend

import (
	"bytes"
	"context"
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/seed-f6ddb928/peernet-go/cmd/peernode/internal/control"
	"github.com/seed-f6ddb928/peernet-go/cmd/peernode/internal/failure"
	"github.com/seed-f6ddb928/peernet-go/peernet"
)

func TestTheLargestResultsAreOversized(t *testing.T) {
	for _, c := range []struct {
		sizes []int
		want  []int // sizes of the oversized ones
	}{
		{nil, nil},
		{[]int{100}, nil},
		{[]int{101}, []int{101}},
		{[]int{40, 60, 0}, nil},
		{[]int{1, 60, 2, 61, 3}, []int{61}},
		{[]int{99, 98, 1, 99}, []int{99, 99}},
	} {
		outcomes := make([]control.Outcome, len(c.sizes))
		for i, n := range c.sizes {
			outcomes[i].Result = make([]byte, n)
		}
		got := oversized(outcomes, 100)
		if len(got) != len(c.want) {
			t.Errorf("%v: %d are too much, want %v", c.sizes, len(got), c.want)
			continue
		}
		for i, o := range got {
			if len(o.Result) != c.want[i] {
				t.Errorf("%v: %d is too much, want %v", c.sizes, len(o.Result), c.want)
			}
		}
	}
}

// TestLargeResultsLeaveRoomForTheOthers has three of four peers answer with a result that JSON makes six times as long.
func TestLargeResultsLeaveRoomForTheOthers(t *testing.T) {
	node, quiet := connected(t)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := quiet.Handle("say", func(context.Context, *peernet.Request) (any, error) { return "hi", nil }); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		loud, err := peernet.New(peernet.Config{})
		if err == nil {
			err = loud.Start(ctx)
		}
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := loud.Shutdown(context.Background()); err != nil {
				t.Error(err)
			}
		})
		err = errors.Join(node.Pair(loud.PublicKey(), ""), loud.Pair(node.PublicKey(), ""), node.Connect(ctx, loud.PublicKey(), loud.Addrs()[0].String()),
			loud.Handle("say", func(context.Context, *peernet.Request) (any, error) { return strings.Repeat("\x01", 1_000_000), nil }))
		if err != nil {
			t.Fatal(err)
		}
	}
	if _, err := node.Call(ctx, quiet.PublicKey(), "say", nil, peernet.WaitForReady()); err != nil { // it may not know yet that it is connected
		t.Fatal(err)
	}
	answer, err := New(node, new(Run)).CallAll(ctx, control.Request{Name: "say"})
	if err != nil {
		t.Fatal(err)
	}
	heard, left := 0, 0
	for _, o := range answer.Outcomes {
		switch {
		case o.Error != nil && o.Error.Code == "too_large" && o.Result == nil:
			left++
		case o.Error == nil && bytes.Equal(o.Result, []byte(`"hi"`)):
			heard++
		}
	}
	if heard != 1 || left != 2 || len(answer.Outcomes) != 4 {
		t.Errorf("of %d outcomes %d are the quiet one's, and %d were left out; want 4, 1, 2", len(answer.Outcomes), heard, left)
	}
}

// connected returns two nodes on loopback that are connected, until the test ends.
func connected(t *testing.T) (a, b *peernet.Node) {
	t.Helper()
	nodes := [2]*peernet.Node{}
	for i := range nodes {
		n, err := peernet.New(peernet.Config{})
		if err != nil {
			t.Fatal(err)
		}
		if err := n.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := n.Shutdown(context.Background()); err != nil {
				t.Error(err)
			}
		})
		nodes[i] = n
	}
	a, b = nodes[0], nodes[1]
	if err := errors.Join(a.Pair(b.PublicKey(), "b"), b.Pair(a.PublicKey(), "a"), b.Connect(t.Context(), a.PublicKey(), a.Addrs()[0].String())); err != nil {
		t.Fatal(err)
	}
	return a, b
}

// TestNotationOfArguments parses arguments in the notation for values that JSON has not. What is wrong comes with advice.
func TestNotationOfArguments(t *testing.T) {
	for text, want := range map[string]any{
		`{"$atom":"ok"}`:        peernet.Atom("ok"),
		`{"$tuple":[1]}`:        peernet.Tuple{int64(1)},
		`{"$improper":[[1],2]}`: peernet.ImproperList{Elements: []any{int64(1)}, Tail: int64(2)},
		`{"$$atom":"ok"}`:       map[string]any{"$atom": "ok"},
	} {
		if got, err := ParseJSON([]byte(text)); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: got %#v, %v, want %#v", text, got, err, want)
		}
	}
	for text, advice := range map[string]string{
		`{"$atom":1}`:                           "$$atom",
		`{"$map":[[[],1]]}`:                     "keys are",
		`{"$improper":[[1],[2]]}`:               "quote it",
		`{"$improper":[[{"$atom":"x"}],"y",1]}`: "$$atom",
	} {
		_, err := ParseJSON([]byte(text))
		if got := failure.Explain(err); !errors.Is(err, failure.ErrBadJSON) || !strings.Contains(got.Advice, advice) {
			t.Errorf("%s: got %+v, want advice with %q", text, got, advice)
		}
	}
}
