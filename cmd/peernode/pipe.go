package main

import (
	"context"
	"fmt"
	"io"
	"sync/atomic"
	"time"

	"github.com/spf13/cobra"

	"github.com/seed-f6ddb928/peernet-go/cmd/peernode/internal/control"
	"github.com/seed-f6ddb928/peernet-go/cmd/peernode/internal/failure"
	"github.com/seed-f6ddb928/peernet-go/cmd/peernode/internal/output"
	"github.com/seed-f6ddb928/peernet-go/cmd/peernode/internal/text"
	"github.com/seed-f6ddb928/peernet-go/cmd/peernode/internal/usage"
)

// pipeBytes are read and written at a time.
const pipeBytes = 64 << 10

// A piper is one run of pipe.
type piper struct {
	*app
	listen bool
	allow  []string
	quiet  bool

	bytesIn, bytesOut atomic.Uint64 // from the peer, and to it, as far as this process knows

	begun  time.Time // of the stream
	isOpen bool
	failed chan error // why standard input cannot be read
}

func pipeCommand(a *app) *cobra.Command {
	p := &piper{app: a, failed: make(chan error, 1)}
	pipe := &cobra.Command{
		Use:   "pipe PEER NAME",
		Short: "Join standard input and output to a stream of a peer",
		Long: `Pipe has the running node open a stream to NAME of a connected peer: what peernode pipe --listen, peernode
expose or a program serves there. Standard input goes to the peer, and what the peer sends goes to standard output,
of any size. Each direction ends by itself: pipe ends with exit code 0 when both have ended and the other end has
said that it has everything.

With --listen, and no PEER, it serves NAME for the first stream that a peer opens, and ends with that.
` + allowHelp + `

Where standard input is a terminal and standard output is not, nothing is read. A terminal at standard error shows
how many bytes have passed, how fast and for how long, unless --quiet or --json is given or the stream is typed by hand.
With --json the events of the stream go to standard error, because standard output is the stream's.

` + usage.PeerHelp,
		Example: `  tar c . | peernode pipe bob backup
  peernode pipe --listen backup --allow alice >backup.tar`,
		Args: func(cmd *cobra.Command, args []string) error {
			if p.listen {
				return usage.ArgumentsAs(cmd, "--listen", []string{"NAME"}, args)
			}
			return usage.Arguments(cmd, args)
		},
		ValidArgsFunction: a.completePeerUnless(&p.listen),
	}
	flags := pipe.Flags()
	flags.BoolVar(&p.listen, "listen", false, "serve NAME for the first stream that a peer opens")
	flags.StringArrayVar(&p.allow, "allow", nil, "with --listen: let only `PEER` open it; may be repeated")
	flags.BoolVarP(&p.quiet, "quiet", "q", false, "print only errors")
	timeout := usage.Timeout(pipe, control.DefaultTimeout, "how long to wait until the stream is open; with --listen there is no limit")
	pipe.RunE = a.onNode(func(ctx context.Context, node *control.Client, args []string) error {
		if len(p.allow) > 0 && !p.listen {
			return failure.Usage("--allow says which peers may open a stream here, and needs --listen", "leave --allow out, or give both")
		}
		if err := usage.CheckPeers(p.allow); err != nil {
			return err
		}
		if p.listen {
			return p.run(ctx, node, control.Take, control.Request{Name: args[0], Allow: p.allow})
		}
		return p.run(ctx, node, control.Pipe, control.Request{Peer: args[0], Name: args[1], Timeout: control.Within(*timeout)})
	})
	return pipe
}

// run joins the command to a stream of the node.
func (p *piper) run(ctx context.Context, node *control.Client, o control.Upgrade, q control.Request) error {
	j, err := o.Ask(ctx, node, q)
	if err != nil {
		return err
	}
	defer j.Close()
	defer context.AfterFunc(ctx, func() { j.Close() })()
	progress := p.newProgress()
	last, err := p.carry(j, progress)
	progress.stop()
	select {
	case e := <-p.failed:
		err = fmt.Errorf("reading standard input: %w", e)
	default:
		if ctx.Err() != nil {
			err = ctx.Err()
		}
	}
	return p.end(last, err)
}

// carry carries bytes until the node says that the stream is over. It returns the event that says so.
func (p *piper) carry(j *control.Joint, progress *progress) (last *control.Event, err error) {
	out, buf := p.out.Direct(), make([]byte, pipeBytes)
	for {
		line, err := j.Next()
		switch {
		case err == io.EOF:
			out.Close()
			j.Done() // if the node has gone, Next finds out why
			continue
		case err != nil:
			return nil, err
		case line != nil && line.Error != nil:
			return nil, line.Error
		case line != nil && line.Event.Kind == "closed":
			return line.Event, nil
		case line != nil:
			p.tell(*line.Event)
			if line.Event.Kind == "opened" {
				p.isOpen, p.begun = true, time.Now()
				progress.start()
				go p.read(j)
			}
			continue
		}
		n, err := j.Read(buf)
		if err != nil {
			return nil, err
		}
		progress.clear()
		if _, err := out.Write(buf[:n]); err != nil {
			return nil, err
		}
		p.bytesIn.Add(uint64(n))
	}
}

// read carries standard input to the node, until the process ends: nothing else can end a read.
func (p *piper) read(j *control.Joint) {
	in := p.in
	if in == nil || output.IsTerminal(in) && !p.out.IsTerminal() {
		j.CloseWrite()
		return
	}
	for buf := make([]byte, pipeBytes); ; {
		n, err := in.Read(buf)
		if n > 0 {
			if _, err := j.Write(buf[:n]); err != nil {
				return // the connection is gone, and carry finds out why
			}
			p.bytesOut.Add(uint64(n))
		}
		if err == io.EOF {
			j.CloseWrite()
			return
		}
		if err != nil {
			p.failed <- err
			j.Close()
			return
		}
	}
}

// tell prints that the name is served, or that a stream is open.
func (p *piper) tell(e control.Event) {
	switch {
	case p.out.JSON:
		p.events().Event(e)
	case p.quiet:
	case e.Kind == "exposed":
		p.say("waiting for a peer that opens %s", text.OneLine(e.Name))
	case p.listen:
		p.say("%s has opened %s", text.PeerName(e.Peer, e.Label), text.OneLine(e.Name))
	}
}

// events returns where events go: to standard error, because standard output is the stream's.
func (p *piper) events() *output.Printer { return &output.Printer{Stream: p.err, JSON: true} }

// end tells of the end of the stream, and returns err, or else the error that last has. If the stream did not end well, end says how
// many bytes have passed.
func (p *piper) end(last *control.Event, err error) error {
	to := "the peer"
	if last == nil && p.isOpen { // the node cannot tell any more how far they got
		to = "the node"
		in, out := p.bytesIn.Load(), p.bytesOut.Load()
		last = &control.Event{Kind: "closed", BytesIn: &in, BytesOut: &out, Took: control.Milliseconds(time.Since(p.begun))}
		if err != nil {
			last.Error = failure.Explain(err)
		}
	}
	if last == nil {
		return err
	}
	if p.out.JSON {
		p.events().Event(*last)
	}
	if err == nil && last.Error != nil {
		err = last.Error
	}
	if err != nil && !p.out.JSON && p.out.Err() == nil {
		p.say("%d bytes went to %s, %d bytes came, before the stream broke", *last.BytesOut, to, *last.BytesIn)
	}
	return err
}
