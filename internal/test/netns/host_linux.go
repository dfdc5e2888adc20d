package netns

import (
	"net/netip"
	"os/exec"
	"sync"
	"testing"
)

// A Host is a machine: interfaces of its own and the programs that were started on it. It shares files and process ids
// with the other hosts. Its methods, and those of its links, are for the goroutine of its test, because most fail it,
// unless they say otherwise.
type Host struct {
	*space
	links []*Link

	mu   sync.Mutex
	cmds []*exec.Cmd // started
}

// NewHost returns a new host, which ends with the test: what it runs is killed. It has a loopback, which is up, and no
// other interface.
func NewHost(t *testing.T) *Host {
	t.Helper()
	h := &Host{space: newSpace(t)}
	t.Cleanup(h.Kill) // before the space ends
	return h
}

// Start starts cmd on the host, as cmd.Start does. It is the caller's to wait for it. Safe for concurrent use.
func (h *Host) Start(cmd *exec.Cmd) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	err := h.start(cmd)
	if err == nil {
		h.cmds = append(h.cmds, cmd)
	}
	return err
}

// Run starts cmd on the host and waits for it, as cmd.Run does. Safe for concurrent use.
func (h *Host) Run(cmd *exec.Cmd) error {
	if err := h.Start(cmd); err != nil {
		return err
	}
	return cmd.Wait()
}

// Do runs f on a thread that is on the host: sockets that f opens are the host's, wherever they are used later, and
// net.Interfaces returns the host's. What goroutines that f starts do is not on the host. f must neither end the test
// nor call the host's methods. Safe for concurrent use.
func (h *Host) Do(f func()) { h.do(f) }

// IP carries out commands of iproute2's ip on the host, in order, each a line such as "route add default via
// 10.77.0.1". The test fails at the first that fails.
func (h *Host) IP(commands ...string) {
	h.t.Helper()
	h.ip(commands...)
}

// Kill ends every program that was started on the host, with SIGKILL, but not what these have started themselves. The
// system closes their connections, and tells the other ends so. Safe for concurrent use.
func (h *Host) Kill() {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, cmd := range h.cmds {
		_ = cmd.Process.Kill() // it may have ended
	}
	h.cmds = nil
}

// PowerOff is Kill without a farewell: nothing of the host reaches any bridge from before it on, no FIN and no reset.
func (h *Host) PowerOff() {
	h.t.Helper()
	for _, l := range h.links {
		if !l.deleted {
			l.Mute()
		}
	}
	h.Kill()
}

// Prefixes returns the addresses of host n, 1 to 254, on a bridge of hosts that are numbered so: 10.77.0.n/24,
// fd77::n/64 and the link-local fe80::n/64.
func Prefixes(n int) []netip.Prefix {
	last := byte(n)
	return []netip.Prefix{
		netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 77, 0, last}), 24),
		netip.PrefixFrom(netip.AddrFrom16([16]byte{0: 0xfd, 1: 0x77, 15: last}), 64),
		netip.PrefixFrom(netip.AddrFrom16([16]byte{0: 0xfe, 1: 0x80, 15: last}), 64),
	}
}
