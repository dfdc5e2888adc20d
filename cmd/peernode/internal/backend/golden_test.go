package backend

import (
	"bytes"
	"errors"
	"flag"
	"net/netip"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/seed-f6ddb928/peernet-go/cmd/peernode/internal/text"
	"github.com/seed-f6ddb928/peernet-go/discovery"
	"github.com/seed-f6ddb928/peernet-go/discovery/mdns"
	"github.com/seed-f6ddb928/peernet-go/peernet"
)

var update = flag.Bool("update", false, "write the golden file")

// TestAnswersAsPrinted compares the JSON of answers with testdata/answers.golden: programs read its names and units.
func TestAnswersAsPrinted(t *testing.T) {
	at := time.Date(2026, 11, 21, 21, 0, 0, 123_456_789, time.FixedZone("", 3600))
	later := at.Add(90 * time.Second)
	addr := netip.MustParseAddrPort("192.168.1.7:41237")
	bob := peernet.PeerInfo{
		Key: testKey(t, bobKey), Label: "bob", Name: "Bob's", State: peernet.StateConnected, Since: at, Reason: "dialled",
		Addr: addr, Role: "initiator", RTT: 1_234_567 * time.Nanosecond, LastHeard: later,
		Addresses: []peernet.Address{{Addr: addr, Source: "udp", LastSeen: at, LastResult: "connected"}, {Addr: addr}},
	}
	calls := peernet.CallStats{InFlight: 1, OK: 2, Errors: map[string]uint64{"failed": 3, "bad_args": 4}, Lost: 5, Abandoned: 6}
	traffic := peernet.Traffic{
		CallsIn: calls, CallsOut: peernet.CallStats{}, Refused: 7, SendsIn: 8, SendsOut: 9, Dropped: 10, Unhandled: 11,
		BytesIn: 12, BytesOut: 13, FramesIn: 14, FramesOut: 15, QueuedIn: 16, QueuedOut: 17, StreamBytes: 23, StreamsIgnored: 24,
		Sessions: 18, SessionsMade: 19, SessionsEnded: map[string]uint64{"shutdown": 20}, Dials: 21, DialsFailed: 22,
	}
	why := newWhy(peernet.Explanation{
		Peer: peernet.PeerInfo{Key: bob.Key, Label: "bob", State: peernet.StateBackingOff, Since: at, Reason: "it is away"}, Next: later, Advice: "wait",
		History: []peernet.Step{
			{At: at, State: peernet.StateFound, Addr: addr, Source: "mdns"},
			{At: at, Last: later, Times: 3, State: peernet.StateBackingOff, Addr: addr, Reason: "it is away"},
		},
	})
	why.Sentences = []string{"peernet's"}
	var got bytes.Buffer
	for _, answer := range []any{
		newPeer(bob),
		newPeer(peernet.PeerInfo{Key: testKey(t, carolKey), State: peernet.StateUnknown}),
		why,
		newProvider(peernet.ProviderStatus{
			Name: "mdns", State: peernet.ProviderFailed, Since: at, Next: later, Sightings: 1, Dropped: 2, Counts: map[string]uint64{"received": 3},
			Err:      &mdns.NetworkError{Doing: "use the network", Err: mdns.ErrNoInterface},
			Problems: []discovery.Problem{{Interface: "eth0", Doing: "send over IPv4", Err: errors.New("not permitted"), Since: at}},
		}),
		newProvider(peernet.ProviderStatus{Name: "udp", State: peernet.ProviderRunning}),
		newTraffic(traffic),
	} {
		line, err := text.JSON(answer)
		if err != nil {
			t.Fatal(err)
		}
		got.Write(append(line, '\n'))
	}
	file := filepath.Join("testdata", "answers.golden")
	if *update {
		if err := os.WriteFile(file, got.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got.Bytes(), want) {
		t.Errorf("got:\n%s\nwant:\n%s", got.Bytes(), want)
	}
}
