package main

import (
	"fmt"

	"github.com/seed-f6ddb928/peernet-go/cmd/peernode/internal/control"
	"github.com/spf13/cobra"
)

func (a *app) connectCommand() *cobra.Command {
	connect := &cobra.Command{
		Use:   "connect PEER [ADDR]…",
		Short: "Connect the running node to a peer",
		Long: `Connect has the running node connect to a trusted peer, and waits until both ends have accepted, or
says why not; peernode why tells more. ADDR is HOST:PORT, as the other node's peernode run prints it;
without one the addresses that the node knows are tried.

` + peerHelp,
		Example:           "  peernode connect bob 192.168.1.7:41237",
		Args:              arguments,
		ValidArgsFunction: a.completePeer,
	}
	timeout := timeoutFlag(connect, control.DefaultTimeout, "how long to try")
	connect.RunE = func(cmd *cobra.Command, args []string) error {
		if err := checkPeer(args[0]); err != nil {
			return err
		}
		for _, addr := range args[1:] {
			if err := checkAddress(addr); err != nil {
				return err
			}
		}
		return a.command(func(node control.Backend) error {
			p, err := node.Connect(cmd.Context(), control.ConnectRequest{
				Timeout: control.Within(*timeout), Peer: args[0], Addresses: args[1:],
			})
			if err != nil {
				return err
			}
			return a.connected(p)
		})
	}
	return connect
}

// connected prints the peer that was connected to.
func (a *app) connected(p control.Peer) error {
	if a.json {
		return a.object(p)
	}
	_, err := fmt.Fprintf(a.out, "%s to %s at %s\n", p.State, peerName(p.PublicKey, p.Label), p.Address)
	return err
}
