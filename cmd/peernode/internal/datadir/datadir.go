// Package datadir is the directory in which a node keeps its key, the list of its peers and its control socket.
package datadir

import (
	"cmp"
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/seed-f6ddb928/peernet-go/cmd/peernode/internal/failure"
	"github.com/seed-f6ddb928/peernet-go/cmd/peernode/internal/text"
)

// Variable names the environment variable that says where the data directory is.
const Variable = "PEERNODE_DATA_DIR"

// Files of a node in its data directory, as package peernet keeps them.
const (
	IdentityFile = "identity.pem"
	PeersFile    = "peers"
	BlocksFile   = "blocked"
)

// advice says what to do if it is not clear where the data directory is.
const advice = "say where the node keeps its files with --data-dir"

// A Dir is a data directory as --data-dir names it; empty is the usual one.
type Dir string

// Path returns the absolute path of the data directory, which may not exist. A ~ at its beginning is a home directory, as
// in a shell: shells leave the ~ in --data-dir=~/x and in quotes as it is. $HOME is one too, for
// files of variables.
func (d Dir) Path() (string, error) {
	dir, err := text.Tidy(cmp.Or(string(d), os.Getenv(Variable)))
	if err != nil {
		return "", failure.UsageOf(fmt.Errorf("the data directory: %w", err), advice)
	}
	base := ""
	switch name, below, _ := strings.Cut(filepath.ToSlash(dir), "/"); {
	case dir == "":
		base, err = os.UserConfigDir()
		dir = "peernode"
	case name == "~", name == "$HOME", name == "${HOME}":
		base, err = os.UserHomeDir()
		dir = below
	case strings.HasPrefix(name, "~"):
		var u *user.User
		if u, err = user.Lookup(name[1:]); err == nil {
			base, dir = u.HomeDir, below
		}
	}
	if err != nil {
		return "", failure.UsageOf(err, advice)
	}
	return filepath.Abs(filepath.Join(base, dir))
}

// Make returns the path of the data directory, and makes the directory if it does not exist, for this user alone. It refuses
// a directory that others may write to: they would decide who the node is, and whom it trusts.
func (d Dir) Make() (string, error) {
	dir, err := d.Path()
	if err != nil {
		return "", err
	}
	if path, info := nearest(dir); path != dir && info != nil && os.Geteuid() == 0 {
		if owner := otherOwner(info); owner != "" { // who could not use what root makes
			return "", failure.WithAdvice(fmt.Errorf("%s belongs to %s, and the data directory would belong to root", path, owner),
				"run this command as its owner, with sudo -u "+owner)
		}
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", fmt.Errorf("making the data directory: %w", err)
	}
	info, err := os.Stat(dir)
	if err != nil {
		return "", fmt.Errorf("looking at the data directory: %w", err)
	}
	if runtime.GOOS != "windows" && info.Mode().Perm()&0o022 != 0 {
		return "", failure.WithAdvice(fmt.Errorf("others may write to the data directory %s", dir),
			"take that from them with: chmod go-w "+text.ShellWord(dir))
	}
	return dir, nil
}
