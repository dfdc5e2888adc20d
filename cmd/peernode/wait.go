package main

import (
	"time"

	"github.com/seed-f6ddb928/peernet-go/cmd/peernode/internal/control"
	"github.com/spf13/cobra"
)

// waitTimeout is how long wait waits if it is not told.
const waitTimeout = 30 * time.Second

func (a *app) waitCommand() *cobra.Command {
	wait := &cobra.Command{
		Use:   "wait PEER",
		Short: "Wait until a peer is connected",
		Long: `Wait returns as soon as the running node is connected to a trusted peer, whoever dialled whom, and prints
at which address. It does not dial: the node does that by itself where it knows how, and connect does it
at once. When the time is up it ends with exit code 3 and says what the node was doing about the peer.

` + peerHelp,
		Example: `  peernode wait bob && peernode call bob echo '"hello"'
  peernode wait bob --timeout 5m`,
		Args:              arguments,
		ValidArgsFunction: a.completePeer,
	}
	timeout := timeoutFlag(wait, waitTimeout, "how long to wait")
	wait.RunE = func(cmd *cobra.Command, args []string) error {
		if err := checkPeer(args[0]); err != nil {
			return err
		}
		return a.command(func(node control.Backend) error {
			p, err := node.Wait(cmd.Context(), control.WaitRequest{Timeout: control.Within(*timeout), Peer: args[0]})
			if err != nil {
				return err
			}
			return a.connected(p)
		})
	}
	return wait
}
