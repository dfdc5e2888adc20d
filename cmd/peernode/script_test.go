package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/seed-f6ddb928/peernet-go/cmd/peernode/internal/control"
	"github.com/seed-f6ddb928/peernet-go/cmd/peernode/internal/datadir"
	"github.com/seed-f6ddb928/peernet-go/cmd/peernode/internal/metrics"
	"github.com/seed-f6ddb928/peernet-go/cmd/peernode/internal/providers"
	"github.com/seed-f6ddb928/peernet-go/cmd/peernode/internal/tunnel"
	"github.com/seed-f6ddb928/peernet-go/discovery"
	"go.uber.org/goleak"
)

// waitTime bounds how long a script waits for anything; pollTime is how often it looks.
const (
	waitTime = time.Minute
	pollTime = 10 * time.Millisecond
)

// leaveVariable has tunnel.LeaveTime for the processes of a test.
const leaveVariable = "PEERNET_TEST_LEAVE"

// TestMain lets the scripts run this test binary as peernode, and as peernode-to FILE ARGS…, which is peernode
// with its standard output in a file that a script can read while it runs.
func TestMain(m *testing.M) {
	fence()
	if long, err := time.ParseDuration(os.Getenv(leaveVariable)); err == nil {
		tunnel.LeaveTime = long
	}
	testscript.Main(leakless{m}, map[string]func(){
		"peernode": func() { os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr)) },
		"peernode-to": func() {
			f, err := os.Create(os.Args[1])
			if err != nil {
				fmt.Fprintln(os.Stderr, err)
				os.Exit(1)
			}
			os.Exit(run(os.Args[2:], os.Stdin, f, os.Stderr))
		},
	})
}

// fence keeps the tests off the machine's networks: outside of namespaces, nodes may look for peers only by UDP, on the
// loopback of Linux.
func fence() {
	if os.Getenv("PEERNET_TEST_NETNS") != "" {
		return // package netns has made sure that there are none
	}
	make := providers.New
	providers.New = func(name string, interfaces []string, port uint16) discovery.Provider {
		if name != "udp" || runtime.GOOS != "linux" || !slices.Equal(interfaces, []string{"lo"}) {
			fmt.Fprintf(os.Stderr, "tests must not look for peers by %s on the interfaces %v\n", name, interfaces)
			os.Exit(70)
		}
		return make(name, interfaces, port)
	}
}

// A leakless is a run of tests that fails if it leaves goroutines behind.
type leakless struct{ *testing.M }

func (l leakless) Run() int {
	code := l.M.Run()
	if err := goleak.Find(); err != nil && code == 0 {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	return code
}

// TestScripts runs the sessions in testdata/script. Beside testscript's own commands they have
//
//	free NAME            sets NAME to a free UDP port
//	taken NAME           sets NAME to a UDP port that is used, and not shared, until the script ends
//	ready DIR NAME       waits for a node to run on DIR; sets NAME_KEY, NAME_ADDR and NAME_PORT
//	await FILE REGEXP    waits for a line of FILE that matches
//	exits CODE COMMAND…  runs a command that ends with exit code CODE
//	scrape DIR FILE      puts the metrics of the node on DIR into a file; sets METRICS to where they are, without http:// and path
//	mode PERM FILE       checks the permissions of a file
//	setenv NAME FILE     sets a variable to what is in a file, or in stdout
//	denied COMMAND…      runs a command that fails with exit code 1, and to which permissions apply even if it is root's
//
// and the conditions [denied], that there is this command, and [root], that root runs the tests.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup: func(e *testscript.Env) error {
			e.Setenv(datadir.Variable, "")           // the one of the user who runs the tests does not count
			e.Setenv("GORACE", "atexit_sleep_ms=10") // not a second per command when built with -race
			return nil
		},
		Condition: func(name string) (bool, error) {
			switch name {
			case "denied":
				prefix, ok := unprivileged()
				return ok && (len(prefix) == 0 || exec.Command(prefix[0], append(prefix[1:], "true")...).Run() == nil), nil
			case "root":
				return os.Geteuid() == 0, nil
			}
			return false, fmt.Errorf("there is no condition %s", name)
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"free":  scriptFree,
			"taken": scriptTaken,
			"ready": scriptReady,
			"await": scriptAwait,
			"exits": scriptExits,
			"shows": scriptShows,
			"mode":  scriptMode,

			"scrape": scriptScrape,
			"denied": func(ts *testscript.TestScript, neg bool, args []string) {
				prefix, _ := unprivileged()
				scriptExits(ts, neg, slices.Concat([]string{"1"}, prefix, args))
			},
			"setenv": func(ts *testscript.TestScript, _ bool, args []string) {
				ts.Setenv(args[0], strings.TrimSpace(ts.ReadFile(args[1])))
			},
		},
	})
}

