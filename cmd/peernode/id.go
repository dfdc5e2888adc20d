package main

import (
	"context"
	"net/netip"
	"path/filepath"
	"strings"

	qrcode "github.com/skip2/go-qrcode"
	"github.com/spf13/cobra"

	"github.com/seed-f6ddb928/peernet-go/cmd/peernode/internal/control"
	"github.com/seed-f6ddb928/peernet-go/cmd/peernode/internal/datadir"
	"github.com/seed-f6ddb928/peernet-go/cmd/peernode/internal/failure"
	"github.com/seed-f6ddb928/peernet-go/cmd/peernode/internal/usage"
	"github.com/seed-f6ddb928/peernet-go/identity"
	"github.com/seed-f6ddb928/peernet-go/trust"
)

// identityLine is what id prints with --json.
type identityLine struct {
	PublicKey string `json:"public_key"`
	File      string `json:"file"`
	Created   bool   `json:"created"`
	Card      string `json:"card,omitempty"` // with --qr
}

// A cardMaker is the flags of id that make a card.
type cardMaker struct {
	*app
	draw, light bool
	label       string
	addresses   []string
}

func idCommand(a *app) *cobra.Command {
	m := &cardMaker{app: a}
	cmd := &cobra.Command{
		Use:   "id",
		Short: "Print this node's public key, made at first use",
		Long: `Id prints the public key by which others know this node. The key pair is made at first use and kept
in identity.pem in the data directory, readable by you alone. Give the public key to everybody who
should trust this node: it is no secret.

With --qr it draws a card, to be read by the camera of a phone or another program, and prints the card as text beneath:
the key, the label that you suggest, and the addresses where the node can be dialled. Those are what --addr says, or
else those of the node that runs here. peernode trust add takes the text.`,
		Example: `  peernode id
  peernode id --qr --label 'Ada at work' --addr ada.example:7100`,
		RunE: func(cmd *cobra.Command, _ []string) error { return m.id(cmd.Context()) },
	}
	flags := cmd.Flags()
	flags.BoolVar(&m.draw, "qr", false, "draw the card of this node as a QR code, and print the card")
	flags.BoolVar(&m.light, "light", false, "draw it for a terminal with a light background")
	flags.StringVar(&m.label, "label", "", "the label on the card: the `NAME` to call this node by")
	flags.StringArrayVar(&m.addresses, "addr", nil, "an address on the card: `HOST:PORT` where others can dial this node; may be repeated, empty for none")
	return cmd
}

func (m *cardMaker) id(ctx context.Context) error {
	for _, address := range m.addresses {
		if _, err := usage.CheckDial("--addr", address); err != nil && address != "" {
			return err
		}
	}
	if !m.draw && (m.light || m.label != "" || len(m.addresses) > 0) {
		return failure.Usage("id: --label, --addr and --light are for the card of --qr", "give --qr too")
	}
	dir, err := m.dir.Make()
	if err != nil {
		return err
	}
	file := filepath.Join(dir, datadir.IdentityFile)
	pair, created, err := identity.LoadOrCreate(file, nil)
	if err != nil {
		return err
	}
	if created {
		m.say("made a new key, kept in %s", file)
	}
	key := pair.PublicKey()
	line := identityLine{PublicKey: key.String(), File: file, Created: created}
	if !m.draw {
		return m.out.Print(line, "%s", line.PublicKey)
	}
	peer := trust.Peer{Key: key, Label: m.label}
	for _, address := range m.cardAddresses(ctx, dir) {
		peer.Options = append(peer.Options, trust.Option{Name: trust.OptionAddr, Value: address})
	}
	line.Card = peer.Card()
	if _, err := trust.ParseCard(line.Card); err != nil { // the label
		return err
	}
	code, err := qrcode.New(line.Card, qrcode.Low)
	if err != nil {
		return err
	}
	return m.out.Print(line, "%s%s", code.ToSmallString(m.light), line.Card)
}

// maxCardAddresses bounds the addresses of a running node on its card: each makes the QR code larger.
const maxCardAddresses = 3

// cardAddresses returns the addresses on the card: those of the flags, or those of the node that runs here which lead to it
// from other machines.
func (m *cardMaker) cardAddresses(ctx context.Context, dir string) (list []string) {
	if len(m.addresses) > 0 {
		for _, address := range m.addresses {
			if address != "" {
				list = append(list, strings.TrimSpace(address))
			}
		}
		return list
	}
	node, err := control.GetNode.Ask(ctx, control.NewClient(dir), control.Request{})
	if err != nil {
		return nil // none runs
	}
	for _, address := range node.Addresses {
		at, err := netip.ParseAddrPort(address)
		if err == nil && !at.Addr().IsLoopback() && !at.Addr().IsLinkLocalUnicast() && len(list) < maxCardAddresses {
			list = append(list, address)
		}
	}
	return list
}
