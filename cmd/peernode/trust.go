package main

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"text/tabwriter"

	"github.com/seed-f6ddb928/peernet-go/identity"
	"github.com/seed-f6ddb928/peernet-go/trust"
	"github.com/spf13/cobra"
)

// trustLine is what the trust commands print with --json.
type trustLine struct {
	PublicKey string              `json:"public_key"`
	Label     string              `json:"label,omitempty"`
	Options   map[string][]string `json:"options,omitempty"`
	Change    string              `json:"change,omitempty"` // added, updated, unchanged, removed; list has none
}

// Values of trustLine.Change: what became of a key.
const (
	changeAdded   = "added"
	changeUpdated = "updated"
	changeNone    = "unchanged"
	changeRemoved = "removed"
)

func (a *app) trustCommand() *cobra.Command {
	trust := &cobra.Command{
		Use:   "trust",
		Short: "Say whose keys may connect",
		Long: `Trust edits the file of trusted peers in the data directory. A connection exists only between nodes
that trust each other. A running node notices every change, also one made with an editor: a key that is
added may connect at once, the connection to one that is removed is closed.

The file has one peer per line: KEY [OPTION=VALUE]… [LABEL]. Lines that begin with # are kept.`,
		Args: cobra.ArbitraryArgs,
		RunE: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return usage("trust needs to be told what to do", "use trust add KEY, trust list or trust remove PEER")
			}
			return usage("trust does not know "+oneLine(args[0]), "use trust add KEY, trust list or trust remove PEER")
		},
	}
	trust.AddCommand(a.trustAddCommand(), a.trustListCommand(), a.trustRemoveCommand())
	return trust
}

func (a *app) trustAddCommand() *cobra.Command {
	var label string
	add := &cobra.Command{
		Use:     "add KEY",
		Short:   "Trust a key, or give a trusted key another label",
		Example: "  peernode trust add pnet1… --label bob",
		Args:    arguments,
		RunE: func(_ *cobra.Command, args []string) error {
			return a.trustAdd(args[0], label)
		},
	}
	add.Flags().StringVar(&label, "label", "", "the `NAME` to call the peer by; without it a key that is trusted keeps its own")
	return add
}

func (a *app) trustListCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "list",
		Short: "List the trusted keys",
		Args:  arguments,
		RunE:  func(*cobra.Command, []string) error { return a.trustList() },
	}
}

func (a *app) trustRemoveCommand() *cobra.Command {
	return &cobra.Command{
		Use:               "remove PEER",
		Aliases:           []string{"rm"},
		Short:             "Trust a key no longer",
		Args:              arguments,
		ValidArgsFunction: a.completePeer,
		RunE:              func(_ *cobra.Command, args []string) error { return a.trustRemove(args[0]) },
	}
}

func (a *app) trustAdd(text, label string) error {
	key, err := identity.ParsePublicKey(text)
	if err != nil {
		return &usageError{fmt.Errorf("%s is not a key: %w", oneLine(text), err),
			"the other node's key is what peernode id prints there"}
	}
	dir, err := a.makeDataDir()
	if err != nil {
		return err
	}
	set, err := a.openPeers(dir)
	if err != nil {
		return err
	}
	before, trusted := set.Get(key)
	if err := set.Add(trust.Peer{Key: key, Label: label}); err != nil {
		return err
	}
	peer, _ := set.Get(key)
	change := changeAdded
	if trusted {
		change = changeUpdated
	}
	if trusted && peer.Label == before.Label { // nothing else can change
		change = changeNone
	}
	return a.trustChanged(peer, change)
}

func (a *app) trustRemove(text string) error {
	dir, err := a.dataDir()
	if err != nil {
		return err
	}
	set, err := a.openPeers(dir)
	if err != nil {
		return err
	}
	if err := checkPeer(text); err != nil {
		return err
	}
	peer, err := findPeer(set, text)
	if key, keyErr := identity.ParsePublicKey(text); err != nil && keyErr == nil {
		peer, err = trust.Peer{Key: key}, nil // it may be on a line that is wrong otherwise
	}
	if err != nil {
		return err
	}
	removed, err := set.Remove(peer.Key)
	if err != nil {
		return err
	}
	if !removed {
		return fmt.Errorf("%w: %s is not trusted", trust.ErrNotFound, peer.Key)
	}
	return a.trustChanged(peer, changeRemoved)
}

func (a *app) trustList() error {
	dir, err := a.dataDir()
	if err != nil {
		return err
	}
	set, err := a.openPeers(dir)
	if err != nil {
		return err
	}
	if a.json {
		for _, p := range set.List() {
			if err := a.object(newTrustLine(p, "")); err != nil {
				return err
			}
		}
		return nil
	}
	table := tabwriter.NewWriter(a.out, 0, 0, 2, ' ', 0)
	for _, p := range set.List() {
		fmt.Fprintf(table, "%s\t%s\n", p.Key, oneLine(p.Label))
	}
	return table.Flush()
}

// openPeers opens the peers file of the data directory dir and reports its bad lines. This node's own key,
// if it has one yet, is refused.
func (a *app) openPeers(dir string) (*trust.Set, error) {
	var options []trust.Setting
	switch pair, err := identity.Load(filepath.Join(dir, identityFile)); {
	case err == nil:
		options = append(options, trust.WithSelf(pair.PublicKey()))
	case !errors.Is(err, fs.ErrNotExist):
		return nil, err
	}
	set, err := trust.Open(filepath.Join(dir, peersFile), options...)
	if err != nil {
		return nil, err
	}
	for _, problem := range set.Problems() {
		a.say("%s: %v", peersFile, problem)
	}
	return set, nil
}

// trustChanged prints what was done.
func (a *app) trustChanged(p trust.Peer, change string) error {
	if a.json {
		return a.object(newTrustLine(p, change))
	}
	words, name := change, peerName(p.Key.String(), p.Label)
	switch change {
	case changeNone:
		words = "already trusted:"
	case changeRemoved:
		name = wholeName(p.Key.String(), p.Label)
	}
	_, err := fmt.Fprintf(a.out, "%s %s\n", words, name)
	return err
}

func newTrustLine(p trust.Peer, change string) trustLine {
	line := trustLine{PublicKey: p.Key.String(), Label: p.Label, Change: change}
	for _, o := range p.Options {
		if line.Options == nil {
			line.Options = make(map[string][]string)
		}
		line.Options[o.Name] = append(line.Options[o.Name], o.Value)
	}
	return line
}
