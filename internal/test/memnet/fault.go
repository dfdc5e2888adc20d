package memnet

// Cut stops all traffic between two hosts, both ways and without a word to either, until [Network.Heal]. Streams lose
// nothing: what is written waits, at most a window of it, and arrives after the path heals. Datagrams are lost. A dial
// waits. What had arrived can still be read. Traffic within one host is never cut.
func (n *Network) Cut(a, b *Host) {
	n.setCuts(true, path{a, b}, path{b, a})
}

// CutOneWay is [Network.Cut] for the traffic from one host to another alone. A stream in the other direction stops too
// once its window is full, since nothing acknowledges it.
func (n *Network) CutOneWay(from, to *Host) {
	n.setCuts(true, path{from, to})
}

// Heal ends what Cut and CutOneWay did between two hosts, in both directions. It does not mend a partition.
func (n *Network) Heal(a, b *Host) {
	n.setCuts(false, path{a, b}, path{b, a})
}

func (n *Network) setCuts(cut bool, paths ...path) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, p := range paths {
		if cut {
			n.cuts[p] = struct{}{}
		} else {
			delete(n.cuts, p)
		}
	}
	n.rewire()
}

// Partition lets hosts reach only those of their own group, as [Network.Cut] between all others would. Hosts that no
// group names, later ones included, form one more group. It replaces the partition before it; without groups it ends it.
func (n *Network) Partition(groups ...[]*Host) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.groups = make(map[*Host]int)
	for i, hosts := range groups {
		for _, h := range hosts {
			n.groups[h] = i + 1
		}
	}
	n.rewire()
}

// HealAll ends every cut and the partition.
func (n *Network) HealAll() {
	n.mu.Lock()
	defer n.mu.Unlock()
	clear(n.cuts)
	n.groups = nil
	n.rewire()
}

// Passes reports whether packets travel both ways between two hosts now, each at its first address.
func (n *Network) Passes(a, b *Host) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	if len(a.addrs) == 0 || len(b.addrs) == 0 {
		return false
	}
	x, y := a.addrs[0], b.addrs[0]
	return n.open(a, x, b, y) && n.open(b, y, a, x)
}

// Reset breaks every connection between two hosts, at both ends, at once and whether the path is open or not: reads and
// writes fail with ECONNRESET, and bytes not read yet are lost. It returns how many connections it broke. The two hosts
// may be the same one.
func (n *Network) Reset(a, b *Host) int {
	n.mu.Lock()
	defer n.mu.Unlock()
	count := 0
	for l := range n.links {
		x, y := l.ends[0].host, l.ends[1].host
		if (x == a && y == b || x == b && y == a) && l.reset() {
			count++
		}
	}
	return count
}
