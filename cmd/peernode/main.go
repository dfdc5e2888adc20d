// Peernode runs a node and commands it: who it is, whom it trusts, who is connected, calls and messages.
//
// Results go to standard output, everything else to standard error. See `peernode --help`.
package main

import (
	"os"

	"github.com/spf13/cobra"
)

func main() { os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr)) }

// subcommands has all subcommands. To add one:
//
//   - write a file with a function like these, and add the function here;
//   - if it asks something of a running node, declare the operation in internal/control/operation.go, implement it in
//     internal/backend, and add it to Backend.Serve;
//   - add a row to docs/peernode.md.
var subcommands = []func(*app) *cobra.Command{
	demoCommand,
	idCommand,
	trustCommand,
	pairCommand,
	runCommand,
	statusCommand,
	listenCommand,
	interfacesCommand,
	peersCommand,
	discoverCommand,
	connectCommand,
	waitCommand,
	whyCommand,
	doctorCommand,
	callCommand,
	sendCommand,
	pingCommand,
	exposeCommand,
	forwardCommand,
	pipeCommand,
}
