package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/seed-f6ddb928/peernet-go/cmd/peernode/internal/control"
	"github.com/seed-f6ddb928/peernet-go/cmd/peernode/internal/failure"
	"github.com/seed-f6ddb928/peernet-go/cmd/peernode/internal/output"
	"github.com/seed-f6ddb928/peernet-go/cmd/peernode/internal/providers"
	"github.com/seed-f6ddb928/peernet-go/cmd/peernode/internal/text"
	"github.com/seed-f6ddb928/peernet-go/cmd/peernode/internal/usage"
)

func listenCommand(a *app) *cobra.Command {
	change := func(use, short, example string, ask control.Operation[control.ListenerChange]) *cobra.Command {
		return &cobra.Command{Use: use, Short: short, Example: example,
			RunE: a.onNode(func(ctx context.Context, node *control.Client, args []string) error {
				if err := usage.CheckListen("ADDR", &args[0]); err != nil {
					return err
				}
				return ask.Show(ctx, node, control.Request{Addresses: args}, a.listenerChanged)
			}),
		}
	}
	return withList(&cobra.Command{
		Use:   "listen",
		Short: "Show or change the addresses that the running node listens on",
		Long: `Listen lists the addresses that the running node listens on, in the order in which they were added, or
adds and removes one. Changes are forgotten when the node stops: add the address again after each start, or give it to
peernode run --listen. ADDR is HOST:PORT. ` + usage.AddressHelp + ` Port 0 is any free one.
The connections that were made at an address stay when it is removed.

On each network the first of the addresses that others can reach there is announced. The others have to be told.`,
		Example: `  peernode listen
  peernode listen add 192.168.1.7:7100
  peernode listen remove :0`,
		RunE: show(a, control.GetListeners, a.listeners),
	}, "List the addresses that the node listens on",
		change("add ADDR", "Listen on one more address, until the node stops", "  peernode listen add [fd00::7]:7100", control.AddListener),
		change("remove ADDR", "Listen on an address no longer, until the node stops", "  peernode listen remove [::]:7100", control.RemoveListener),
	)
}

// withList returns a command that lists something, with a subcommand list and some that make changes.
func withList(cmd *cobra.Command, short string, changes ...*cobra.Command) *cobra.Command {
	list := &cobra.Command{Use: "list", Short: short, RunE: cmd.RunE}
	forms := cmd.Name()
	for i, c := range changes {
		separator := ", "
		if i == len(changes)-1 {
			separator = " or "
		}
		forms += separator + cmd.Name() + " " + c.Use
	}
	cmd.Args = cobra.ArbitraryArgs
	cmd.RunE = func(_ *cobra.Command, args []string) error {
		if len(args) > 0 {
			return failure.Usage(cmd.Name()+" does not know "+text.OneLine(args[0]), "use "+forms)
		}
		return list.RunE(cmd, args)
	}
	cmd.AddCommand(list)
	cmd.AddCommand(changes...)
	return cmd
}

// listeners prints where the node listens, as a table or as one object each.
func (a *app) listeners(answer control.Listeners) error {
	if len(answer.Listeners) == 0 && !a.out.JSON {
		a.say("the node listens nowhere: it only dials")
		return nil
	}
	return output.List(a.out, answer.Listeners, nil, func(l control.Listener) []string {
		return []string{l.Address, text.OneLine(l.Listen)}
	})
}

// listenerChanged prints what has become of a listener.
func (a *app) listenerChanged(c control.ListenerChange) error {
	if len(c.Addresses) == 0 {
		return a.out.Print(c, "%s %s; the node listens nowhere now", c.Change, c.Address)
	}
	return a.out.Print(c, "%s %s", c.Change, c.Address)
}

func interfacesCommand(a *app) *cobra.Command {
	change := func(use, short, example string, ask control.Operation[control.InterfaceChange]) *cobra.Command {
		return &cobra.Command{Use: use, Short: short, Example: example,
			RunE: a.onNode(func(ctx context.Context, node *control.Client, args []string) error {
				name, err := text.Tidy(strings.TrimSpace(args[0]))
				if err != nil || name == "" {
					return failure.Usage(fmt.Sprintf("INTERFACE: %.80q cannot be the name of a network interface", args[0]), "see their names with: peernode interfaces")
				}
				return ask.Show(ctx, node, control.Request{Name: name}, func(c control.InterfaceChange) error {
					if missing, advice := providers.Missing(name); len(missing) > 0 {
						a.say("no %.80q on this machine now", name)
						a.advise(advice)
					}
					return a.out.Print(c, "%s %s", c.Change, text.OneLine(c.Interface))
				})
			}),
		}
	}
	return withList(&cobra.Command{
		Use:   "interfaces",
		Short: "Show or change the network interfaces on which the running node looks for peers",
		Long: `Interfaces lists, for each way in which the running node looks for peers, the network interfaces that it uses and
those that it does not, with the reason. It also adds and removes one, for all ways. Changes are forgotten when the
node stops: make them again after each start, or give all names to peernode run --interface. One that is added is
used wherever that is possible, as with run --interface; it need not be there yet. Those that are used already stay. On
one that is removed the node announces nothing any more, and hears nothing.`,
		Example: `  peernode interfaces
  peernode interfaces add tun0
  peernode interfaces remove wlan0`,
		RunE: show(a, control.GetNode, a.interfaces),
	}, "List the network interfaces",
		change("add INTERFACE", "Look for peers on one more network interface, until the node stops", "  peernode interfaces add tun0", control.AddInterface),
		change("remove INTERFACE", "Look for peers on a network interface no longer, until the node stops", "  peernode interfaces remove wlan0", control.RemoveInterface),
	)
}

// interfaces prints which interfaces the providers use, as lines or as one object each.
func (a *app) interfaces(n control.Node) error {
	if len(n.Providers) == 0 && !a.out.JSON {
		a.say("the node does not look for peers")
	}
	for _, p := range n.Providers {
		if err := a.out.Print(p, "%s", provider(p, silence(n, p, isLoopback), time.Now())); err != nil {
			return err
		}
	}
	return nil
}
