package main

import (
	"context"
	"strings"

	"github.com/spf13/cobra"

	"github.com/seed-f6ddb928/peernet-go/cmd/peernode/internal/control"
	"github.com/seed-f6ddb928/peernet-go/cmd/peernode/internal/text"
	"github.com/seed-f6ddb928/peernet-go/cmd/peernode/internal/usage"
)

func whyCommand(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "why PEER",
		Short: "Say why a peer is connected, or is not",
		Long: `Why tells what the running node knows about its connection to a trusted peer: what happened to it, oldest
first and at most 32 steps (a repeated step is told once, with how often), what the node is doing now and will
do next, and what you can do about it. With --json it is one object: the fields of peernode peers, and more.

` + usage.PeerHelp,
		Example: `  peernode why bob
  peernode why bob --json | jq -r .advice`,
		RunE: a.onNode(func(ctx context.Context, node *control.Client, args []string) error {
			return control.Explain.Show(ctx, node, control.Request{Peer: args[0]}, a.why)
		}),
	}
}

// why prints what the node knows of its connection to a peer.
func (a *app) why(w control.Why) error {
	lines := []string{text.PeerName(w.PublicKey, w.Label)}
	for _, s := range w.Sentences {
		lines = append(lines, text.OneLine(s))
	}
	return a.out.Print(w, "%s", strings.Join(lines, "\n"))
}
