package main

import (
	"context"
	"fmt"
	"strings"
	"sync"

	"github.com/seed-f6ddb928/peernet-go/cmd/peernode/internal/backend"
	"github.com/seed-f6ddb928/peernet-go/cmd/peernode/internal/control"
	"github.com/seed-f6ddb928/peernet-go/cmd/peernode/internal/failure"
	"github.com/seed-f6ddb928/peernet-go/cmd/peernode/internal/usage"
)

// A tunneler is what run exposes and forwards for as long as the node runs.
type tunneler struct {
	expose, allow, forward []string // the flags

	exposed, forwarded []control.Request // what they say
	begun              []control.Event   // that names are exposed
	forwarders         []*backend.Forwarder
	stops              []func()
}

// check reads the flags.
func (t *tunneler) check() error {
	for _, value := range t.expose {
		name, target, err := usage.SplitExposed("--expose", value)
		if err != nil {
			return err
		}
		t.exposed = append(t.exposed, control.Request{Name: name, Target: target})
	}
	for _, value := range t.allow {
		if err := t.checkAllow(value); err != nil {
			return err
		}
	}
	for _, value := range t.forward {
		local, peer, name, err := usage.SplitForwarded("--forward", value)
		if err != nil {
			return err
		}
		t.forwarded = append(t.forwarded, control.Request{Listen: local, Peer: peer, Name: name})
	}
	return nil
}

// checkAllow reads NAME=PEER, where NAME is exposed. Both may have an = in them: the longest NAME counts.
func (t *tunneler) checkAllow(value string) error {
	var of *control.Request
	for i := range t.exposed {
		if x := &t.exposed[i]; strings.HasPrefix(value, x.Name+"=") && (of == nil || len(x.Name) > len(of.Name)) {
			of = x
		}
	}
	if of == nil {
		return failure.Usage(fmt.Sprintf("--allow: %.80q does not begin with an exposed name and =", value), "give it as NAME=PEER, with NAME as in --expose NAME=HOST:PORT")
	}
	peer, err := usage.CheckPeer(value[len(of.Name)+1:])
	if err != nil {
		return err
	}
	of.Allow = append(of.Allow, peer)
	return nil
}

// begin exposes, and listens for what is forwarded, before the node starts.
func (t *tunneler) begin(b backend.Backend, report func(control.Event)) error {
	for _, q := range t.exposed {
		e, stop, err := b.StartExpose(q, report)
		if err != nil {
			return fmt.Errorf("--expose %s: %w", q.Name, err)
		}
		t.begun = append(t.begun, e)
		t.stops = append(t.stops, stop)
	}
	for _, q := range t.forwarded {
		f, err := b.NewForwarder(q)
		if err != nil {
			return fmt.Errorf("--forward %s: %w", q.Listen, err)
		}
		t.forwarders = append(t.forwarders, f)
		t.stops = append(t.stops, func() { f.Close() })
	}
	return nil
}

// run reports what is exposed, and carries what is forwarded until ctx ends.
func (t *tunneler) run(ctx context.Context, report func(control.Event)) {
	for _, e := range t.begun {
		report(e)
	}
	var all sync.WaitGroup
	for _, f := range t.forwarders {
		all.Go(func() { f.Run(ctx, report) })
	}
	all.Wait()
}

// end ends what is exposed, and breaks its connections, so that they do not hold up the end of the node.
func (t *tunneler) end() {
	for _, stop := range t.stops {
		stop()
	}
}
