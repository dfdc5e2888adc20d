package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/seed-f6ddb928/peernet-go/cmd/peernode/internal/control"
	"github.com/seed-f6ddb928/peernet-go/cmd/peernode/internal/text"
	"github.com/seed-f6ddb928/peernet-go/cmd/peernode/internal/usage"
)

func connectCommand(a *app) *cobra.Command {
	connect := &cobra.Command{
		Use:   "connect PEER [ADDR]…",
		Short: "Connect the running node to a peer",
		Long: `Connect has the running node connect to a trusted peer, and waits until both ends have accepted, or
says why not; peernode why tells more. ADDR is HOST:PORT, as the other node's peernode run prints it, or
with a host name, which is looked up at each dial; without one the addresses that the node knows are
tried. The node keeps ADDR and tries it as it tries others, also if this command fails, until the
node stops: at most 8 of a peer, then the oldest goes. With --once it keeps none.

` + usage.PeerHelp,
		Example: "  peernode connect bob 192.168.1.7:41237",
	}
	timeout := usage.Timeout(connect, control.DefaultTimeout, "how long to try")
	once := connect.Flags().Bool("once", false, "do not keep ADDR for later")
	connect.RunE = a.onNode(func(ctx context.Context, node *control.Client, args []string) error {
		q := control.Request{Timeout: control.Within(*timeout), Peer: args[0], Addresses: args[1:], Once: *once}
		return control.Connect.Show(ctx, node, q, a.connected)
	})
	return connect
}

// connected prints a peer to which the node is connected.
func (a *app) connected(p control.Peer) error {
	return a.out.Print(p, "%s to %s at %s", p.State, text.PeerName(p.PublicKey, p.Label), p.Address)
}
