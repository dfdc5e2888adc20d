package main

import (
	"cmp"
	"context"
	"net/netip"

	"github.com/spf13/cobra"

	"github.com/seed-f6ddb928/peernet-go/cmd/peernode/internal/control"
	"github.com/seed-f6ddb928/peernet-go/cmd/peernode/internal/usage"
)

func forwardCommand(a *app) *cobra.Command {
	forward := &cobra.Command{
		Use:   "forward HOST:PORT PEER:NAME",
		Short: "Forward a TCP address of this machine to a name of a peer",
		Long: `Forward has the running node listen at HOST:PORT, until it is interrupted: for each connection the node opens
NAME at the peer, which peernode expose or a program serves there. It prints where it listens, and each connection that
opens and closes, as peernode run does. A connection waits up to 10 seconds for the peer to be connected. When forward
is interrupted, its connections break. To forward for as long as the node runs, start the node with
peernode run --forward.

` + usage.AddressHelp + ` Port 0 is any free one.
Every user and every program that can reach HOST:PORT can use it: there is no password.

` + usage.PeerHelp,
		Example: `  peernode forward 8080 bob:web
  peernode forward 127.0.0.1:2222 bob:ssh & ssh -p 2222 127.0.0.1`,
	}
	forward.RunE = a.onNode(func(ctx context.Context, node *control.Client, args []string) error {
		peer, name, err := usage.SplitRemote("PEER:NAME", args[1])
		if err = cmp.Or(usage.CheckListen("HOST:PORT", &args[0]), err); err != nil {
			return err
		}
		return a.tell(ctx, node, control.Forward, control.Request{Listen: args[0], Peer: peer, Name: name})
	})
	return forward
}

// warnOpen warns of an address that other machines can reach.
func (a *app) warnOpen(address string) {
	if at, err := netip.ParseAddrPort(address); err != nil || !at.Addr().IsLoopback() {
		a.say("%s: everybody who can reach it can use it: there is no password", address)
		a.advise("give it as 127.0.0.1:PORT, or as PORT, to keep it on this machine")
	}
}
