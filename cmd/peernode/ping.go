package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/spf13/cobra"

	"github.com/seed-f6ddb928/peernet-go/cmd/peernode/internal/control"
	"github.com/seed-f6ddb928/peernet-go/cmd/peernode/internal/failure"
	"github.com/seed-f6ddb928/peernet-go/cmd/peernode/internal/text"
	"github.com/seed-f6ddb928/peernet-go/cmd/peernode/internal/usage"
)

// What ping prints with --json: one pingLine per ping, then a pingSummary.
type (
	pingLine struct {
		Seq   int      `json:"seq"`
		Peer  string   `json:"peer"`
		Label string   `json:"label,omitempty"`
		RTT   *float64 `json:"rtt_ms"` // null if there was no answer
		Error string   `json:"error,omitempty"`
	}
	pingSummary struct {
		Sent     int     `json:"sent"`
		Answered int     `json:"answered"`
		Min      float64 `json:"min_ms,omitempty"`
		Avg      float64 `json:"avg_ms,omitempty"`
		Max      float64 `json:"max_ms,omitempty"`
	}
)

// A pinger is one run of ping.
type pinger struct {
	*app
	peer     string
	count    int // 0: until interrupted
	interval time.Duration
	timeout  time.Duration

	summary pingSummary
	total   float64 // of the round trips, in ms
	last    error   // of the last ping without an answer
}

func pingCommand(a *app) *cobra.Command {
	p := &pinger{app: a}
	ping := &cobra.Command{
		Use:   "ping PEER",
		Short: "Measure round trips to a connected peer",
		Long: `Ping has the running node ping a connected peer inside the encrypted connection, prints each round trip
in milliseconds, and at the end the least, the mean and the greatest. It fails if no ping was answered.

` + usage.PeerHelp,
	}
	timeout := usage.Timeout(ping, control.DefaultTimeout, "how long to wait for each answer")
	ping.Flags().IntVarP(&p.count, "count", "c", 4, "how many pings; 0: until interrupted")
	ping.Flags().DurationVar(&p.interval, "interval", time.Second, "from one ping to the next")
	ping.RunE = a.onNode(func(ctx context.Context, node *control.Client, args []string) error {
		if err := usage.CheckNumber("count", p.count, "give it as 4, or as 0 for no end"); err != nil {
			return err
		}
		if err := usage.CheckNumber("interval", p.interval, usage.TimeForm); err != nil {
			return err
		}
		p.peer, p.timeout = args[0], *timeout
		return p.run(ctx, func(q control.Request) (control.PingAnswer, error) { return control.Ping.Ask(ctx, node, q) })
	})
	return ping
}

// run pings until all were sent or ctx ends.
func (p *pinger) run(ctx context.Context, ping func(control.Request) (control.PingAnswer, error)) error {
	next := time.After(0)
	for p.count == 0 || p.summary.Sent < p.count {
		select {
		case <-next:
		case <-ctx.Done():
			return p.end()
		}
		next = time.After(p.interval)
		answer, err := ping(control.Request{Timeout: control.Within(p.timeout), Peer: p.peer})
		switch {
		case ctx.Err() != nil:
			return p.end()
		case err == nil:
			err = p.answered(answer)
		case isUnanswered(err):
			err = p.unanswered(err)
		}
		if err != nil {
			return err
		}
	}
	return p.end()
}

// isUnanswered says whether err is about this ping alone: the peer was not reached in time, and may answer the next.
func isUnanswered(err error) bool {
	e, ok := errors.AsType[*control.Error](err)
	return errors.Is(err, context.DeadlineExceeded) || ok && e.Exit == failure.ExitUnreachable
}

// answered counts and prints a round trip.
func (p *pinger) answered(answer control.PingAnswer) error {
	s := &p.summary
	if s.Answered == 0 || answer.RTT < s.Min {
		s.Min = answer.RTT
	}
	s.Max = max(s.Max, answer.RTT)
	s.Sent++
	s.Answered++
	p.total += answer.RTT
	s.Avg = math.Round(p.total/float64(s.Answered)*1000) / 1000
	return p.out.Print(pingLine{Seq: s.Sent, Peer: answer.PublicKey, Label: answer.Label, RTT: &answer.RTT},
		"%3d  %.3f ms  %s", s.Sent, answer.RTT, text.PeerName(answer.PublicKey, answer.Label))
}

// unanswered counts and prints a ping without an answer.
func (p *pinger) unanswered(err error) error {
	p.summary.Sent++
	p.last = err
	e := failure.Explain(err)
	return p.out.Print(pingLine{Seq: p.summary.Sent, Peer: p.peer, Error: e.Code}, "%3d  no answer: %s", p.summary.Sent, e.Text)
}

// end prints the summary, and fails if no ping was answered.
func (p *pinger) end() error {
	s := p.summary
	line := fmt.Sprintf("%d of %d answered", s.Answered, s.Sent)
	if s.Answered > 0 {
		line += fmt.Sprintf(", min %.3f ms, avg %.3f ms, max %.3f ms", s.Min, s.Avg, s.Max)
	}
	err := p.out.Print(s, "%s", line)
	switch {
	case err != nil || s.Answered > 0:
		return err
	case p.last != nil:
		return p.last
	}
	return context.Canceled
}
