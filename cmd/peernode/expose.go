package main

import (
	"cmp"
	"context"

	"github.com/spf13/cobra"

	"github.com/seed-f6ddb928/peernet-go/cmd/peernode/internal/control"
	"github.com/seed-f6ddb928/peernet-go/cmd/peernode/internal/usage"
)

// allowHelp says in help texts who may use what is served.
const allowHelp = `All trusted peers may open it, unless --allow names some: to the others there is no such name.`

func exposeCommand(a *app) *cobra.Command {
	var allow []string
	expose := &cobra.Command{
		Use:   "expose NAME=HOST:PORT",
		Short: "Let peers reach a TCP address by a name",
		Long: `Expose has the running node serve NAME, until it is interrupted: each time that a peer opens it, with peernode
forward, peernode pipe or a program of its own, the node connects to HOST:PORT and carries bytes both ways. It prints
when it begins, and each connection that opens and closes, as peernode run does. When it is interrupted, the name is
gone and its connections break. To expose a name for as long as the node runs, start the node with
peernode run --expose.

` + usage.AddressHelp + `

` + allowHelp + ` They reach HOST:PORT as a program on this machine does.`,
		Example: `  peernode expose web=3000
  peernode expose ssh=192.168.1.7:22 --allow alice --allow carol`,
	}
	expose.Flags().StringArrayVar(&allow, "allow", nil, "let only `PEER` open it; may be repeated")
	expose.RunE = a.onNode(func(ctx context.Context, node *control.Client, args []string) error {
		name, target, err := usage.SplitExposed("NAME=HOST:PORT", args[0])
		if err = cmp.Or(err, usage.CheckPeers(allow)); err != nil {
			return err
		}
		return a.tell(ctx, node, control.Expose, control.Request{Name: name, Target: target, Allow: allow})
	})
	return expose
}

// tell prints the events of an operation until ctx ends, which is no error.
func (a *app) tell(ctx context.Context, node *control.Client, o control.Stream[control.Request], q control.Request) error {
	err := o.Ask(ctx, node, q, func(l control.WatchLine) error {
		if l.Event != nil && l.Event.Kind == "forwarding" {
			a.warnOpen(l.Event.Address)
		}
		return a.out.Event(*l.Event)
	})
	if ctx.Err() != nil {
		return nil
	}
	return err
}
