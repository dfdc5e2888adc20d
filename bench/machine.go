package main

import (
	"bufio"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"strings"
)

// measured are the modules whose versions matter.
var measured = []string{
	"github.com/asynkron/protoactor-go",
	"github.com/libp2p/go-libp2p",
	"github.com/nats-io/nats-server/v2",
	"github.com/nats-io/nats.go",
	"google.golang.org/grpc",
}

// machine says in prose what this machine is, and which versions are measured.
func machine() string {
	s := fmt.Sprintf("%d processors (%s), %s/%s, %s", runtime.NumCPU(), processor(), runtime.GOOS, runtime.GOARCH, runtime.Version())
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return s + "."
	}
	for _, path := range measured {
		for _, m := range info.Deps {
			if m.Path == path {
				s += fmt.Sprintf(", %s %s", strings.TrimPrefix(path, "github.com/"), m.Version)
			}
		}
	}
	return s + "."
}

// processor returns what Linux calls the processor.
func processor() string {
	f, err := os.Open("/proc/cpuinfo")
	if err != nil {
		return "unknown"
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if name, value, _ := strings.Cut(lines.Text(), ":"); strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return "unknown"
}
