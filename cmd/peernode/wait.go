package main

import (
	"context"
	"errors"
	"time"

	"github.com/spf13/cobra"

	"github.com/seed-f6ddb928/peernet-go/cmd/peernode/internal/control"
	"github.com/seed-f6ddb928/peernet-go/cmd/peernode/internal/failure"
	"github.com/seed-f6ddb928/peernet-go/cmd/peernode/internal/usage"
)

// waitTimeout is how long wait waits if --timeout does not say; waitPause is how often it looks for a node that does not run
// yet.
const (
	waitTimeout = 30 * time.Second
	waitPause   = 100 * time.Millisecond
)

func waitCommand(a *app) *cobra.Command {
	wait := &cobra.Command{
		Use:   "wait PEER",
		Short: "Wait until a peer is connected",
		Long: `Wait returns as soon as the running node is connected to a trusted peer, no matter which end
dialled, and prints at which address. If no node runs yet, it waits for one. It does not dial: the node does
that by itself where it knows how, and connect does it at once. When the time is up it ends with exit code 3
and says what the node was doing about the peer.

` + usage.PeerHelp,
		Example: `  peernode wait bob && peernode call bob echo '"hello"'
  peernode wait bob --timeout 5m`,
	}
	timeout := usage.Timeout(wait, waitTimeout, "how long to wait")
	wait.RunE = a.onNode(func(ctx context.Context, node *control.Client, args []string) error {
		for over := time.Now().Add(*timeout); ; {
			left := max(time.Until(over), time.Millisecond)
			p, err := control.Wait.Ask(ctx, node, control.Request{Timeout: control.Within(left), Peer: args[0]})
			if err == nil {
				return a.connected(p)
			}
			if !isNotYet(err) || time.Until(over) <= 0 {
				return err
			}
			select {
			case <-time.After(min(waitPause, left)):
			case <-ctx.Done():
				return ctx.Err()
			}
		}
	})
	return wait
}

// isNotYet says whether err means that no node can wait for the peer now, which may change.
func isNotYet(err error) bool {
	e, ok := errors.AsType[*control.Error](err)
	return ok && e.Code == failure.CodeBusy || errors.Is(err, control.ErrNoNode) || errors.Is(err, control.ErrNoSocket)
}
