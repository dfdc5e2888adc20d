package main

import (
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/seed-f6ddb928/peernet-go/cmd/peernode/internal/datadir"
	"github.com/seed-f6ddb928/peernet-go/identity"
)

// identityLine is what id prints with --json.
type identityLine struct {
	PublicKey string `json:"public_key"`
	File      string `json:"file"`
	Created   bool   `json:"created"`
}

func idCommand(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "id",
		Short: "Print this node's public key, made at first use",
		Long: `Id prints the public key by which others know this node. The key pair is made at first use and kept
in identity.pem in the data directory, readable by you alone. Give the public key to everybody who
should trust this node: it is no secret.`,
		RunE: func(*cobra.Command, []string) error { return a.id() },
	}
}

func (a *app) id() error {
	dir, err := a.dir.Make()
	if err != nil {
		return err
	}
	file := filepath.Join(dir, datadir.IdentityFile)
	pair, created, err := identity.LoadOrCreate(file, nil)
	if err != nil {
		return err
	}
	if created {
		a.say("made a new key, kept in %s", file)
	}
	key := pair.PublicKey().String()
	return a.out.Print(identityLine{PublicKey: key, File: file, Created: created}, "%s", key)
}
