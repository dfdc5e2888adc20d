package peernet_test

import (
	"context"
	"fmt"
	"net"
	"os"
	"sync/atomic"
	"testing"
	"time"

	"github.com/seed-f6ddb928/peernet-go/peernet"
)

// countedTCP counts the write calls of a TCP connection.
type countedTCP struct {
	*net.TCPConn
	writes *atomic.Uint64
}

func (c countedTCP) Write(b []byte) (int, error) {
	c.writes.Add(1)
	return c.TCPConn.Write(b)
}

type countedListener struct {
	net.Listener
	writes *atomic.Uint64
}

func (l countedListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return countedTCP{c.(*net.TCPConn), l.writes}, nil
}

// countedNetwork is the system's network with write calls counted.
func countedNetwork(writes *atomic.Uint64) peernet.Network {
	return peernet.Network{
		Listen: func(ctx context.Context, network, address string) (net.Listener, error) {
			l, err := new(net.ListenConfig).Listen(ctx, network, address)
			return countedListener{l, writes}, err
		},
		Dial: func(ctx context.Context, network, address string) (net.Conn, error) {
			c, err := new(net.Dialer).DialContext(ctx, network, address)
			if err != nil {
				return nil, err
			}
			return countedTCP{c.(*net.TCPConn), writes}, nil
		},
	}
}

// nodeSubject is two nodes that are connected: its calls go through the public API with everything on.
func nodeSubject(tb testing.TB) subject {
	tb.Helper()
	writes := new(atomic.Uint64)
	config := peernet.Config{Network: countedNetwork(writes)}
	config.Limits.CallBytesPerPeer = 256 << 20 // 64 callers of a megabyte
	a, b := startNode(tb, config), startNode(tb, config)
	pair(tb, a, b)
	if err := peernet.Handle(b, "echo", func(_ context.Context, _ peernet.Caller, payload []byte) ([]byte, error) { return payload, nil }); err != nil {
		tb.Fatal(err)
	}
	connect(tb, a, b)
	key := b.PublicKey()
	return subject{
		name: "peernet",
		call: func(payload []byte) error {
			got, err := peernet.Call[[]byte](context.Background(), a, key, "echo", payload)
			if err == nil && len(got) != len(payload) {
				err = fmt.Errorf("echo of %d bytes has %d", len(payload), len(got))
			}
			return err
		},
		writes: writes.Load,
		close:  func() {},
	}
}

// BenchmarkCall compares calls through the public API with the bare encrypted floor, in one run: calls per
// second, CPU, write calls and allocations of both ends, and the ratios.
func BenchmarkCall(b *testing.B) {
	for _, procs := range []int{2, 1} {
		for _, c := range []struct{ callers, size int }{{1, 64}, {64, 64}, {1, 1_000_000}, {64, 1_000_000}} {
			b.Run(fmt.Sprintf("procs=%d/callers=%d/size=%d", procs, c.callers, c.size), func(b *testing.B) {
				onProcs(b, procs)
				floor := floorSubject(b)
				defer floor.close()
				node := nodeSubject(b)
				var got comparison[figures]
				for b.Loop() {
					got = compare(b, floor, node, c.callers, c.size, 3, time.Second/2)
				}
				b.ReportMetric(0, "ns/op")
				b.ReportMetric(got.ratio.callsPerSec, "calls-ratio")
				b.ReportMetric(got.ratio.cpuPerCall, "cpu-ratio")
				b.ReportMetric(got.ratio.p50, "p50-ratio")
				b.ReportMetric(got.other.writesPerCall, "writes/call")
				b.ReportMetric(got.other.allocsPerCall, "allocs/call")
				if err := printComparisons(os.Stdout, figureColumns, got); err != nil {
					b.Fatal(err)
				}
			})
		}
	}
}
