package main

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-f6ddb928/peernet-go/cmd/peernode/internal/control"
	"github.com/seed-f6ddb928/peernet-go/cmd/peernode/internal/failure"
	"github.com/seed-f6ddb928/peernet-go/cmd/peernode/internal/output"
)

// A pinged is a node that answers pings as it is told to, and does nothing else.
type pinged struct {
	answers []error // one per ping; nil is an answer
	at      []time.Time
}

func (p *pinged) ping(control.Request) (control.PingAnswer, error) {
	i := len(p.at)
	p.at = append(p.at, time.Now())
	if err := p.answers[i]; err != nil {
		return control.PingAnswer{}, err
	}
	return control.PingAnswer{PublicKey: bobKey, Label: "bob", RTT: float64(i + 1)}, nil
}

func TestPings(t *testing.T) {
	lost := &control.Error{Code: "not_connected", Text: "bob: not connected", Exit: failure.ExitUnreachable}
	unknown := &control.Error{Code: "unknown_peer", Text: "no such peer", Exit: failure.ExitFailed}
	for _, c := range []struct {
		name    string
		answers []error
		want    string
		err     error
	}{
		{"all answered", []error{nil, nil, nil}, `{"sent":3,"answered":3,"min_ms":1,"avg_ms":2,"max_ms":3}`, nil},
		{"one lost", []error{lost, nil, nil}, `{"sent":3,"answered":2,"min_ms":2,"avg_ms":2.5,"max_ms":3}`, nil},
		{"all lost", []error{lost, lost, lost}, `{"sent":3,"answered":0}`, lost},
		{"too late", []error{context.DeadlineExceeded, nil, nil}, `{"sent":3,"answered":2,"min_ms":2,"avg_ms":2.5,"max_ms":3}`, nil},
		{"no such peer", []error{unknown}, "", unknown},
		{"node stopped meanwhile", []error{nil, control.ErrNoNode}, `{"seq":1,"peer":"` + bobKey + `","label":"bob","rtt_ms":1}`, control.ErrNoNode},
	} {
		synctest.Test(t, func(t *testing.T) {
			var out strings.Builder
			p := &pinger{app: newApp(nil, output.NewStream(t.Context(), &out, nil), nil), peer: "bob", count: 3, interval: time.Second, timeout: time.Second}
			p.out.JSON = true
			node := &pinged{answers: c.answers}
			if err := p.run(t.Context(), node.ping); !errors.Is(err, c.err) {
				t.Errorf("%s: got %v, want %v", c.name, err, c.err)
			}
			lines := strings.Split(strings.TrimSpace(out.String()), "\n")
			if got := lines[len(lines)-1]; got != c.want {
				t.Errorf("%s: got %s, want %s", c.name, got, c.want)
			}
			for i, at := range node.at {
				if want := node.at[0].Add(time.Duration(i) * time.Second); !at.Equal(want) {
					t.Errorf("%s: ping %d at %v, want %v", c.name, i, at, want)
				}
			}
		})
	}
}

func TestPingsUntilInterrupted(t *testing.T) {
	for name, answers := range map[string][]error{
		"answered":   make([]error, 10),
		"unanswered": {context.DeadlineExceeded, context.DeadlineExceeded, context.DeadlineExceeded, context.DeadlineExceeded},
	} {
		synctest.Test(t, func(t *testing.T) {
			var out strings.Builder
			p := &pinger{app: newApp(nil, output.NewStream(t.Context(), &out, nil), nil), peer: "bob", interval: time.Second, timeout: time.Second}
			ctx, cancel := context.WithTimeout(t.Context(), 2500*time.Millisecond)
			defer cancel()
			err := p.run(ctx, (&pinged{answers: answers}).ping)
			if (err == nil) != (name == "answered") {
				t.Errorf("%s: got %v", name, err)
			}
			if !strings.Contains(out.String(), " of 3 answered") {
				t.Errorf("%s: got %s", name, out.String())
			}
		})
	}
}
