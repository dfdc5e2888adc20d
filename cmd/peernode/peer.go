package main

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/seed-f6ddb928/peernet-go/trust"
	"github.com/spf13/cobra"
)

// Every printed key begins with keyPrefix. At least minPrefix characters more must be given of a key that is
// not given whole: 8 characters are 40 bits.
const (
	keyPrefix = "pnet1"
	minPrefix = 8
)

// errAmbiguousPrefix: several trusted keys begin like this.
var errAmbiguousPrefix = errors.New("several trusted keys begin like this")

// peerHelp says in help texts how a peer is named.
const peerHelp = `PEER is a trusted peer's label, its key, or the beginning of its key: pnet1 and at least 8 characters.`

// findPeer returns the peer of set that text names.
func findPeer(set *trust.Set, text string) (trust.Peer, error) {
	p, err := set.Find(text)
	if err == nil {
		return p, nil
	}
	return orByPrefix(set.List(), text, err)
}

// orByPrefix returns the one of peers whose printed key begins with text, or err if there is none.
func orByPrefix(peers []trust.Peer, text string, err error) (trust.Peer, error) {
	switch p, found, prefixErr := byPrefix(peers, text); {
	case prefixErr != nil:
		return trust.Peer{}, prefixErr
	case found:
		return p, nil
	}
	return trust.Peer{}, err
}

// byPrefix returns the one of peers whose printed key begins with text. The … that shortened keys are shown
// with may be there still.
func byPrefix(peers []trust.Peer, text string) (p trust.Peer, found bool, err error) {
	begin := strings.ToLower(strings.TrimSuffix(text, "…"))
	if !strings.HasPrefix(begin, keyPrefix) || len(begin) < len(keyPrefix)+minPrefix {
		return trust.Peer{}, false, nil
	}
	for _, candidate := range peers {
		if !strings.HasPrefix(candidate.Key.String(), begin) {
			continue
		}
		if found {
			return trust.Peer{}, false, fmt.Errorf("%s: %w", oneLine(text), errAmbiguousPrefix)
		}
		p, found = candidate, true
	}
	return p, found, nil
}

// completePeer offers the labels of the trusted peers, and the beginnings of the keys that have none, to the
// shell's completion of the first argument.
func (a *app) completePeer(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	dir, err := a.dataDir()
	if err != nil {
		return nil, cobra.ShellCompDirectiveError
	}
	set, err := trust.Open(filepath.Join(dir, peersFile))
	if err != nil {
		return nil, cobra.ShellCompDirectiveError
	}
	var names []string
	for _, p := range set.List() {
		names = append(names, orElse(p.Label, keyPrefix+p.Key.Fingerprint()))
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}
