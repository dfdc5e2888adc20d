package main

import (
	"fmt"

	"github.com/seed-f6ddb928/peernet-go/cmd/peernode/internal/control"
	"github.com/spf13/cobra"
)

// sentLine is what send prints with --json.
type sentLine struct {
	Peer  string `json:"peer"`
	Label string `json:"label,omitempty"`
	Name  string `json:"name"`
}

func (a *app) sendCommand() *cobra.Command {
	send := &cobra.Command{
		Use:   "send PEER NAME [JSON|-]",
		Short: "Send a message to a handler of a connected peer",
		Long: `Send has the running node send a message to the handler NAME of a connected peer. Nothing comes back:
that it was sent does not say that it arrived, or that there is such a handler. Use call to know.

` + argumentHelp + `

` + peerHelp,
		Example:           `  peernode send bob echo '"good morning"'`,
		Args:              arguments,
		ValidArgsFunction: a.completePeer,
	}
	timeout := timeoutFlag(send, control.DefaultTimeout, "how long to wait for room on the connection")
	send.RunE = func(cmd *cobra.Command, args []string) error {
		if err := checkTarget(args[0], args[1]); err != nil {
			return err
		}
		argument, err := a.argument(args[2:])
		if err != nil {
			return err
		}
		return a.command(func(node control.Backend) error {
			answer, err := node.Send(cmd.Context(), control.CallRequest{
				Timeout: control.Within(*timeout), Peer: args[0], Name: args[1], Args: argument,
			})
			if err != nil {
				return err
			}
			if a.json {
				return a.object(sentLine{Peer: answer.PublicKey, Label: answer.Label, Name: args[1]})
			}
			_, err = fmt.Fprintf(a.out, "sent %s to %s\n", oneLine(args[1]), peerName(answer.PublicKey, answer.Label))
			return err
		})
	}
	return send
}
