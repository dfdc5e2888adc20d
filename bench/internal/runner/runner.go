// Package runner holds what is measured: this node, what a user would pick instead, and the floors. Each is one file. The two
// ends of a runner meet through an Endpoint alone, so that they may be in one process or in two.
package runner

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"time"

	"github.com/seed-f6ddb928/peernet-go/bench/internal/measure"
)

// An Endpoint is where a responder listens and what an initiator needs to prove itself to it. It travels between the two
// processes of a runner, on a pipe.
type Endpoint struct {
	Address string // host:port, on loopback
	Secrets json.RawMessage
}

// A Runner is one way to call and be called.
type Runner struct {
	Name  string // as flags say it
	Title string // as tables say it

	// Serve starts a responder on loopback that echoes.
	Serve func() (at Endpoint, stop func(), err error)

	// Dial connects to a responder and returns when a call has come back.
	Dial func(at Endpoint) (measure.Client, error)

	// Streams says that what Dial returns is a measure.Streamer.
	Streams bool

	// Direct says that Dial must go to where the responder listens, with nothing between.
	Direct bool

	// Grow measures what only this node has, at a size that the case says; nil for the others.
	Grow func(c measure.Case, d time.Duration) (measure.Figures, error)

	// Open makes what opens that many sessions in this process; nil if sessions of this runner cannot be told apart.
	Open func(sessions int) (measure.Opener, error)
}

// Floor is what the others are compared with, and Node is what bars are for.
var (
	Floor = encryptedFloor
	Node  = thisNode
)

// All are the runners in the order of tables.
var All = []Runner{
	encryptedFloor,
	tcpFloor,
	thisNode,
	netRPC,
	grpcGo,
	libp2pCalls,
	libp2pStream,
	natsRequests,
	protoActor,
}

// Find returns the runner of that name.
func Find(name string) (Runner, error) {
	for _, r := range All {
		if r.Name == name {
			return r, nil
		}
	}
	return Runner{}, fmt.Errorf("there is no runner %q", name)
}

// Can reports whether a case can be measured for r.
func (r Runner) Can(c measure.Case) bool {
	switch c.Measure {
	case measure.SessionsName, measure.SpreadName:
		return r.Open != nil
	case measure.StreamsName:
		return r.Streams
	case measure.LineName:
		return !r.Direct
	case measure.GrowthName, measure.MeshName, measure.MeetName:
		return r.Grow != nil
	}
	return true
}

// newEndpoint makes an endpoint with secrets as JSON.
func newEndpoint(address string, secrets any) (Endpoint, error) {
	b, err := json.Marshal(secrets)
	return Endpoint{address, b}, err
}

// newSeed makes the 32 bytes of a private key.
func newSeed() []byte {
	b := make([]byte, 32)
	rand.Read(b)
	return b
}

// checkLength fails unless the reply to payload has its length.
func checkLength(payload, reply []byte) error {
	if len(reply) != len(payload) {
		return fmt.Errorf("a reply of %d bytes to a call of %d", len(reply), len(payload))
	}
	return nil
}

// proven returns c after its first call, which proves that both ends are ready. It closes c if the call fails.
func proven(c measure.Client) (measure.Client, error) {
	if err := c.Call(make([]byte, 1)); err != nil {
		c.Close()
		return nil, err
	}
	return c, nil
}
