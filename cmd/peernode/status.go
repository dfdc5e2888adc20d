package main

import (
	"fmt"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/seed-f6ddb928/peernet-go/cmd/peernode/internal/control"
	"github.com/spf13/cobra"
)

func (a *app) statusCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "status",
		Short: "Say how the running node is doing",
		Long: `Status prints the running node's public key, the addresses at which others can dial it, where it was told
to listen, how it looks for peers, for how long it has run, how many of its peers are in which state, and
the path of its control socket. It ends with exit code 3 if no node runs.`,
		Args: arguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.command(func(node control.Backend) error {
				answer, err := node.Node(cmd.Context(), control.NodeRequest{})
				if err != nil {
					return err
				}
				return a.status(answer)
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
	for _, line := range [][2]string{
		{"key", n.PublicKey},
		{"addresses", strings.Join(n.Addresses, ", ")},
		{"listen", oneLine(n.Listen)},
		{"discovery", orElse(strings.Join(n.Discovery, ", "), noDiscovery)},
		{"uptime", time.Duration(n.Uptime * float64(time.Millisecond)).Truncate(time.Second).String()},
		{"peers", countStates(n.Peers)},
		{"control", oneLine(n.Control)},
	} {
		fmt.Fprintf(table, "%s\t%s\n", line[0], line[1])
	}
	return table.Flush()
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
