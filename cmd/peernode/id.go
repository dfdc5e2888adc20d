package main

import (
	"fmt"
	"path/filepath"

	"github.com/seed-f6ddb928/peernet-go/identity"
	"github.com/spf13/cobra"
)

// identityLine is what id prints with --json.
type identityLine struct {
	PublicKey string `json:"public_key"`
	File      string `json:"file"`
	Created   bool   `json:"created"`
}

func (a *app) idCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "id",
		Short: "Print this node's public key, made at first use",
		Long: `Id prints the public key by which others know this node. The key pair is made at first use and kept
in identity.pem in the data directory, readable by you alone. Give the public key to whoever should
trust this node: it is no secret.`,
		Args: arguments,
		RunE: func(*cobra.Command, []string) error { return a.id() },
	}
}

func (a *app) id() error {
	dir, err := a.makeDataDir()
	if err != nil {
		return err
	}
	file := filepath.Join(dir, identityFile)
	pair, created, err := identity.LoadOrCreate(file, nil)
	if err != nil {
		return err
	}
	if created {
		a.say("made a new key, kept in %s", file)
	}
	key := pair.PublicKey().String()
	if a.json {
		return a.object(identityLine{PublicKey: key, File: file, Created: created})
	}
	_, err = fmt.Fprintln(a.out, key)
	return err
}
