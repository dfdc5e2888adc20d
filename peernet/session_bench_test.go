package peernet_test

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/seed-f6ddb928/peernet-go/peernet"
)

// A link is two nodes of a mesh: one dials the other.
type link struct{ from, to *peernet.Node }

// nodeOpener makes sessions between the nodes of a mesh that are paired already, so that a session costs what it
// adds to its nodes. It holds enough pairs for that many sessions at once.
func nodeOpener(tb testing.TB, sessions int) opener {
	tb.Helper()
	system := actor.NewActorSystem(actor.WithLoggerFactory(func(*actor.ActorSystem) *slog.Logger { return slog.New(slog.DiscardHandler) }))
	var nodes []*peernet.Node
	free := make(chan link, sessions)
	for len(free) < sessions {
		n, err := peernet.New(peernet.Config{System: system})
		if err != nil {
			tb.Fatal(err)
		}
		if err := n.Start(tb.Context()); err != nil {
			tb.Fatal(err)
		}
		for _, other := range nodes {
			if len(free) == sessions {
				break
			}
			pair(tb, n, other)
			free <- link{n, other}
		}
		nodes = append(nodes, n)
	}
	return opener{
		name: "peernet",
		open: func() (func(), error) {
			l := <-free
			ctx, cancel := context.WithTimeout(context.Background(), patience)
			defer cancel()
			if err := l.from.Connect(ctx, l.to.PublicKey(), l.to.Addrs()[0].String()); err != nil {
				return nil, err
			}
			// The responder counts the session as up when the first frame has come: wait for that too.
			for {
				if info, _ := l.to.Peer(l.from.PublicKey()); info.State == peernet.StateConnected {
					break
				}
				if _, err := l.from.Ping(ctx, l.to.PublicKey()); err != nil {
					return nil, err
				}
			}
			return func() {
				if err := l.from.Unpair(l.to.PublicKey()); err != nil {
					tb.Error(err)
				}
				for _, end := range []link{l, {l.to, l.from}} {
					for {
						if info, _ := end.from.Peer(end.to.PublicKey()); info.State != peernet.StateConnected {
							break
						}
						time.Sleep(20 * time.Microsecond) // not a test of time: what ends the wait is the state
					}
				}
				if err := l.from.Pair(l.to.PublicKey(), l.to.PublicKey().Fingerprint()); err != nil {
					tb.Error(err)
				}
				free <- l
			}, nil
		},
		close: func() {
			for _, n := range nodes {
				if err := n.Shutdown(context.Background()); err != nil {
					tb.Error(err)
				}
			}
			system.Shutdown()
		},
	}
}

// BenchmarkSession compares what a session costs, to set up and to keep idle, with the bare encrypted
// floor, in one run.
func BenchmarkSession(b *testing.B) {
	const idle = 300
	for _, workers := range []int{1, 4} {
		b.Run(fmt.Sprintf("workers=%d", workers), func(b *testing.B) {
			floor := floorOpener(b)
			defer floor.close()
			node := nodeOpener(b, idle)
			defer node.close()
			var got comparison[sessionCost]
			for b.Loop() {
				got = compareSessions(b, floor, node, workers, idle, 5)
			}
			b.ReportMetric(0, "ns/op")
			b.ReportMetric(got.ratio.connectsPerSec, "connects-ratio")
			b.ReportMetric(got.ratio.idleKiB, "memory-ratio")
			b.ReportMetric(got.other.goroutines, "goroutines/session")
			if err := printComparisons(os.Stdout, costColumns, got); err != nil {
				b.Fatal(err)
			}
		})
	}
}
