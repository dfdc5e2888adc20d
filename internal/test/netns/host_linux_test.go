package netns

import (
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"
)

// patience is how long a packet that should arrive may take on a busy machine; briefly how long one that should not
// is waited for.
const (
	patience = 30 * time.Second
	briefly  = 100 * time.Millisecond
)

// pair returns two hosts on a bridge, with the addresses 1 and 2, and their links.
func pair(t *testing.T) (hosts [2]*Host, links [2]*Link) {
	t.Helper()
	lan := NewBridge(t)
	for i := range hosts {
		hosts[i] = NewHost(t)
		links[i] = hosts[i].Attach(lan, "eth0", Prefixes(i+1)...)
	}
	return hosts, links
}

// v4 and v6 return addresses of host n; link is its link-local one with the zone of the host that is on eth0.
func v4(n int) netip.Addr   { return Prefixes(n)[0].Addr() }
func v6(n int) netip.Addr   { return Prefixes(n)[1].Addr() }
func link(n int) netip.Addr { return Prefixes(n)[2].Addr().WithZone("eth0") }

// listen opens a UDP socket on h.
func listen(t *testing.T, h *Host) *net.UDPConn {
	t.Helper()
	var conn *net.UDPConn
	var err error
	h.Do(func() { conn, err = net.ListenUDP("udp", nil) })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

// arrives sends a word to an address until to has it, or within has passed.
func arrives(t *testing.T, from, to *net.UDPConn, addr netip.Addr, within time.Duration) bool {
	t.Helper()
	word := []byte(t.Name() + time.Now().String())
	port := to.LocalAddr().(*net.UDPAddr).AddrPort().Port()
	buf := make([]byte, 256)
	for end := time.Now().Add(within); time.Now().Before(end); {
		_, _ = from.WriteToUDPAddrPort(word, netip.AddrPortFrom(addr, port)) // there may be no way
		if err := to.SetReadDeadline(time.Now().Add(min(briefly/4, within))); err != nil {
			t.Fatal(err)
		}
		n, err := to.Read(buf)
		if err == nil && slices.Equal(buf[:n], word) {
			return true
		}
	}
	return false
}

func wantArrives(t *testing.T, from, to *net.UDPConn, addrs ...netip.Addr) {
	t.Helper()
	for _, a := range addrs {
		if !arrives(t, from, to, a, patience) {
			t.Errorf("nothing arrives at %v", a)
		}
	}
}

func wantSilence(t *testing.T, from, to *net.UDPConn, addrs ...netip.Addr) {
	t.Helper()
	for _, a := range addrs {
		if arrives(t, from, to, a, briefly) {
			t.Errorf("something arrives at %v", a)
		}
	}
}

// card returns the interface of that name as the host sees it, and its addresses.
func card(t *testing.T, h *Host, name string) (i *net.Interface, addrs []string) {
	t.Helper()
	var err error
	h.Do(func() {
		if i, err = net.InterfaceByName(name); err != nil {
			return
		}
		var found []net.Addr
		found, err = i.Addrs()
		for _, a := range found {
			addrs = append(addrs, a.String())
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	return i, addrs
}

func wantAddresses(t *testing.T, h *Host, name string, prefixes []netip.Prefix) {
	t.Helper()
	_, got := card(t, h, name)
	var want []string
	for _, p := range prefixes {
		want = append(want, p.String())
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("%s has %v, want %v", name, got, want)
	}
}

func TestHostsOnABridgeReachEachOther(t *testing.T) {
	t.Parallel()
	Run(t, func(t *testing.T) {
		hosts, _ := pair(t)
		a, b := listen(t, hosts[0]), listen(t, hosts[1])
		wantArrives(t, a, b, v4(2), v6(2), link(2))
		wantArrives(t, b, a, v4(1), v6(1), link(1))
		for i, h := range hosts {
			wantAddresses(t, h, "eth0", Prefixes(i+1))
		}
	})
}

func TestBridgesAreApart(t *testing.T) {
	t.Parallel()
	Run(t, func(t *testing.T) {
		hosts, _ := pair(t)
		other := NewBridge(t)
		second := []netip.Prefix{netip.MustParsePrefix("10.78.0.1/24"), netip.MustParsePrefix("10.78.0.3/24")}
		hosts[0].Attach(other, "eth1", second[0])
		third := NewHost(t)
		third.Attach(other, "eth0", second[1])
		a, b, c := listen(t, hosts[0]), listen(t, hosts[1]), listen(t, third)
		wantArrives(t, a, b, v4(2))
		wantArrives(t, a, c, second[1].Addr())
		third.IP("route add default dev eth0")
		wantSilence(t, c, b, v4(2))
	})
}

func TestCables(t *testing.T) {
	t.Parallel()
	Run(t, func(t *testing.T) {
		hosts, links := pair(t)
		a, b := listen(t, hosts[0]), listen(t, hosts[1])
		wantArrives(t, a, b, v4(2), link(2))
		for _, c := range []struct {
			name      string
			out       func()
			carrier   bool
			addresses bool
		}{
			{"pulled", links[1].Pull, false, true},
			{"mute", links[1].Mute, true, true},
		} {
			c.out()
			wantSilence(t, a, b, v4(2), link(2))
			wantSilence(t, b, a, v4(1), link(1))
			i, _ := card(t, hosts[1], "eth0")
			if i.Flags&net.FlagUp == 0 || (i.Flags&net.FlagRunning != 0) != c.carrier {
				t.Errorf("%s: the interface is %v, want a carrier %v", c.name, i.Flags, c.carrier)
			}
			wantAddresses(t, hosts[1], "eth0", Prefixes(2))
			links[1].Plug()
			wantArrives(t, a, b, v4(2), link(2))
			wantArrives(t, b, a, v4(1), link(1))
		}
	})
}

func TestInterfacesComeAndGo(t *testing.T) {
	t.Parallel()
	Run(t, func(t *testing.T) {
		hosts, links := pair(t)
		a, b := listen(t, hosts[0]), listen(t, hosts[1])
		wantArrives(t, a, b, v4(2))
		before, _ := card(t, hosts[1], "eth0")

		links[1].Down()
		if i, _ := card(t, hosts[1], "eth0"); i.Flags&net.FlagUp != 0 {
			t.Errorf("down, but %v", i.Flags)
		}
		wantSilence(t, a, b, v4(2))
		links[1].Up()
		wantArrives(t, a, b, v4(2), v6(2), link(2))

		links[1].Delete()
		wantSilence(t, a, b, v4(2))
		links[1].Create()
		wantArrives(t, a, b, v4(2), v6(2), link(2))
		if after, _ := card(t, hosts[1], "eth0"); after.Index == before.Index {
			t.Errorf("made again with the same index %d", after.Index)
		}

		links[1].SetAddresses(Prefixes(9)...)
		wantArrives(t, a, b, v4(9), v6(9), link(9))
		wantSilence(t, a, b, v4(2))
		wantAddresses(t, hosts[1], "eth0", Prefixes(9))
	})
}

func TestProgramsRunOnTheirHost(t *testing.T) {
	t.Parallel()
	Run(t, func(t *testing.T) {
		hosts, _ := pair(t)
		ip, err := findIP()
		if err != nil {
			t.Fatal(err)
		}
		var output strings.Builder
		list := exec.Command(ip, "-brief", "addr", "show", "dev", "eth0")
		list.Stdout = &output
		if err := hosts[1].Run(list); err != nil || !strings.Contains(output.String(), v4(2).String()) {
			t.Errorf("%v %q, want %v", err, output.String(), v4(2))
		}
		if err := hosts[1].Run(exec.Command("no-such-program")); !errors.Is(err, exec.ErrNotFound) {
			t.Errorf("no such program: %v", err)
		}
		sleep := exec.Command("sleep", "1000")
		if err := hosts[1].Start(sleep); err != nil {
			t.Fatal(err)
		}
		hosts[1].Kill()
		if err := sleep.Wait(); err == nil {
			t.Error("killed, but it ended well")
		}
	})
}

// TestOnlyPowerOffIsSilent has a connection from one host to a program on another, which ends in different ways.
func TestOnlyPowerOffIsSilent(t *testing.T) {
	t.Parallel()
	Run(t, func(t *testing.T) {
		for _, c := range []struct {
			name  string
			end   func(*Host)
			heard bool
		}{
			{"kill", (*Host).Kill, true},
			{"power off", (*Host).PowerOff, false},
		} {
			t.Run(c.name, func(t *testing.T) {
				hosts, _ := pair(t)
				var l *net.TCPListener
				var err error
				hosts[0].Do(func() { l, err = net.ListenTCP("tcp", nil) })
				if err != nil {
					t.Fatal(err)
				}
				defer l.Close()
				// A program of hosts[1]: bash is there wherever CI is.
				remote := netip.AddrPortFrom(v4(1), l.Addr().(*net.TCPAddr).AddrPort().Port())
				program := exec.Command("bash", "-c", `exec 3<>/dev/tcp/"$1"/"$2"; echo ready >&3; read -r line <&3`, "bash",
					remote.Addr().String(), l.Addr().String()[strings.LastIndex(l.Addr().String(), ":")+1:])
				if err := hosts[1].Start(program); err != nil {
					t.Fatal(err)
				}
				conn, err := l.Accept()
				if err != nil {
					t.Fatal(err)
				}
				defer conn.Close()
				if _, err := io.ReadFull(conn, make([]byte, len("ready\n"))); err != nil {
					t.Fatal(err)
				}
				c.end(hosts[1])
				_ = program.Wait()
				within := briefly
				if c.heard {
					within = patience
				}
				if err := conn.SetReadDeadline(time.Now().Add(within)); err != nil {
					t.Fatal(err)
				}
				_, err = conn.Read(make([]byte, 1))
				if silent := errors.Is(err, os.ErrDeadlineExceeded); silent == c.heard {
					t.Errorf("the other end sees %v", err)
				}
			})
		}
	})
}
