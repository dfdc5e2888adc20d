package mdns

import (
	"bufio"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/seed-f6ddb928/peernet-go/discovery"
	"github.com/seed-f6ddb928/peernet-go/internal/test/netns"
)

// requireAvahi skips the test where avahi is not installed, unless it is required to run.
func requireAvahi(t *testing.T) {
	t.Helper()
	for _, program := range []string{"dbus-daemon", "avahi-daemon", "avahi-browse", "avahi-publish"} {
		if _, err := find(program); err != nil {
			if slices.Contains(strings.Split(os.Getenv("PEERNET_TEST_REQUIRE"), ","), "avahi") {
				t.Fatalf("avahi: %v", err)
			}
			t.Skipf("avahi: %v", err)
		}
	}
}

// find returns the path of a program, which may not be in an ordinary user's PATH.
func find(program string) (string, error) {
	path, err := exec.LookPath(program)
	if err != nil {
		path, err = exec.LookPath("/usr/sbin/" + program)
	}
	return path, err
}

// busConfig is a D-Bus on which everything is allowed.
const busConfig = `<busconfig>
<type>system</type><listen>unix:path=%s</listen><auth>EXTERNAL</auth>
<policy context="default"><allow send_destination="*"/><allow receive_sender="*"/><allow own="*"/><allow user="*"/></policy>
</busconfig>
`

const avahiConfig = `[server]
host-name=machine
[publish]
publish-hinfo=no
publish-workstation=no
`

// An avahi is a host with an avahi-daemon, and a D-Bus of its own.
type avahi struct {
	t    *testing.T
	host *netns.Host
	bus  string
}

