package main

import (
	"testing"
	"time"

	"github.com/seed-f6ddb928/peernet-go/internal/test/netns"
)

// slack is what a measured time may exceed its bound by: the tests share a machine, and run many nodes on it.
const slack = 3 * time.Second

// longest is the longest of the bounds.
const longest = 25 * time.Second

// shortSilence is shorter than what a node gives a link up for.
const shortSilence = 5 * time.Second

// A bound is how soon a node does something, by docs/wire.md.
type bound struct {
	what   string
	within time.Duration
}

// The bounds that the tests with real sockets measure.
var (
	// §7.5: who was dialled and did not listen yet is dialled again 0.5 s later, then 1 s.
	meshMade = bound{"nodes that have started are connected", 2 * time.Second}

	// The same, and §7.4: who decides between two that dialled each other waits 1 s for a pong.
	meshSettled = bound{"of two connections to a node one is left", 3 * time.Second}

	// As meshMade: a node dials when it starts.
	startMended = bound{"a node that starts again is connected", 2 * time.Second}

	// §7.4, boot rule: calls go to the newer session at once.
	rebootMended = bound{"a machine that starts again is reached", 2 * time.Second}

	// §7.2: 15 s of silence, and two pings of 5 s without a pong.
	silenceNoticed = bound{"a silent link is given up", longest}

	// §7.3: calls in flight fail when their session ends.
	callFailed = bound{"a call in flight fails once its link is given up", time.Second}

	// §7.5: the dial under way has 5 s, the backoff after a failure or two 1 s.
	silenceMended = bound{"a link that lets packets through again is back", 6 * time.Second}

	// TCP repeats what was lost, at intervals that double.
	silenceBridged = bound{"a call in a short silence is answered", 2 * shortSilence}

	// The system of a process that has ended tells the other ends of its connections.
	deathNoticed = bound{"a killed process is noticed", time.Second}

	// §7.5: a node looks at its machine's addresses every 2 s, and once more 0.5 s later.
	moveNoticed = bound{"a lost address of its own is noticed", 2500 * time.Millisecond}

	// The same, and then it dials without waiting for its backoff, nor for what it dialled before.
	moveMended = bound{"a machine that moved is back", 4 * time.Second}

	// The same, and §7.4: a session that has the same initiator as the one before is used at once.
	moveKnown = bound{"a machine that moved is reached", 4 * time.Second}

	// The same, where the other one dialled the session before, and the node that moved is the arbiter: §7.4 has the first
	// wait 5 s for a pong. A call that was made meanwhile is made again a second later.
	moveDoubted = bound{"a machine that moved is reached by who had dialled it", 8500 * time.Millisecond}

	// As moveMended, where the address is the old one and the cable is in again.
	plugMended = bound{"a machine whose cable is in again is back", 4 * time.Second}

	// §7.5: a TCP connect is given up after 5 s.
	dropNoticed = bound{"a dial that a firewall drops is given up", 5 * time.Second}

	// A system refuses a connection to a port without a listener.
	closedNoticed = bound{"a dial to a closed port fails", time.Second}
)

// check prints how long it took from one moment to another. If that is over the bound the test is late.
func (b bound) check(t *testing.T, who string, from, to time.Time) {
	t.Helper()
	took := to.Sub(from).Round(time.Millisecond)
	t.Logf("%-53s  %-17s %7.3f s of %v", b.what, who, took.Seconds(), b.within)
	if took > b.within+slack {
		netns.Late(t, "%s: %s took %v, at most %v are allowed and %v for a busy machine", who, b.what, took, b.within, slack)
	}
}
