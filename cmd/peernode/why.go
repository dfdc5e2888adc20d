package main

import (
	"fmt"
	"strings"

	"github.com/seed-f6ddb928/peernet-go/cmd/peernode/internal/control"
	"github.com/spf13/cobra"
)

func (a *app) whyCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "why PEER",
		Short: "Say why a peer is connected, or is not",
		Long: `Why tells what the running node knows about its link to a trusted peer: what happened to it, oldest first
and at most 32 steps (what came again and again is told once, with how often), what the node is doing now and will do next, and what you can do about it. With --json
it is one object: the fields of peernode peers and what else there is to tell.

` + peerHelp,
		Example: `  peernode why bob
  peernode why bob --json | jq -r .advice`,
		Args:              arguments,
		ValidArgsFunction: a.completePeer,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := checkPeer(args[0]); err != nil {
				return err
			}
			return a.command(func(node control.Backend) error {
				answer, err := node.Why(cmd.Context(), control.WhyRequest{Peer: args[0]})
				if err != nil {
					return err
				}
				return a.why(answer)
			})
		},
	}
}

// why prints what is known of the link to a peer.
func (a *app) why(w control.Why) error {
	if a.json {
		return a.object(w)
	}
	var b strings.Builder
	fmt.Fprintln(&b, peerName(w.PublicKey, w.Label))
	for _, s := range w.Sentences {
		fmt.Fprintln(&b, oneLine(s))
	}
	_, err := fmt.Fprint(a.out, b.String())
	return err
}