// unprivileged returns the command before a command that makes permissions apply to it, also if root runs it, and whether
// there is one.
func unprivileged() (prefix []string, ok bool) {
	switch os.Geteuid() {
	case -1: // no such system
		return nil, false
	case 0:
		return []string{"setpriv", "--bounding-set=-all", "--inh-caps=-all"}, true
	}
	return nil, true
}

// poll calls done until it returns nil, and fails with its last error after waitTime.
func poll(ts *testscript.TestScript, done func(context.Context) error) {
	ctx, cancel := context.WithTimeout(context.Background(), waitTime)
	defer cancel()
	tick := time.NewTicker(pollTime)
	defer tick.Stop()
	for {
		err := done(ctx)
		if err == nil {
			return
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			ts.Fatalf("waited for %v: %v", waitTime, err)
		}
	}
}

func scriptFree(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: free NAME")
	}
	conn, err := net.ListenUDP("udp4", nil)
	ts.Check(err)
	ts.Setenv(args[0], strconv.Itoa(conn.LocalAddr().(*net.UDPAddr).Port))
	ts.Check(conn.Close())
}

func scriptTaken(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: taken NAME")
	}
	conn, err := net.ListenUDP("udp4", nil)
	ts.Check(err)
	ts.Defer(func() { conn.Close() })
	ts.Setenv(args[0], strconv.Itoa(conn.LocalAddr().(*net.UDPAddr).Port))
}

func scriptReady(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: ready DIR NAME")
	}
	client := control.NewClient(ts.MkAbs(args[0]))
	poll(ts, func(ctx context.Context) error {
		node, err := control.GetNode.Ask(ctx, client, control.Request{})
		if err != nil {
			return err
		}
		ts.Setenv(args[1]+"_KEY", node.PublicKey)
		ts.Setenv(args[1]+"_ADDR", node.Addresses[0])
		ts.Setenv(args[1]+"_PORT", node.Addresses[0][strings.LastIndex(node.Addresses[0], ":")+1:])
		return nil
	})
}

func scriptScrape(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: scrape DIR FILE")
	}
	node, err := control.GetNode.Ask(context.Background(), control.NewClient(ts.MkAbs(args[0])), control.Request{})
	ts.Check(err)
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: waitTime}
	answer, err := client.Get(node.Metrics)
	ts.Check(err)
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	ts.Check(err)
	if answer.StatusCode != http.StatusOK {
		ts.Fatalf("%s: %s", answer.Status, text)
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), text, 0o600))
	ts.Setenv("METRICS", strings.TrimSuffix(strings.TrimPrefix(node.Metrics, "http://"), metrics.Path))
}

func scriptAwait(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: await FILE REGEXP")
	}
	file, line := ts.MkAbs(args[0]), regexp.MustCompile("(?m)"+args[1])
	poll(ts, func(context.Context) error {
		text, err := os.ReadFile(file)
		if err == nil && !line.Match(text) {
			err = fmt.Errorf("no line matches %s in:\n%s", args[1], text)
		}
		return err
	})
}

// scriptShows runs a command until a line that it prints matches, or, negated, until none does.
func scriptShows(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) < 2 {
		ts.Fatalf("usage: [!] shows REGEXP COMMAND…")
	}
	line := regexp.MustCompile("(?m)" + args[0])
	poll(ts, func(context.Context) error {
		ts.Check(ts.Exec(args[1], args[2:]...))
		if text := ts.ReadFile("stdout"); line.MatchString(text) == neg {
			return fmt.Errorf("it prints:\n%s", text)
		}
		return nil
	})
}

func scriptExits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE COMMAND…")
	}
	err := ts.Exec(args[1], args[2:]...)
	code := 0
	if e := (*exec.ExitError)(nil); errors.As(err, &e) {
		code = e.ExitCode()
	} else if err != nil {
		ts.Fatalf("%v", err)
	}
	if strconv.Itoa(code) != args[0] {
		ts.Fatalf("%s ended with exit code %d, want %s", strings.Join(args[1:], " "), code, args[0])
	}
}

func scriptMode(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: mode PERM FILE")
	}
	info, err := os.Lstat(ts.MkAbs(args[1]))
	ts.Check(err)
	if got := fmt.Sprintf("%04o", info.Mode().Perm()); got != args[0] {
		ts.Fatalf("%s has mode %s, want %s", args[1], got, args[0])
	}
}
