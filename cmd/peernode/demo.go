package main

import (
	"github.com/spf13/cobra"

	"github.com/seed-f6ddb928/peernet-go/cmd/peernode/internal/demo"
)

func demoCommand(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "demo",
		Short: "Show two nodes on this machine meet, talk and part",
		Long: `Demo runs two nodes on this machine, with fresh keys in a temporary directory and real connections over
loopback: they are paired, find each other, connect, call, send and ping, refuse a stranger, lose each
other and stop. One is told where the other is; the other hears that by UDP, as nodes on a network do,
where the system broadcasts on loopback, as Linux does. It says what happens, and fails if any of it does
not. It needs no network, no privileges and no data directory, and leaves nothing behind.`,
		RunE: func(cmd *cobra.Command, _ []string) error { return demo.Run(cmd.Context(), a.out) },
	}
}
