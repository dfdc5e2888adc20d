package doctor

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/seed-f6ddb928/peernet-go/cmd/peernode/internal/control"
	"github.com/seed-f6ddb928/peernet-go/cmd/peernode/internal/text"
	"github.com/seed-f6ddb928/peernet-go/peernet"
)

// Node checks the state of a running node: where it listens, its peers file, and its providers. Without a network no provider can
// work, and providers are not checked.
func Node(n control.Node, hasNetwork bool) []Finding {
	list := []Finding{ok(CheckNode, "it runs, and its key is %s", n.PublicKey), listening(n)}
	if n.PeersFile != "" {
		list = append(list, problem(CheckPeers, "make the file readable and writable by its user only", "%s", text.OneLine(n.PeersFile)))
	}
	for _, p := range n.Providers {
		if !hasNetwork {
			break
		}
		if p.State == string(peernet.ProviderFailed) {
			list = append(list, problem(CheckDiscovery, text.OneLine(p.Advice), "%s does not work: %s", p.Name, text.OneLine(p.Error)))
			continue // its problems are why
		}
		for _, o := range p.Problems {
			list = append(list, problem(CheckDiscovery, "check whether a firewall of this machine forbids that", "%s %s", p.Name,
				text.OneLine(text.Problem(o.Doing, o.Interface, o.Error))))
		}
	}
	if f := clock(n); f.Check != "" {
		list = append(list, f)
	}
	return list
}

// listening checks whether others can dial the node.
func listening(n control.Node) Finding {
	const mend = "run: peernode listen add :0, and from the next start on: peernode run --listen :0"
	elsewhere := func(l control.Listener) bool {
		a, err := netip.ParseAddrPort(l.Address)
		return err != nil || !a.Addr().IsLoopback()
	}
	switch {
	case len(n.Listeners) == 0:
		return problem(CheckListening, mend, "the node listens nowhere: no peer can dial it")
	case !slices.ContainsFunc(n.Listeners, elsewhere):
		return problem(CheckListening, mend, "on loopback only: no peer on another machine can dial the node")
	}
	return ok(CheckListening, "at %s", strings.Join(n.Addresses, ", "))
}

// clock checks whether all private announces that the node hears fit none of its peers. It returns the zero Finding if that
// cannot be known.
func clock(n control.Node) (f Finding) {
	if !n.Private {
		return f
	}
	var heard, unknown uint64
	for _, p := range n.Providers {
		heard, unknown = heard+p.Counts["heard"], unknown+p.Counts["unknown"]
	}
	if heard > 0 || unknown == 0 || n.Peers[string(peernet.StateConnected)] > 0 {
		return f
	}
	return problem(CheckClock, "set the clocks, as with: sudo timedatectl set-ntp true; and check that the peers trust this node's key",
		"private nodes announce themselves here, and none fits a peer: a clock is wrong by more than 5 minutes, or they are not peers")
}

// An Interface is a network interface of this machine.
type Interface struct {
	Name         string
	IsUp         bool
	IsLoopback   bool
	HasMulticast bool
	Addrs        []netip.Prefix
}

// Network checks whether an interface of this machine leads anywhere.
func Network(all []Interface) Finding {
	var usable, down []string
	for _, i := range all {
		switch {
		case i.IsLoopback:
		case i.IsUp && len(i.Addrs) > 0:
			usable = append(usable, i.Name)
		default:
			down = append(down, i.Name)
		}
	}
	switch {
	case len(usable) > 0:
		return ok(CheckNetwork, "%s", text.OneLine(strings.Join(usable, ", ")))
	case len(down) > 0:
		return problem(CheckNetwork, "connect this machine, as with: sudo ip link set "+text.ShellWord(down[0])+" up",
			"no interface but loopback is up and has an address")
	}
	return problem(CheckNetwork, "connect this machine to a network", "this machine has no interface but loopback")
}

// Heard is what one of two nodes on this machine heard of the other's announces, by one provider.
type Heard struct {
	Provider string   // udp or mdns
	Error    string   // why it does not work, or ""
	Advice   string   // what to do about that
	Uses     []string // interfaces that are used
	On       []string // interfaces on which an announce was heard
}

// Silent returns the interfaces that are used and on which nothing was heard, but for loopback.
func (h Heard) Silent(all []Interface) []string {
	return slices.DeleteFunc(slices.Clone(h.Uses), func(name string) bool {
		return slices.Contains(h.On, name) || slices.ContainsFunc(all, func(i Interface) bool { return i.Name == name && i.IsLoopback })
	})
}

// Discovery checks whether a node hears, on each interface, the announces of another node on this machine. port is that of the
// broadcasts.
func Discovery(h Heard, all []Interface, port uint16) (list []Finding) {
	check, what, allow := CheckBroadcast, "broadcast", fmt.Sprintf("%d/udp", port)
	if h.Provider == "mdns" {
		check, what, allow = CheckMulticast, "multicast", "5353/udp"
	}
	mend := fmt.Sprintf("let UDP port %s in, as with: sudo ufw allow %s", strings.TrimSuffix(allow, "/udp"), allow)
	for _, i := range all {
		if check == CheckMulticast && i.IsUp && !i.IsLoopback && !i.HasMulticast && len(i.Addrs) > 0 {
			list = append(list, problem(check, "run: sudo ip link set "+text.ShellWord(i.Name)+" multicast on", "multicast is off on %s", text.OneLine(i.Name)))
		}
	}
	if h.Error != "" && len(h.On) == 0 {
		if len(list) == 0 {
			list = append(list, problem(check, text.OneLine(cmp.Or(h.Advice, mend)), "%s does not work: %s", h.Provider, text.OneLine(h.Error)))
		}
		return list
	}
	switch silent := h.Silent(all); {
	case len(silent) > 0:
		list = append(list, problem(check, mend, "this machine does not hear its own %s on %s: a firewall drops it", what, text.OneLine(strings.Join(silent, ", "))))
	case len(h.On) > 0:
		list = append(list, ok(check, "heard on %s", text.OneLine(strings.Join(h.On, ", "))))
	case len(list) == 0:
		list = append(list, Skip(check, "no interface is used"))
	}
	return list
}
