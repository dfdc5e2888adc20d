// Peernode runs a node and commands it: who it is, whom it trusts, who is connected, calls and messages.
//
// Results go to standard output, everything else to standard error. See `peernode --help`.
package main

import "os"

func main() { os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr)) }
