package netns

import (
	"bytes"
	"fmt"
	"net/netip"
	"os/exec"
	"path/filepath"
)

// A Link is an interface of a host, and the cable from it to a port of a bridge.
type Link struct {
	host     *Host
	bridge   *Bridge
	name     string // of the interface
	port     int    // of the bridge
	prefixes []netip.Prefix
	deleted  bool
}

// Attach gives the host an interface with those addresses, and plugs it into b. The interface is up; the addresses can
// be used at once. It has no others: for IPv6 prefixes should hold a link-local one.
func (h *Host) Attach(b *Bridge, name string, prefixes ...netip.Prefix) *Link {
	h.t.Helper()
	l := &Link{host: h, bridge: b, name: name, port: b.port(), prefixes: prefixes}
	l.Create()
	h.links = append(h.links, l)
	return l
}

// Name returns the name of the interface.
func (l *Link) Name() string { return l.name }

// Create makes the interface again after Delete, with the same name and addresses, that of the hardware among them, but
// another index, and plugs it in.
func (l *Link) Create() {
	l.host.t.Helper()
	l.bridge.ip(
		fmt.Sprintf("link add port%d type veth peer name %s address 02:00:00:00:%02x:%02x netns %d",
			l.port, l.name, l.port>>8, l.port&0xff, l.host.id),
		fmt.Sprintf("link set dev port%d master br0 addrgenmode none up", l.port),
	)
	l.host.ip(fmt.Sprintf("link set dev %s addrgenmode none up", l.name))
	l.host.ip(l.add()...)
	l.deleted = false
}

// Delete takes the interface away, as when an adapter is pulled out of the machine.
func (l *Link) Delete() {
	l.host.t.Helper()
	l.host.ip("link del dev " + l.name)
	l.deleted = true
}

// Pull pulls the cable out. The host sees that: its interface has no carrier. Nothing gets through in either
// direction; nobody is told, and the addresses stay.
func (l *Link) Pull() {
	l.host.t.Helper()
	l.bridge.ip(fmt.Sprintf("link set dev port%d down", l.port))
}

// Mute lets nothing through in either direction any more, and nobody can see that: the interface has its carrier.
func (l *Link) Mute() {
	l.host.t.Helper()
	l.bridge.ip(fmt.Sprintf("link set dev port%d nomaster", l.port))
}

// Plug undoes Pull and Mute.
func (l *Link) Plug() {
	l.host.t.Helper()
	l.bridge.ip(fmt.Sprintf("link set dev port%d master br0 up", l.port))
}

// Down switches the interface off on the host, whose IPv6 addresses it takes away; Up switches it on, with all of its
// addresses.
func (l *Link) Down() {
	l.host.t.Helper()
	l.host.ip(fmt.Sprintf("link set dev %s down", l.name))
}

// Up undoes Down.
func (l *Link) Up() {
	l.host.t.Helper()
	l.host.ip(fmt.Sprintf("link set dev %s up", l.name))
	l.SetAddresses(l.prefixes...)
}

// SetAddresses gives the interface other addresses instead of those it has. They can be used at once.
func (l *Link) SetAddresses(prefixes ...netip.Prefix) {
	l.host.t.Helper()
	l.prefixes = prefixes
	l.host.ip(append([]string{"addr flush dev " + l.name}, l.add()...)...)
}

// SetRate has the host send no more than that many bits a second on the link, in the order in which it sends, as a slow line does.
// 256 KiB wait for it at most; what comes beside them is lost. It needs iproute2's tc, which is where ip is, and the kernel's tbf.
func (l *Link) SetRate(bits int) {
	l.host.t.Helper()
	ip, err := findIP()
	if err != nil {
		l.host.t.Fatal(err)
	}
	tc := exec.Command(filepath.Join(filepath.Dir(ip), "tc"), "qdisc", "replace", "dev", l.name, "root", "tbf",
		"rate", fmt.Sprintf("%dbit", bits), "burst", "4kb", "limit", "256kb")
	var said bytes.Buffer
	tc.Stdout, tc.Stderr = &said, &said
	if err := l.host.Run(tc); err != nil {
		l.host.t.Fatalf("tc: %v: %s", err, said.Bytes())
	}
}

// add returns the commands that give the interface its addresses.
func (l *Link) add() []string {
	var commands []string
	for _, p := range l.prefixes {
		if p.Addr().Is4() {
			commands = append(commands, fmt.Sprintf("addr add %v broadcast + dev %s", p, l.name))
		} else {
			commands = append(commands, fmt.Sprintf("addr add %v dev %s nodad", p, l.name)) // no second of doubt whether it is taken
		}
	}
	return commands
}
