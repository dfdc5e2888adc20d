package main

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/seed-f6ddb928/peernet-go/cmd/peernode/internal/datadir"
	"github.com/seed-f6ddb928/peernet-go/cmd/peernode/internal/failure"
	"github.com/seed-f6ddb928/peernet-go/cmd/peernode/internal/output"
	"github.com/seed-f6ddb928/peernet-go/cmd/peernode/internal/text"
	"github.com/seed-f6ddb928/peernet-go/cmd/peernode/internal/usage"
	"github.com/seed-f6ddb928/peernet-go/identity"
	"github.com/seed-f6ddb928/peernet-go/trust"
)

// trustLine is what the trust commands print with --json.
type trustLine struct {
	PublicKey string              `json:"public_key"`
	Label     string              `json:"label,omitempty"`
	Options   map[string][]string `json:"options,omitempty"`
	Change    string              `json:"change,omitempty"` // added, updated, unchanged, removed; list has none
}

func trustCommand(a *app) *cobra.Command {
	var label string
	var addresses []string
	put := func(use, short, example string, isCard bool, find func(set *trust.Set, given string) (trust.Peer, error)) *cobra.Command {
		cmd := &cobra.Command{Use: use, Short: short, Example: example}
		cmd.RunE = func(cmd *cobra.Command, args []string) error {
			for _, address := range addresses {
				if _, err := usage.CheckDial("--addr", address); err != nil && address != "" {
					return err
				}
			}
			set, err := a.editPeers()
			if err != nil {
				return err
			}
			peer, err := find(set, args[0])
			if err != nil {
				return err
			}
			dials, readdress := addresses, cmd.Flags().Changed("addr")
			if own := peer.Option(trust.OptionAddr); !readdress && isCard && len(own) > 0 {
				dials, readdress = own, true
			}
			named := trust.Peer{Key: peer.Key, Label: label}
			if isCard && !cmd.Flags().Changed("label") {
				named.Label = peer.Label
			}
			return a.trustPut(set, named, dials, readdress)
		}
		cmd.Flags().StringVar(&label, "label", "", "the `NAME` to call the peer by; without it a key that is trusted keeps its own")
		cmd.Flags().StringArrayVar(&addresses, "addr", nil, "a `HOST:PORT` to dial the peer at, in place of those it has; may be repeated, empty for none")
		return cmd
	}
	add := put("add KEY", "Trust a key, or give a trusted key another label or other addresses",
		"  peernode trust add pnet1… --label bob --addr bob.example:7100\n  peernode trust add 'peernet:pnet1…?label=bob&addr=bob.example:7100'", true, parseKey)
	add.Long = `Add trusts a key. KEY may be a card too, as peernode id --qr prints it: then the peer gets the label and the
addresses that stand there, unless flags say otherwise. A label on a card is what its owner chose: look at it.`
	set := put("set PEER", "Give a trusted key another label or other addresses",
		"  peernode trust set bob --label robert --addr 192.0.2.7:7100", false, findPeer)
	list := &cobra.Command{
		Use:   "list",
		Short: "List the trusted keys",
		RunE:  func(*cobra.Command, []string) error { return a.trustList() },
	}
	remove := &cobra.Command{
		Use:     "remove PEER",
		Aliases: []string{"rm"},
		Short:   "Trust a key no longer",
		RunE:    func(_ *cobra.Command, args []string) error { return a.trustRemove(args[0]) },
	}
	cmd := &cobra.Command{
		Use:   "trust",
		Short: "Say whose keys may connect",
		Long: `Trust edits the file of trusted peers in the data directory. A connection exists only between nodes
that trust each other. A running node notices every change, also one made with an editor: a key that is
added may connect at once, the connection to one that is removed is closed.

The file has one peer per line: KEY [OPTION=VALUE]… [LABEL]. Lines that begin with # are kept.`,
		Args: cobra.ArbitraryArgs,
		RunE: func(_ *cobra.Command, args []string) error {
			problem := "trust needs to be told what to do"
			if len(args) > 0 {
				problem = "trust does not know " + text.OneLine(args[0])
			}
			return failure.Usage(problem, "use trust add KEY, trust set PEER, trust list or trust remove PEER")
		},
	}
	cmd.AddCommand(add, set, list, remove)
	cmd.AddCommand(a.knockCommands()...)
	return cmd
}

