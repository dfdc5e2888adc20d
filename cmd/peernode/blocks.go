package main

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/seed-f6ddb928/peernet-go/cmd/peernode/internal/control"
	"github.com/seed-f6ddb928/peernet-go/cmd/peernode/internal/datadir"
	"github.com/seed-f6ddb928/peernet-go/cmd/peernode/internal/failure"
	"github.com/seed-f6ddb928/peernet-go/cmd/peernode/internal/text"
	"github.com/seed-f6ddb928/peernet-go/identity"
	"github.com/seed-f6ddb928/peernet-go/trust"
)

// A keyEditor changes the blocks of a data directory on which no node runs. given names a key.
type keyEditor func(a *app, blocks *trust.Blocks, given string) (control.KeyChange, error)

// orFile returns run, and in place of its error that no node runs what edit does with the file of blocks. No node starts meanwhile.
func (a *app) orFile(run func(*cobra.Command, []string) error, edit keyEditor) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error {
		err := run(cmd, args)
		if !errors.Is(err, control.ErrNoNode) {
			return err
		}
		blocks, dir, openErr := a.openBlocks()
		switch {
		case errors.Is(openErr, fs.ErrNotExist):
			return err
		case openErr != nil:
			return openErr
		}
		lock, lockErr := control.Acquire(dir)
		if lockErr != nil {
			return lockErr
		}
		defer lock.Release()
		change, err := edit(a, blocks, args[0])
		if err != nil {
			return err
		}
		return a.keyChanged(change)
	}
}

// openBlocks opens the blocks of the data directory, and returns its path. The error is fs.ErrNotExist if there is no directory.
func (a *app) openBlocks() (*trust.Blocks, string, error) {
	dir, err := a.dir.Path()
	if err != nil {
		return nil, "", err
	}
	if _, err := filepath.EvalSymlinks(dir); err != nil {
		return nil, "", err
	}
	blocks, err := trust.OpenBlocks(filepath.Join(dir, datadir.BlocksFile))
	return blocks, dir, err
}

// blockInFile returns what blocks a key for a time.
func blockInFile(long *time.Duration) keyEditor {
	return func(a *app, blocks *trust.Blocks, given string) (control.KeyChange, error) {
		peer, err := a.keyToBlock(given)
		if err != nil {
			return control.KeyChange{}, err
		}
		now := time.Now()
		err = blocks.Block(trust.Block{Key: peer.Key, Until: now.Add(*long)}, now)
		return control.KeyChange{PublicKey: peer.Key.String(), Label: peer.Label, Change: "blocked", Until: blocks.Until(peer.Key)}, err
	}
}

// unblockInFile ends the block of a key.
func unblockInFile(a *app, blocks *trust.Blocks, given string) (control.KeyChange, error) {
	peer, err := a.keyToBlock(given)
	if err != nil {
		return control.KeyChange{}, err
	}
	was, err := blocks.Unblock(peer.Key, time.Now())
	change := control.KeyChange{PublicKey: peer.Key.String(), Label: peer.Label, Change: "unblocked"}
	if !was {
		change.Change = "unchanged"
	}
	return change, err
}

// keyToBlock returns the key that given names without a node: a whole key, trusted or not, or a trusted peer.
func (a *app) keyToBlock(given string) (trust.Peer, error) {
	if text.IsNumber(given) {
		return trust.Peer{}, failure.WithAdvice(fmt.Errorf("%w: %s is the number of a knock", control.ErrNoNode, given),
			"only a running node knows who has knocked: start it with: peernode run; or give a key")
	}
	set, err := a.editPeers()
	if err != nil {
		return trust.Peer{}, err
	}
	key, err := identity.ParsePublicKey(given)
	switch {
	case err != nil:
		return findPeer(set, given)
	case set.IsSelf(key):
		return trust.Peer{}, trust.ErrSelf
	}
	peer, _ := set.Get(key)
	peer.Key = key
	return peer, nil
}

// listBlocks prints the keys that a data directory without a node blocks.
func (a *app) listBlocks() error {
	blocks, _, err := a.openBlocks()
	if err != nil {
		return err
	}
	_, set, err := a.openPeers()
	if err != nil {
		return err
	}
	answer := control.Blocked{Blocked: []control.Block{}}
	for _, b := range blocks.List(time.Now()) {
		answer.Blocked = append(answer.Blocked, control.Block{PublicKey: b.Key.String(), Label: set.Label(b.Key), Until: b.Until})
	}
	return a.blocked(answer)
}
