// Package doctor says what is wrong where a node does not work, from what is known of the machine, of the running node and of a
// test of this network. It asks nobody: package main does, and shows what is found.
//
// All functions are pure, except [Directory], which looks at files.
package doctor

import "fmt"

// A Status says what came of a check.
type Status string

// What a check may come to.
const (
	OK      Status = "ok"
	Problem Status = "problem" // Hint says what mends it
	Skipped Status = "skipped" // Text says why
)

// Checks by name, as docs/peernode.md has them.
const (
	CheckDirectory = "data directory"
	CheckKey       = "key"
	CheckPeers     = "peers file"
	CheckNode      = "node"
	CheckPort      = "port"
	CheckListening = "listening"
	CheckNetwork   = "network"
	CheckBroadcast = "broadcast"
	CheckMulticast = "multicast"
	CheckDiscovery = "discovery"
	CheckClock     = "clock"
	CheckPeer      = "peer"
)

// A Finding is what one check came to: one line for people.
type Finding struct {
	Check  string `json:"check"`
	Status Status `json:"status"`
	Text   string `json:"text"`
	Hint   string `json:"hint,omitempty"` // what to do about a problem, with the command
	Peer   string `json:"peer,omitempty"` // the key that it is about
}

// String returns the finding as a person reads it.
func (f Finding) String() string {
	line := fmt.Sprintf("%-8s %s: %s", f.Status, f.Check, f.Text)
	if f.Hint != "" {
		line += "; " + f.Hint
	}
	return line
}

func ok(check, format string, args ...any) Finding {
	return Finding{Check: check, Status: OK, Text: fmt.Sprintf(format, args...)}
}

func problem(check, hint, format string, args ...any) Finding {
	return Finding{Check: check, Status: Problem, Hint: hint, Text: fmt.Sprintf(format, args...)}
}

// Skip returns the finding of a check that was not made.
func Skip(check, why string) Finding { return Finding{Check: check, Status: Skipped, Text: why} }
