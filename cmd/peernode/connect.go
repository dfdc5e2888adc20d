package main

import (
	"fmt"
	"net"
	"strconv"
	"strings"

	"github.com/seed-f6ddb928/peernet-go/cmd/peernode/internal/control"
	"github.com/spf13/cobra"
)

func (a *app) connectCommand() *cobra.Command {
	connect := &cobra.Command{
		Use:   "connect PEER [ADDR]…",
		Short: "Connect the running node to a peer",
		Long: `Connect has the running node connect to a trusted peer, and waits until both ends have accepted, or
says why not; peernode why tells more. ADDR is HOST:PORT, as the other node's peernode run prints it;
without one the addresses that the node knows are tried.

` + peerHelp,
		Example:           "  peernode connect bob 192.168.1.7:41237",
		Args:              cobra.MinimumNArgs(1),
		ValidArgsFunction: a.completePeer,
	}
	timeout := timeoutFlag(connect, control.DefaultTimeout, "how long to try")
	connect.RunE = func(cmd *cobra.Command, args []string) error {
		for _, addr := range args[1:] {
			if err := checkAddress(addr); err != nil {
				return err
			}
		}
		return a.command(func(node control.Backend) error {
			p, err := node.Connect(cmd.Context(), control.ConnectRequest{
				Timeout: control.Within(*timeout), Peer: args[0], Addresses: args[1:],
			})
			if err != nil {
				return err
			}
			return a.connected(p)
		})
	}
	return connect
}

// connected prints the peer that was connected to.
func (a *app) connected(p control.Peer) error {
	if a.json {
		return a.object(p)
	}
	_, err := fmt.Fprintf(a.out, "%s to %s at %s\n", p.State, peerName(p.PublicKey, p.Label), p.Address)
	return err
}

// checkAddress says whether text is HOST:PORT with a port that can be dialled.
func checkAddress(text string) error {
	host, port, err := net.SplitHostPort(text)
	if err == nil && host != "" {
		if n, err := strconv.ParseUint(port, 10, 16); err == nil && n > 0 {
			return nil
		}
	}
	return usage(oneLine(text)+" is not an address", "give it as HOST:PORT, such as 192.168.1.7:41237 or [fe80::1%eth0]:41237")
}

// peerName returns how a person knows the peer with this printed key.
func peerName(key, label string) string {
	begin := key
	if strings.HasPrefix(key, keyPrefix) && len(key) > len(keyPrefix)+minPrefix {
		begin = key[:len(keyPrefix)+minPrefix] + "…"
	}
	if label == "" {
		return begin
	}
	return oneLine(label) + " (" + begin + ")"
}