// parseKey returns the peer whose key or card a person has given as text.
func parseKey(_ *trust.Set, given string) (trust.Peer, error) {
	peer, err := trust.ParseCard(given)
	if err != nil {
		err = failure.UsageOf(fmt.Errorf("%s is not a key: %w", text.OneLine(given), err),
			"the other node's key is what peernode id prints there, and its card what peernode id --qr prints")
	}
	return peer, err
}

// findPeer returns the peer of the set that given names by its label, its key or the beginning of its key.
func findPeer(set *trust.Set, given string) (trust.Peer, error) {
	peer, err := set.Find(given)
	if err != nil {
		return text.FindPrefix(set.List(), given, err)
	}
	return peer, nil
}

// trustPut puts the peer into the set, or changes its label if it is trusted. If readdress is true, the addresses replace
// those that it has.
func (a *app) trustPut(set *trust.Set, peer trust.Peer, addresses []string, readdress bool) error {
	if _, err := a.dir.Make(); err != nil {
		return err
	}
	before, trusted := set.Get(peer.Key)
	if peer.Label != before.Label {
		if err := usage.CheckLabel(peer.Label); err != nil {
			return err
		}
	}
	if readdress {
		peer.Options = []trust.Option{} // not nil, which would keep those it has
		for _, o := range before.Options {
			if o.Name != trust.OptionAddr {
				peer.Options = append(peer.Options, o)
			}
		}
		for _, address := range addresses {
			if address != "" {
				peer.Options = append(peer.Options, trust.Option{Name: trust.OptionAddr, Value: address})
			}
		}
	}
	if err := set.Add(peer); err != nil {
		return err
	}
	peer, _ = set.Get(peer.Key)
	name := text.PeerName(peer.Key.String(), peer.Label)
	switch {
	case !trusted:
		return a.out.Print(newTrustLine(peer, "added"), "added %s", name)
	case peer.String() != before.String():
		return a.out.Print(newTrustLine(peer, "updated"), "updated %s", name)
	}
	return a.out.Print(newTrustLine(peer, "unchanged"), "already trusted: %s", name)
}

// trustRemove removes a key from the peers file.
func (a *app) trustRemove(given string) error {
	set, err := a.editPeers()
	if err != nil {
		return err
	}
	peer, err := findPeer(set, given)
	if key, keyErr := identity.ParsePublicKey(given); err != nil && keyErr == nil {
		peer, err = trust.Peer{Key: key}, nil // its line may be bad in another way
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
	return a.out.Print(newTrustLine(peer, "removed"), "removed %s", text.WholeName(peer.Key.String(), peer.Label))
}

// trustList lists the trusted keys.
func (a *app) trustList() error {
	set, err := a.editPeers()
	if err != nil {
		return err
	}
	var lines []trustLine
	for _, p := range set.List() {
		lines = append(lines, newTrustLine(p, ""))
	}
	return output.List(a.out, lines, nil, func(l trustLine) []string {
		cells := []string{l.PublicKey, text.OneLine(l.Label)}
		if addresses := l.Options[trust.OptionAddr]; len(addresses) > 0 {
			cells = append(cells, strings.Join(addresses, ", "))
		}
		return cells
	})
}

// editPeers opens the peers file to change it, and reports its bad lines. The set refuses this node's own key, if there is
// one yet.
func (a *app) editPeers() (*trust.Set, error) {
	dir, err := a.dir.Path()
	if err != nil {
		return nil, err
	}
	var settings []trust.Setting
	switch pair, err := identity.Load(filepath.Join(dir, datadir.IdentityFile)); {
	case err == nil:
		settings = append(settings, trust.WithSelf(pair.PublicKey()))
	case !errors.Is(err, fs.ErrNotExist):
		return nil, err
	}
	_, set, err := a.openPeers(settings...)
	if err != nil {
		return nil, err
	}
	a.sayProblems(set)
	return set, nil
}

func newTrustLine(p trust.Peer, change string) trustLine {
	line := trustLine{PublicKey: p.Key.String(), Label: p.Label, Options: make(map[string][]string), Change: change}
	for _, o := range p.Options {
		line.Options[o.Name] = append(line.Options[o.Name], o.Value)
	}
	return line
}
