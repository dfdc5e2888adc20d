package child

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
	"syscall"
)

// CanMeet returns why this process cannot make networks of its own, or nil.
func CanMeet() error {
	if _, err := exec.LookPath("ip"); err != nil {
		return fmt.Errorf("a network of its own needs ip of iproute2: %w", err)
	}
	c := exec.Command("ip", "link", "set", "lo", "up")
	isolate(c)
	if out, err := c.CombinedOutput(); err != nil {
		return fmt.Errorf("a network of its own cannot be made: %w: %s", err, strings.TrimSpace(string(out)))
	}
	return nil
}

// isolate starts c in a network namespace of its own, so that what it sends reaches no real network.
func isolate(c *exec.Cmd) {
	c.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET}
	if os.Geteuid() != 0 {
		c.SysProcAttr.Cloneflags |= syscall.CLONE_NEWUSER
		c.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{HostID: os.Getuid(), Size: 1}}
		c.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{HostID: os.Getgid(), Size: 1}}
	}
}

// joinLAN gives this process, which must be isolated, an interface whose cable leads back to the process. What is broadcast there
// reaches the nodes of the process alone.
func joinLAN() error {
	interfaces, err := net.Interfaces()
	if err != nil {
		return err
	}
	for _, i := range interfaces {
		if i.Flags&net.FlagLoopback == 0 {
			return fmt.Errorf("this process is not isolated: it has the interface %s", i.Name)
		}
	}
	for _, command := range []string{
		"link set lo up",
		"link add lan0 type veth peer name end0",
		"link set end0 up",
		"link set lan0 up",
		"addr add 10.77.0.1/24 brd + dev lan0",
	} {
		if out, err := exec.Command("ip", strings.Fields(command)...).CombinedOutput(); err != nil {
			return fmt.Errorf("ip %s: %w: %s", command, err, strings.TrimSpace(string(out)))
		}
	}
	return nil
}
