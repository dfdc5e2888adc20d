package main

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/seed-f6ddb928/peernet-go/trust"
	"github.com/spf13/cobra"
)

// Every printed key begins with keyPrefix and has keyLength characters. At least minPrefix characters more must be
// given of a key that is not given whole: 8 characters are 40 bits.
const (
	keyPrefix = "pnet1"
	keyLength = 63
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

// orByPrefix returns the one of peers whose printed key begins with text, or err if text is not the beginning of a key.
func orByPrefix(peers []trust.Peer, text string, err error) (trust.Peer, error) {
	begin, ok := beginning(text)
	if !ok {
		return trust.Peer{}, err
	}
	p, found, err := byPrefix(peers, begin)
	if err == nil && !found {
		err = fmt.Errorf("%w: no trusted key begins with %s", trust.ErrNotFound, begin)
	}
	return p, err
}

// beginning returns the text that a key begins with, and whether text is that: more than a few characters, and not a
// whole key. The … that shortened keys are shown with may be there still.
func beginning(text string) (begin string, ok bool) {
	begin = strings.ToLower(strings.TrimSuffix(text, "…"))
	ok = strings.HasPrefix(begin, keyPrefix) && len(begin) >= len(keyPrefix)+minPrefix && len(begin) < keyLength
	return begin, ok
}

// byPrefix returns the one of peers whose printed key has this beginning.
func byPrefix(peers []trust.Peer, begin string) (p trust.Peer, found bool, err error) {
	for _, candidate := range peers {
		if !strings.HasPrefix(candidate.Key.String(), begin) {
			continue
		}
		if found {
			return trust.Peer{}, false, fmt.Errorf("%s: %w", begin, errAmbiguousPrefix)
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
		names = append(names, orElse(p.Label, strings.TrimSuffix(p.Key.Short(), "…")))
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}
