package main

import (
	"fmt"
	"text/tabwriter"
	"time"

	"github.com/seed-f6ddb928/peernet-go/cmd/peernode/internal/control"
	"github.com/spf13/cobra"
)

func (a *app) peersCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "peers",
		Short: "List the running node's peers and how they are connected",
		Long: `Peers lists every trusted peer as the running node sees it now: whether it is connected, since when, at
which address, its last round trip, and why it is in that state.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.command(func(node control.Backend) error {
				answer, err := node.Peers(cmd.Context(), control.PeersRequest{})
				if err != nil {
					return err
				}
				return a.peers(answer.Peers)
			})
		},
	}
}

// peers prints the peers, as a table or as one object each.
func (a *app) peers(peers []control.Peer) error {
	if a.json {
		for _, p := range peers {
			if err := a.object(p); err != nil {
				return err
			}
		}
		return nil
	}
	if len(peers) == 0 {
		a.say("no peers yet; trust one with: peernode trust add KEY")
		return nil
	}
	table := tabwriter.NewWriter(a.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "PEER\tSTATE\tFOR\tADDRESS\tRTT\tWHY")
	for _, p := range peers {
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\n", peerName(p.PublicKey, p.Label), p.State,
			age(p.Since), orElse(p.Address, "-"), roundTrip(p.RTT), orElse(oneLine(p.Reason), "-"))
	}
	return table.Flush()
}

// age returns how long ago t was, to the second.
func age(t *time.Time) string {
	if t == nil {
		return "-"
	}
	return max(0, time.Since(*t)).Truncate(time.Second).String()
}

// roundTrip returns a round trip of ms milliseconds as a person reads it; 0 was not measured.
func roundTrip(ms float64) string {
	if ms == 0 {
		return "-"
	}
	return fmt.Sprintf("%.1f ms", ms)
}
