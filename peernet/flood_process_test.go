package peernet_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"os"
	"slices"
	"time"

	"github.com/seed-f6ddb928/peernet-go/identity"
	"github.com/seed-f6ddb928/peernet-go/internal/test/child"
)

// A flood comes from a process of its own, so that what it takes is not counted as the node's: this test binary, run
// with an order in floodVariable.
const floodVariable = "PEERNET_TEST_FLOOD"

// A floodOrder tells a process what to flood, and where it ends: after Total connections, and Within at the latest.
type floodOrder struct {
	Target  netip.AddrPort
	Key     identity.PublicKey
	First   netip.Addr // IPv4; of the addresses that connections come from by turns, Sources from here on
	Sources int
	Rate    int // connections opened in a second
	Total   int
	Within  time.Duration
}

// floodBegun is what the process says first.
type floodBegun struct{}

// A floodReport is what has become of the connections.
type floodReport struct {
	Took      time.Duration // from the first connection to the last; then those that are open are closed
	Connected int
	Ended     int            // by the node
	MostOpen  int            // at one time
	Failed    map[string]int // connections that did not come about, by error
	Talked    map[string]int // the most that the node said to one, in bytes, by name of junk
}

func (r floodReport) String() string {
	s := fmt.Sprintf("%d junk connections in %v, %d ended by the node, at most %d open at once",
		r.Connected, r.Took.Round(time.Millisecond), r.Ended, r.MostOpen)
	for _, reason := range slices.Sorted(maps.Keys(r.Failed)) {
		s += fmt.Sprintf("; %d did not come about: %s", r.Failed[reason], reason)
	}
	return s
}

// carryOut has a process flood, and returns its report. begun is closed when the first connection is due.
func (o floodOrder) carryOut(ctx context.Context, begun chan<- struct{}) (r floodReport, err error) {
	var complaint bytes.Buffer
	c := child.Command(ctx, floodVariable, o)
	c.Stderr = &complaint
	out, err := c.StdoutPipe()
	if err != nil {
		return r, err
	}
	if err := c.Start(); err != nil {
		return r, err
	}
	words := json.NewDecoder(out)
	if err = words.Decode(new(floodBegun)); err == nil {
		close(begun)
		err = words.Decode(&r)
	}
	if err = errors.Join(err, c.Wait()); err != nil {
		return r, fmt.Errorf("%w: %s", err, &complaint)
	}
	return r, nil
}

func init() { child.Run(floodVariable, obey) }

// obey carries an order out, in this process.
func obey(o floodOrder) error {
	say := json.NewEncoder(os.Stdout)
	f, err := newFlood(o)
	if err != nil {
		return err
	}
	if err := say.Encode(floodBegun{}); err != nil {
		return err
	}
	f.run()
	return say.Encode(f.report)
}
