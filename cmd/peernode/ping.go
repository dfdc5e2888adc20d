package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/seed-f6ddb928/peernet-go/cmd/peernode/internal/control"
	"github.com/spf13/cobra"
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
	last    error   // why the last ping that was lost was lost
}

func (a *app) pingCommand() *cobra.Command {
	p := &pinger{app: a}
	ping := &cobra.Command{
		Use:   "ping PEER",
		Short: "Measure round trips to a connected peer",
		Long: `Ping has the running node ping a connected peer inside the encrypted connection, prints each round trip
in milliseconds, and at the end the least, the mean and the greatest. It fails if no ping was answered.

` + peerHelp,
		Args:              arguments,
		ValidArgsFunction: a.completePeer,
	}
	timeout := timeoutFlag(ping, control.DefaultTimeout, "how long to wait for each answer")
	ping.Flags().IntVarP(&p.count, "count", "c", 4, "how many pings; 0: until interrupted")
	ping.Flags().DurationVar(&p.interval, "interval", time.Second, "from one ping to the next")
	ping.RunE = func(cmd *cobra.Command, args []string) error {
		switch {
		case p.count < 0:
			return usage("--count must not be negative", "give it as 4, or as 0 for no end")
		case p.interval < 0:
			return usage("--interval must not be negative", timeHint)
		}
		if err := checkPeer(args[0]); err != nil {
			return err
		}
		p.peer, p.timeout = args[0], *timeout
		return a.command(func(node control.Backend) error { return p.run(cmd.Context(), node) })
	}
	return ping
}

// run pings until all were sent or ctx ends.
func (p *pinger) run(ctx context.Context, node control.Backend) error {
	next, stop := after(0)
	defer func() { stop() }()
	for p.count == 0 || p.summary.Sent < p.count {
		select {
		case <-next:
		case <-ctx.Done():
			return p.end()
		}
		next, stop = after(p.interval)
		answer, err := node.Ping(ctx, control.PingRequest{Timeout: control.Within(p.timeout), Peer: p.peer})
		if ctx.Err() != nil {
			return p.end()
		}
		if err != nil && !lostPing(err) {
			return err
		}
		if err := p.add(answer, err); err != nil {
			return err
		}
	}
	return p.end()
}

// lostPing says whether err is about this ping alone, so that the next may be answered: the peer could not
// be reached in time.
func lostPing(err error) bool {
	e := (*control.Error)(nil)
	return errors.Is(err, context.DeadlineExceeded) || errors.As(err, &e) && e.Exit == exitUnreachable
}

// add counts and prints one ping.
func (p *pinger) add(answer control.PingAnswer, err error) error {
	p.summary.Sent++
	line := pingLine{Seq: p.summary.Sent, Peer: answer.PublicKey, Label: answer.Label}
	if err != nil {
		p.last, line.Peer, line.Error = err, p.peer, explain(err).Code
		if p.json {
			return p.object(line)
		}
		_, err = fmt.Fprintf(p.out, "%3d  no answer: %s\n", line.Seq, explain(err).Text)
		return err
	}
	s := &p.summary
	if s.Answered == 0 || answer.RTT < s.Min {
		s.Min = answer.RTT
	}
	s.Max = max(s.Max, answer.RTT)
	s.Answered++
	p.total += answer.RTT
	s.Avg = math.Round(p.total/float64(s.Answered)*1000) / 1000
	if p.json {
		line.RTT = &answer.RTT
		return p.object(line)
	}
	_, err = fmt.Fprintf(p.out, "%3d  %.3f ms  %s\n", line.Seq, answer.RTT, peerName(answer.PublicKey, answer.Label))
	return err
}

// end prints the summary, and fails if no ping was answered.
func (p *pinger) end() error {
	s := p.summary
	var err error
	switch {
	case p.json:
		err = p.object(s)
	case s.Answered > 0:
		_, err = fmt.Fprintf(p.out, "%d of %d answered, min %.3f ms, avg %.3f ms, max %.3f ms\n",
			s.Answered, s.Sent, s.Min, s.Avg, s.Max)
	default:
		_, err = fmt.Fprintf(p.out, "0 of %d answered\n", s.Sent)
	}
	switch {
	case err != nil:
		return err
	case s.Answered == 0 && p.last != nil:
		return p.last
	case s.Answered == 0:
		return context.Canceled
	}
	return nil
}
