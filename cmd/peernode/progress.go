package main

import (
	"fmt"
	"sync"
	"time"

	"github.com/seed-f6ddb928/peernet-go/cmd/peernode/internal/output"
	"github.com/seed-f6ddb928/peernet-go/cmd/peernode/internal/text"
)

// progressTime is how often the line of a progress is written.
const progressTime = 500 * time.Millisecond

// clearLine moves a terminal's cursor to the beginning of the line, and clears the line.
const clearLine = "\r\x1b[K"

// A progress shows on a terminal how much has passed, in one line. Its methods are for one goroutine.
type progress struct {
	p     *piper
	shown bool // it is wanted at all
	mixed bool // standard output is a terminal too, perhaps the same

	done    chan struct{}
	writing sync.WaitGroup
}

// newProgress returns a progress, which shows nothing where nobody would read it: without a terminal, and where somebody types.
func (p *piper) newProgress() *progress {
	out := p.out.IsTerminal()
	return &progress{p: p, mixed: out, done: make(chan struct{}),
		shown: !p.quiet && !p.out.JSON && p.err.IsTerminal() && !(out && output.IsTerminal(p.in))}
}

// start begins to show.
func (g *progress) start() {
	if !g.shown {
		return
	}
	g.writing.Go(func() {
		tick := time.NewTicker(progressTime)
		defer tick.Stop()
		var before uint64
		at := g.p.begun
		for {
			select {
			case <-tick.C:
			case <-g.done:
				return
			}
			now, passed := time.Now(), g.p.bytesIn.Load()+g.p.bytesOut.Load()
			fmt.Fprint(g.p.err, clearLine+g.line(float64(passed-before)/now.Sub(at).Seconds()))
			before, at = passed, now
		}
	})
}

// line returns how much has passed, and a rate in bytes per second.
func (g *progress) line(rate float64) string {
	return fmt.Sprintf("%s in, %s out, %s/s, %v", text.Size(g.p.bytesIn.Load()), text.Size(g.p.bytesOut.Load()), text.Size(uint64(rate)),
		time.Since(g.p.begun).Truncate(time.Second))
}

// clear ends the showing before standard output is written to, if that is a terminal.
func (g *progress) clear() {
	if g.shown && g.mixed {
		g.halt()
		fmt.Fprint(g.p.err, clearLine)
	}
}

// halt ends the showing.
func (g *progress) halt() {
	g.shown = false
	close(g.done)
	g.writing.Wait()
}

// stop ends the showing with a line of the whole.
func (g *progress) stop() {
	if !g.shown || g.p.begun.IsZero() {
		return
	}
	g.halt()
	passed := g.p.bytesIn.Load() + g.p.bytesOut.Load()
	fmt.Fprintln(g.p.err, clearLine+g.line(float64(passed)/time.Since(g.p.begun).Seconds()))
}
