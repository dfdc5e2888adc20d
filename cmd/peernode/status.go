package main

import (
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/seed-f6ddb928/peernet-go/cmd/peernode/internal/control"
	"github.com/seed-f6ddb928/peernet-go/peernet"
	"github.com/spf13/cobra"
)

func (a *app) statusCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "status",
		Short: "Say how the running node is doing",
		Long: `Status prints the running node's public key, the addresses at which others can dial it, where it was told
to listen, how it looks for peers and whether that works, where its metrics are, for how long it has run, how many of
its peers are in which state, how many calls and bytes there were, and the path of its control socket; with --json a
good deal more. It ends with exit code 3 if no node runs.`,
		Args: arguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.command(func(node control.Backend) error {
				answer, err := node.Node(cmd.Context(), control.NodeRequest{})
				if err != nil {
					return err
				}
				if err := a.status(answer); err != nil {
					return err
				}
				a.mistakes()
				return nil
			})
		},
	}
}

// status prints how the node is doing.
func (a *app) status(n control.Node) error {
	if a.json {
		return a.object(n)
	}
	table := tabwriter.NewWriter(a.out, 0, 0, 2, ' ', 0)
	lines := [][2]string{
		{"key", n.PublicKey},
		{"addresses", strings.Join(n.Addresses, ", ")},
		{"listen", oneLine(n.Listen)},
	}
	for _, p := range n.Providers {
		lines = append(lines, [2]string{"discovery", provider(p, silence(n, p, isLoopback), time.Now())})
	}
	if len(n.Discovery) == 0 {
		lines = append(lines, [2]string{"discovery", noDiscovery})
	}
	if n.Private {
		lines = append(lines, [2]string{"private", "yes"})
	}
	if n.Metrics != "" {
		lines = append(lines, [2]string{"metrics", n.Metrics})
	}
	calls, bytes := traffic(n.Traffic)
	for _, line := range append(lines,
		[2]string{"uptime", time.Duration(n.Uptime * float64(time.Millisecond)).Truncate(time.Second).String()},
		[2]string{"peers", countStates(n.Peers)},
		[2]string{"calls", calls},
		[2]string{"bytes", bytes},
		[2]string{"control", oneLine(n.Control)},
	) {
		fmt.Fprintf(table, "%s\t%s\n", line[0], line[1])
	}
	return table.Flush()
}

// silence says why a provider does not announce the node, if it does not. A node that others on this machine alone can
// dial is announced to them alone.
func silence(n control.Node, p control.Provider, loopback func(name string) bool) string {
	elsewhere := func(addr string) bool {
		a, err := netip.ParseAddrPort(addr)
		return err != nil || !a.Addr().IsLoopback()
	}
	switch {
	case !n.Advertise:
		return "announces nothing"
	case p.State == string(peernet.ProviderFailed):
		return ""
	case len(n.Addresses) > 0 && !slices.ContainsFunc(n.Addresses, elsewhere) && !slices.ContainsFunc(p.Uses, loopback):
		return "listening on loopback only: nothing is announced"
	}
	return ""
}

// isLoopback says whether the network interface of that name is there and leads to this machine alone.
func isLoopback(name string) bool {
	i, err := net.InterfaceByName(name)
	return err == nil && i.Flags&net.FlagLoopback != 0
}

// provider returns how one that looks for peers is doing, as a person reads it; silent is why it does not announce the
// node, if it does not.
func provider(p control.Provider, silent string, now time.Time) string {
	var b strings.Builder
	b.WriteString(p.Name + ": " + p.State)
	if len(p.Uses) > 0 {
		b.WriteString(" on " + oneLine(strings.Join(p.Uses, ", ")))
	}
	if silent != "" {
		b.WriteString(", " + silent)
	}
	if p.Error != "" {
		b.WriteString(": ")
		if p.State != string(peernet.ProviderFailed) {
			b.WriteString("failed before: ")
		}
		b.WriteString(oneLine(p.Error))
		if p.Hint != "" {
			b.WriteString(" (" + oneLine(p.Hint) + ")")
		}
	}
	if p.Next != nil {
		fmt.Fprintf(&b, "; tried again in %v", max(0, p.Next.Sub(now)).Round(time.Second))
	}
	return b.String()
}

// countStates returns how many peers are in which state, as a person reads it.
func countStates(peers map[string]int) string {
	var counts []string
	for _, s := range states {
		if n := peers[string(s)]; n > 0 {
			counts = append(counts, fmt.Sprintf("%d %s", n, s))
		}
	}
	return orElse(strings.Join(counts, ", "), "none")
}
