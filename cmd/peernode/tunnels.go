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
	tunnels            []*backend.Tunnel
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
	of.Allow = append(of.Allow, value[len(of.Name)+1:])
	return usage.CheckPeers(of.Allow)
}

// begin exposes, and listens for what is forwarded, before the node starts.
func (t *tunneler) begin(b backend.Backend, report func(control.Event)) error {
	for _, q := range t.exposed {
		if err := t.add(b.NewExposed(q, report)); err != nil {
			return fmt.Errorf("--expose %s: %w", q.Name, err)
		}
	}
	for _, q := range t.forwarded {
		if err := t.add(b.NewForwarded(q, report)); err != nil {
			return fmt.Errorf("--forward %s: %w", q.Listen, err)
		}
	}
	return nil
}

func (t *tunneler) add(tunnel *backend.Tunnel, err error) error {
	if err == nil {
		t.tunnels = append(t.tunnels, tunnel)
	}
	return err
}

// run reports what is exposed and forwarded, and carries what comes until ctx ends.
func (t *tunneler) run(ctx context.Context, report func(control.Event)) {
	var all sync.WaitGroup
	for _, tunnel := range t.tunnels {
		report(tunnel.Began)
		all.Go(func() { tunnel.Run(ctx) })
	}
	all.Wait()
}

// end closes all, so that their connections do not hold up the end of the node.
func (t *tunneler) end() {
	for _, tunnel := range t.tunnels {
		tunnel.Close()
	}
}
