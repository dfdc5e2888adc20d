package runner

import (
	"flag"
	"os"
	"runtime/pprof"
	"sync"
	"testing"
)

var setupProfile = flag.String("setupprofile", "", "a file for the CPU profile of setting sessions up, and of nothing else")

// BenchmarkSetUp sets sessions up from 4 goroutines between nodes that are paired already. What -setupprofile writes says where
// the time goes: `go test ./internal/runner -run '^$' -bench SetUp -benchtime 1x -setupprofile /tmp/cpu.out`.
func BenchmarkSetUp(b *testing.B) {
	const sessions, workers = 2000, 4
	o, err := openNodes(sessions)
	if err != nil {
		b.Fatal(err)
	}
	defer o.Close()
	if *setupProfile != "" {
		f, err := os.Create(*setupProfile)
		if err != nil {
			b.Fatal(err)
		}
		defer f.Close()
		if err := pprof.StartCPUProfile(f); err != nil {
			b.Fatal(err)
		}
	}
	b.ResetTimer()
	var running sync.WaitGroup
	for range workers {
		running.Go(func() {
			for range sessions / workers {
				if _, err := o.Open(); err != nil {
					b.Error(err)
				}
			}
		})
	}
	running.Wait()
	b.StopTimer()
	pprof.StopCPUProfile()
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(sessions/b.Elapsed().Seconds(), "sessions/s")
}
