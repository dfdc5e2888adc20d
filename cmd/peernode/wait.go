package main

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"github.com/seed-f6ddb928/peernet-go/cmd/peernode/internal/control"
	"github.com/seed-f6ddb928/peernet-go/cmd/peernode/internal/usage"
)

// waitTimeout is how long wait waits if it is not told.
const waitTimeout = 30 * time.Second

func waitCommand(a *app) *cobra.Command {
	wait := &cobra.Command{
		Use:   "wait PEER",
		Short: "Wait until a peer is connected",
		Long: `Wait returns as soon as the running node is connected to a trusted peer, no matter which end
dialled, and prints at which address. It does not dial: the node does that by itself where it knows how, and connect does it
at once. When the time is up it ends with exit code 3 and says what the node was doing about the peer.

` + usage.PeerHelp,
		Example: `  peernode wait bob && peernode call bob echo '"hello"'
  peernode wait bob --timeout 5m`,
	}
	timeout := usage.Timeout(wait, waitTimeout, "how long to wait")
	wait.RunE = a.onNode(func(ctx context.Context, node *control.Client, args []string) error {
		p, err := control.Wait.Ask(ctx, node, control.Request{Timeout: control.Within(*timeout), Peer: args[0]})
		if err != nil {
			return err
		}
		return a.connected(p)
	})
	return wait
}
