package main

import (
	"bytes"
	"encoding/json"
	"flag"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/seed-f6ddb928/peernet-go/cmd/peernode/internal/control"
	"github.com/seed-f6ddb928/peernet-go/cmd/peernode/internal/datadir"
	"github.com/seed-f6ddb928/peernet-go/cmd/peernode/internal/doctor"
	"github.com/seed-f6ddb928/peernet-go/internal/test/netns"
)

var healthy = flag.Int("healthy", 2, "how many times TestDoctorFindsNothingWhereAllIsWell looks at two networks")

// diagnose runs doctor on a machine, and returns the problems that it found, and in how long.
func (m *machine) diagnose(args ...string) (problems []doctor.Finding, took time.Duration) {
	m.t.Helper()
	var out, log bytes.Buffer
	cmd := exec.Command("peernode", append([]string{"doctor", "--json", "--data-dir", m.dir}, args...)...)
	cmd.Stdout, cmd.Stderr = &out, &log
	began := time.Now()
	_ = m.Run(cmd) // its exit code says whether there are problems
	took = time.Since(began)
	for lines := json.NewDecoder(&out); lines.More(); {
		var f doctor.Finding
		if err := lines.Decode(&f); err != nil {
			m.t.Fatal(err)
		}
		if f.Status == doctor.Problem {
			problems = append(problems, f)
		}
	}
	if code := cmd.ProcessState.ExitCode(); (code == 1) != (len(problems) > 0) {
		m.t.Errorf("exit code %d with %d problems: %s", code, len(problems), log.String())
	}
	return problems, took
}

// TestDoctor plants faults, each on a network of its own. Doctor names the fault within 5 s, with what mends it.
// Without a fault it finds nothing.
func TestDoctor(t *testing.T) {
	t.Parallel()
	netns.Run(t, func(t *testing.T) {
		for _, c := range []struct {
			name   string
			plant  func(ada, bob *machine) (args []string)
			check  string
			advice string
		}{
			{"DirectoryForOthers", func(ada, _ *machine) []string {
				ada.try(os.Chmod(ada.dir, 0o777))
				return nil
			}, doctor.CheckDirectory, "chmod go-w"},
			{"KeyForOthers", func(ada, _ *machine) []string {
				ada.try(os.Chmod(filepath.Join(ada.dir, datadir.IdentityFile), 0o644))
				return nil
			}, doctor.CheckKey, "chmod 600"},
			{"ClockWrong", func(ada, _ *machine) []string {
				later := time.Now().Add(24 * time.Hour)
				ada.try(os.Chtimes(filepath.Join(ada.dir, datadir.IdentityFile), later, later))
				return nil
			}, doctor.CheckClock, "timedatectl set-ntp true"},
			{"PortTaken", func(ada, _ *machine) []string {
				ada.occupy()
				return []string{"--listen", ":7100"}
			}, doctor.CheckPort, "ss -ltnp"},
			{"LoopbackOnly", func(ada, _ *machine) []string {
				ada.startWith("--discovery", "none", "--listen", "127.0.0.1:7100")
				return nil
			}, doctor.CheckListening, "peernode listen add :0"},
			{"InterfaceDown", func(ada, _ *machine) []string {
				ada.IP("link set eth0 down")
				return nil
			}, doctor.CheckNetwork, "ip link set eth0 up"},
			{"BroadcastDropped", func(ada, _ *machine) []string {
				ada.IP("route del broadcast 10.77.0.255 dev eth0 table local") // so that it goes to nobody, and to this machine neither
				return []string{"--discovery", "udp"}
			}, doctor.CheckBroadcast, "ufw allow 4040/udp"},
			{"MulticastOff", func(ada, _ *machine) []string {
				ada.IP("link set eth0 multicast off")
				return []string{"--discovery", "mdns"}
			}, doctor.CheckMulticast, "ip link set eth0 multicast on"},
			{"FirewallAtThePeer", func(ada, bob *machine) []string {
				firewall(bob)
				bob.start()
				ada.startWith("--listen", "127.0.0.1:7100", "--discovery", "none") // nobody can dial ada
				ada.dialled(bob, "i/o timeout")
				return []string{"bob"}
			}, doctor.CheckPeer, "ufw allow 7100/tcp"},
			{"AnotherNamespace", func(ada, bob *machine) []string {
				bob.startWith("--discovery", "none", "--listen", ":7100", "--namespace", "other")
				ada.start()
				ada.dialled(bob, "")
				return []string{"bob"}
			}, doctor.CheckPeer, "--namespace NAME"},
		} {
			t.Run(c.name, func(t *testing.T) {
				t.Parallel()
				l := newLAN(t, "ada", "bob")
				args := c.plant(l.machines[0], l.machines[1])
				problems, took := l.machines[0].diagnose(args...)
				for _, f := range problems {
					if f.Check == c.check && strings.Contains(f.Advice, c.advice) {
						netns.Within(t, "the fault named", took, 5*time.Second)
						return
					}
				}
				t.Errorf("found %v", problems)
			})
		}
	})
}

// TestDoctorFindsNothingWhereAllIsWell looks at networks without a fault.
func TestDoctorFindsNothingWhereAllIsWell(t *testing.T) {
	t.Parallel()
	for range *healthy { // each time in namespaces where it is twice, as flags do not get there
		netns.Run(t, func(t *testing.T) {
			l := newLAN(t, "ada", "bob")
			l.mesh()
			if problems, _ := l.machines[0].diagnose("bob"); len(problems) > 0 {
				t.Errorf("found %v", problems)
			}
		})
	}
}

func (m *machine) try(err error) {
	m.t.Helper()
	if err != nil {
		m.t.Fatal(err)
	}
}

// occupy has something else listen on the port of the machine's node.
func (m *machine) occupy() {
	m.t.Helper()
	var l net.Listener
	var err error
	m.Do(func() { l, err = net.Listen("tcp", ":7100") })
	m.try(err)
	m.t.Cleanup(func() { l.Close() })
}

// dialled waits until the machine's node has dialled a peer in vain, with a result that has these words.
func (m *machine) dialled(peer *machine, result string) {
	m.t.Helper()
	tick := time.NewTicker(pollTime)
	defer tick.Stop()
	for late := time.Now().Add(netns.Forever); ; <-tick.C {
		w, err := control.Explain.Ask(m.t.Context(), m.Client, control.Request{Peer: peer.key})
		m.try(err)
		for _, a := range w.Addresses {
			if a.LastResult != "" && strings.Contains(a.LastResult, result) {
				return
			}
		}
		if time.Now().After(late) {
			m.t.Fatalf("no dial has failed so: %+v", w)
		}
	}
}
