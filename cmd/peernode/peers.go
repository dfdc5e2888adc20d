package main

import (
	"context"
	"fmt"
	"path/filepath"
	"text/tabwriter"
	"time"

	"github.com/seed-f6ddb928/peernet-go/cmd/peernode/internal/control"
	"github.com/seed-f6ddb928/peernet-go/trust"
	"github.com/spf13/cobra"
)

func (a *app) peersCommand() *cobra.Command {
	var watch bool
	peers := &cobra.Command{
		Use:   "peers",
		Short: "List the running node's peers and how they are connected",
		Long: `Peers lists every trusted peer as the running node sees it now: whether it is connected, since when, at
which address, its last round trip, and why it is in that state; with --json also what was called, sent and failed.

With --watch it goes on with a line for each thing that happens to a peer: found, updated, lost,
connected, disconnected, paired, unpaired, conflict. With --json these are the objects that have an event, as
peernode run prints them. Whoever reads too slowly is told how many events were missed (lagged), and gets
the list again. It ends when it is interrupted, or with exit code 3 when the node stops.`,
		Example: `  peernode peers
  peernode peers --watch --json | jq -c 'select(.event == "disconnected")'`,
		Args: arguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.command(func(node control.Backend) error {
				if watch {
					return a.watchPeers(cmd.Context(), node)
				}
				answer, err := node.Peers(cmd.Context(), control.PeersRequest{})
				if err != nil {
					return err
				}
				if err := a.peers(answer.Peers); err != nil {
					return err
				}
				a.mistakes()
				return nil
			})
		},
	}
	peers.Flags().BoolVar(&watch, "watch", false, "go on and print what happens to the peers until interrupted")
	return peers
}

// mistakes says which lines of the peers file the node does not heed, and what to do about them. What else may be wrong
// with the file concerns the next start.
func (a *app) mistakes() {
	dir, err := a.dataDir()
	if err != nil {
		return
	}
	path := filepath.Join(dir, peersFile)
	set, err := trust.Open(path)
	if err != nil {
		return
	}
	for _, problem := range set.Problems() {
		a.say("%s: %v", peersFile, problem)
	}
	if len(set.Problems()) > 0 {
		a.say("hint: nobody is trusted by such a line: correct it in %s, or remove it", shellWord(path))
	}
}

// watchPeers prints the peers and what happens to them until ctx ends, which is how it should end.
func (a *app) watchPeers(ctx context.Context, node control.Backend) error {
	err := node.Watch(ctx, control.WatchRequest{}, func(c control.Change) error {
		if c.Event != nil {
			return a.event(*c.Event)
		}
		return a.peers(c.Peers)
	})
	if ctx.Err() != nil {
		return nil
	}
	return err
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