func startAvahi(t *testing.T, h *netns.Host) *avahi {
	t.Helper()
	dir := t.TempDir()
	a := &avahi{t, h, filepath.Join(dir, "bus")}
	for name, text := range map[string]string{"bus.conf": fmt.Sprintf(busConfig, a.bus), "avahi.conf": avahiConfig,
		"passwd": "root:x:0:0::/:/bin/sh\navahi:x:0:0::/:/bin/sh\n", "group": "root:x:0:\navahi:x:0:\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	// The daemon's socket and process id have their place in /run and nowhere else, and it gives them to the user avahi:
	// the namespace may know no user but root. The mounts are those of this process.
	for _, err := range []error{
		syscall.Mount("tmpfs", "/run", "tmpfs", 0, ""),
		syscall.Mount(filepath.Join(dir, "passwd"), "/etc/passwd", "", syscall.MS_BIND, ""),
		syscall.Mount(filepath.Join(dir, "group"), "/etc/group", "", syscall.MS_BIND, ""),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	a.start("dbus-daemon", "--config-file="+filepath.Join(dir, "bus.conf"), "--nofork", "--nopidfile")
	for end := time.Now().Add(netns.Forever); ; time.Sleep(10 * time.Millisecond) {
		if _, err := os.Stat(a.bus); err == nil {
			break
		}
		if time.Now().After(end) {
			t.Fatal("no D-Bus")
		}
	}
	a.start("avahi-daemon", "--no-drop-root", "--no-chroot", "--no-rlimits", "-f", filepath.Join(dir, "avahi.conf"))
	for end := time.Now().Add(netns.Forever); ; time.Sleep(50 * time.Millisecond) {
		if _, err := a.run("avahi-browse", "-at"); err == nil {
			return a
		}
		if time.Now().After(end) {
			t.Fatal("no avahi")
		}
	}
}

func (a *avahi) command(program string, args ...string) *exec.Cmd {
	a.t.Helper()
	path, err := find(program)
	if err != nil {
		a.t.Fatal(err)
	}
	cmd := exec.Command(path, args...)
	cmd.Env = append(os.Environ(), "DBUS_SYSTEM_BUS_ADDRESS=unix:path="+a.bus, "LC_ALL=C.UTF-8")
	return cmd
}

// start starts a program that runs until the end of the test, or until the caller kills it.
func (a *avahi) start(program string, args ...string) *exec.Cmd {
	a.t.Helper()
	cmd := a.command(program, args...)
	if err := a.host.Start(cmd); err != nil {
		a.t.Fatal(err)
	}
	a.t.Cleanup(func() {
		_ = cmd.Process.Kill() // it may have ended
		_ = cmd.Wait()
	})
	return cmd
}

func (a *avahi) run(program string, args ...string) (string, error) {
	a.t.Helper()
	var out strings.Builder
	cmd := a.command(program, args...)
	cmd.Stdout = &out
	err := a.host.Run(cmd)
	return out.String(), err
}

// browse starts avahi-browse for our service. Its lines begin with + (there), = (resolved) and - (gone).
func (a *avahi) browse() <-chan string {
	a.t.Helper()
	cmd := a.command("avahi-browse", "-rp", serviceType)
	out, err := cmd.StdoutPipe()
	if err != nil {
		a.t.Fatal(err)
	}
	if err := a.host.Start(cmd); err != nil {
		a.t.Fatal(err)
	}
	lines := make(chan string, 1000)
	go func() {
		defer close(lines)
		for s := bufio.NewScanner(out); s.Scan(); {
			lines <- s.Text()
		}
	}()
	a.t.Cleanup(func() {
		_ = cmd.Process.Kill() // it may have ended
		for range lines {
		}
		_ = cmd.Wait()
	})
	return lines
}

// await waits until for each of wants, in any order, a line has come that holds all of its parts.
func await(t *testing.T, lines <-chan string, wants ...[]string) {
	t.Helper()
	var before []string
	for timeout := time.After(netns.Forever); len(wants) > 0; {
		select {
		case line := <-lines:
			before = append(before, line)
			wants = slices.DeleteFunc(wants, func(parts []string) bool {
				return !slices.ContainsFunc(parts, func(p string) bool { return !strings.Contains(line, p) })
			})
		case <-timeout:
			t.Fatalf("no line with %q in\n%s", wants, strings.Join(before, "\n"))
		}
	}
	t.Logf("after\n%s", strings.Join(before, "\n"))
}

func TestAvahiSeesANode(t *testing.T) {
	requireAvahi(t)
	t.Parallel()
	netns.Run(t, func(t *testing.T) {
		hosts, _ := netns.NewLAN(t, 2)
		lines := startAvahi(t, hosts[1]).browse()
		a := start(t, hosts[0], 1)
		id := instanceOf(key(1))
		var there, gone [][]string
		for _, family := range []string{"IPv4", "IPv6"} {
			name := ";eth0;" + family + ";" + id + ";" + serviceType + ";local"
			there = append(there, []string{"+" + name}, []string{"=" + name + ";" + hostOf(key(1)) + ".local;", ";7101;",
				`"pk=` + key(1).String() + `"`, `"v=1"`})
			gone = append(gone, []string{"-" + name})
		}
		await(t, lines, there...)
		from := a.terminate()
		await(t, lines, gone...)
		t.Logf("gone after %v", time.Since(from).Round(time.Millisecond))
		a.ends(from)
	})
}

func TestANodeSeesWhatAvahiPublishes(t *testing.T) {
	requireAvahi(t)
	t.Parallel()
	netns.Run(t, func(t *testing.T) {
		hosts, links := netns.NewLAN(t, 2)
		daemon := startAvahi(t, hosts[1])
		a := start(t, hosts[0], 1, func(c *nodeConfig) { c.Options.Period = 2 * time.Second })
		other := &node{Process: &netns.Process[seen]{Name: "avahi's node"}, key: key(7), port: 7107}
		publish := func() *exec.Cmd {
			return daemon.start("avahi-publish", "-s", "My Node.v2 é", serviceType, "7107", "color=red", "v=1", "pk="+other.key.String())
		}
		from := time.Now()
		p := publish()
		a.sees(other, from, netns.IPv4(2))
		a.sees(other, from, netns.IPv6(2))

		// The daemon announces the new address alone, without the service. It first waits whether the address stays. It takes the
		// old one back only if it sees that one go before the new one comes.
		from = time.Now()
		links[1].SetAddresses(netns.Prefixes(9)...)
		a.sees(other, from, netns.IPv4(9))
		old := netip.AddrPortFrom(netns.IPv4(2), other.port)
		if !slices.ContainsFunc(a.Lines(from), func(l netns.Line[seen]) bool { return l.Value.Addr == old && l.Value.Gone != "" }) {
			netns.Within(t, "the old address", a.expires(other, from, old.Addr()), periodsUntilLost*2*time.Second)
		}

		from = time.Now()
		if err := p.Process.Signal(syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
		netns.Within(t, "goodbye", a.loses(other, from, netns.IPv4(9), discovery.Goodbye), 500*time.Millisecond)

		from = time.Now()
		publish()
		a.sees(other, from, netns.IPv4(9))
		_ = p.Wait() // terminated
	})
}
