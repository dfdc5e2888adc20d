package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/seed-f6ddb928/peernet-go/cmd/peernode/internal/control"
	"github.com/seed-f6ddb928/peernet-go/cmd/peernode/internal/text"
	"github.com/seed-f6ddb928/peernet-go/cmd/peernode/internal/usage"
)

// sentLine is what send prints with --json.
type sentLine struct {
	Peer  string `json:"peer"`
	Label string `json:"label,omitempty"`
	Name  string `json:"name"`
}

func sendCommand(a *app) *cobra.Command {
	send := &cobra.Command{
		Use:   "send PEER NAME [JSON|-]",
		Short: "Send a message to a handler of a connected peer",
		Long: `Send has the running node send a message to the handler NAME of a connected peer. Nothing comes back:
that it was sent does not say that it arrived, or that there is such a handler. Use call to know.

` + argumentHelp + `

` + usage.PeerHelp,
		Example: `  peernode send bob echo '"good morning"'`,
	}
	timeout := usage.Timeout(send, control.DefaultTimeout, "how long to wait for room on the connection")
	send.RunE = a.onNode(func(ctx context.Context, node *control.Client, args []string) error {
		q, err := a.callRequest(ctx, args, *timeout)
		if err != nil {
			return err
		}
		return control.Send.Show(ctx, node, q, func(to control.SendAnswer) error {
			return a.out.Print(sentLine{Peer: to.PublicKey, Label: to.Label, Name: q.Name},
				"sent %s to %s", text.OneLine(q.Name), text.PeerName(to.PublicKey, to.Label))
		})
	})
	return send
}
