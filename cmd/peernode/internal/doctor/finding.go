// Package doctor finds out why a node does not work, from facts about the machine, the running node and this network. Package main
// collects the facts and prints the findings.
//
// All functions are pure, except [Directory], which looks at files.
package doctor

import "fmt"

// A Status is the verdict of a check.
type Status string

// The verdicts of a check.
const (
	OK      Status = "ok"
	Problem Status = "problem" // Advice says what mends it
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

// A Finding is the verdict of one check, with its reason: one line for people.
type Finding struct {
	Check  string `json:"check"`
	Status Status `json:"status"`
	Text   string `json:"text"`
	Advice string `json:"hint,omitempty"` // what to do about a problem, with the command
	Peer   string `json:"peer,omitempty"` // the key of the peer that it is about
}

// String returns the finding as a person reads it.
func (f Finding) String() string {
	line := fmt.Sprintf("%-8s %s: %s", f.Status, f.Check, f.Text)
	if f.Advice != "" {
		line += "; " + f.Advice
	}
	return line
}

func ok(check, format string, args ...any) Finding {
	return Finding{Check: check, Status: OK, Text: fmt.Sprintf(format, args...)}
}

func problem(check, advice, format string, args ...any) Finding {
	return Finding{Check: check, Status: Problem, Advice: advice, Text: fmt.Sprintf(format, args...)}
}

// Skip returns the finding of a check that was not made.
func Skip(check, why string) Finding { return Finding{Check: check, Status: Skipped, Text: why} }
