package main

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/seed-f6ddb928/peernet-go/cmd/peernode/internal/control"
	"github.com/seed-f6ddb928/peernet-go/cmd/peernode/internal/output"
	"github.com/seed-f6ddb928/peernet-go/cmd/peernode/internal/text"
	"github.com/seed-f6ddb928/peernet-go/peernet"
)

func peersCommand(a *app) *cobra.Command {
	var watch bool
	peers := &cobra.Command{
		Use:   "peers",
		Short: "List the running node's peers and how they are connected",
		Long: `Peers lists every trusted peer as the running node sees it now: whether it is connected, since when, at
which address, its last round trip, and why it is in that state; with --json also what was called, sent and failed.

With --watch it goes on with a line for each thing that happens to a peer: found, updated, lost,
connected, disconnected, paired, unpaired, blocked, unblocked, conflict. With --json these are the objects that have an event, as
peernode run prints them. A reader that is too slow is told how many events it missed (lagged), and gets the
list again. It ends when it is interrupted, or with exit code 3 when the node stops.`,
		Example: `  peernode peers
  peernode peers --watch --json | jq -c 'select(.event == "disconnected")'`,
		RunE: a.onNode(func(ctx context.Context, node *control.Client, _ []string) error {
			if watch {
				return a.watchPeers(ctx, node)
			}
			return control.GetPeers.Show(ctx, node, control.Request{}, func(answer control.Peers) error {
				defer a.sayBadLines(answer.PeersFile)
				return a.peers(answer.Peers)
			})
		}),
	}
	peers.Flags().BoolVar(&watch, "watch", false, "go on and print what happens to the peers until interrupted")
	return peers
}

// watchPeers prints the peers and what happens to them until ctx ends, which is no error.
func (a *app) watchPeers(ctx context.Context, node *control.Client) error {
	err := control.Watch.Ask(ctx, node, struct{}{}, func(c control.WatchLine) error {
		if c.Event != nil {
			return a.out.Event(*c.Event)
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
	if len(peers) == 0 && !a.out.JSON {
		a.sayNoPeers()
		return nil
	}
	head := []string{"PEER", "STATE", "FOR", "DIALECT", "ADDRESS", "RTT", "WHY"}
	dialect := slices.Index(head, "DIALECT")
	isBEAM := func(p control.Peer) bool { return p.Dialect == string(peernet.DialectBEAM) }
	row := func(cells []string) []string { return cells }
	if !slices.ContainsFunc(peers, isBEAM) { // all speak the native dialect, or none is known
		row = func(cells []string) []string { return slices.Delete(cells, dialect, dialect+1) }
	}
	return output.List(a.out, peers, row(head), func(p control.Peer) []string {
		rtt := "-"
		if p.RTT > 0 {
			rtt = fmt.Sprintf("%.1f ms", p.RTT)
		}
		return row([]string{text.PeerName(p.PublicKey, p.Label), p.State, age(p.Since), cmp.Or(p.Dialect, "-"),
			cmp.Or(named(p), "-"), rtt, cmp.Or(reason(p), "-")})
	})
}

// reason returns why a peer is in its state.
func reason(p control.Peer) string {
	if !p.Blocked.IsZero() {
		return text.OneLine(p.Reason) + " until " + p.Blocked.Local().Format(time.DateTime)
	}
	return text.OneLine(p.Reason)
}

// named returns the address of a connected peer, with the host name that led there, if one did.
func named(p control.Peer) string {
	for _, a := range p.Addresses {
		if a.Address == p.Address && a.Name != "" {
			return fmt.Sprintf("%s (%s)", a.Address, a.Name)
		}
	}
	return p.Address
}

// age returns how long ago t was, to the second.
func age(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return max(0, time.Since(t)).Truncate(time.Second).String()
}
