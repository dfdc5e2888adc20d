package memnet

// Stats are counts of a [Network]. A test that has closed everything finds Conns, Listeners and PacketConns at 0.
type Stats struct {
	Conns       int // ends of connections that their owners have not closed; those of crashed hosts do not count
	Listeners   int // open
	PacketConns int // open

	Bytes     uint64 // taken from writers of streams so far
	Datagrams uint64 // delivered so far, one for each receiving socket
	Dropped   uint64 // datagrams lost so far: cut, nobody there, queue full; one for each that did not get it
}

// Stats returns the counts of this moment.
func (n *Network) Stats() Stats {
	n.mu.Lock()
	defer n.mu.Unlock()
	s := Stats{Bytes: n.bytes.Load(), Datagrams: n.datagrams.Load(), Dropped: n.dropped.Load()}
	for l := range n.links {
		s.Conns += l.openEnds()
	}
	for _, h := range n.hosts {
		s.Listeners += len(h.listeners)
		s.PacketConns += len(h.packets)
	}
	return s
}
