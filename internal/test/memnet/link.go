package memnet

import "sync"

// A link is one connection: its two ends and the two directions between them. Its lock guards all of them.
type link struct {
	n      *Network
	stream uint64

	mu    sync.Mutex
	ends  [2]Conn // of the dialler, of the acceptor
	pipes [2]pipe // from the dialler, to the dialler
}

// connect makes a connection between open ends. bound is that of the listener.
func (n *Network) connect(d *dial, to *Host, bound binding) *link {
	l := &link{n: n, stream: d.stream}
	dialler, acceptor := &l.ends[0], &l.ends[1]
	dialler.init(l, d.host, d.src, &l.pipes[1], &l.pipes[0])
	acceptor.init(l, to, d.dst, &l.pipes[0], &l.pipes[1])
	dialler.local, dialler.remote = d.addrs()
	acceptor.local = tcpAddr(d.dst, to.zone(d.dst.Addr()), bound.dual())
	acceptor.remote = tcpAddr(d.src, to.zone(d.src.Addr()), bound.dual())
	l.pipes[0] = pipe{link: l, from: dialler, to: acceptor, rand: d.rand}
	l.pipes[1] = pipe{link: l, from: acceptor, to: dialler, rand: n.rand(2*d.stream + 1)}
	n.links[l] = struct{}{}
	return l
}

// setOpen tells which directions are open. What waited arrives, after it has travelled as the conditions have it.
func (l *link) setOpen(forth, back bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.pipes[0].shut, l.pipes[1].shut = !forth, !back
	for i := range l.pipes {
		l.pipes[i].acknowledge()
		l.pipes[i].deliver()
	}
}

// deliver lets arrive what is due.
func (l *link) deliver() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i := range l.pipes {
		l.pipes[i].deliver()
	}
}

// reset breaks the connection at both ends, and reports whether one was still held.
func (l *link) reset() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	held := false
	for i := range l.ends {
		if c := &l.ends[i]; !c.gone() {
			c.fail()
			held = true
		}
	}
	return held
}

// crash takes the ends on h away, and reports whether no end is left.
func (l *link) crash(h *Host) (over bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i := range l.ends {
		if c := &l.ends[i]; c.host == h {
			c.crash()
		}
	}
	return l.over()
}

// over reports whether no end is left, and then ends all timers. l.mu is held.
func (l *link) over() bool {
	if !l.ends[0].gone() || !l.ends[1].gone() {
		return false
	}
	for i := range l.pipes {
		l.pipes[i].clear()
	}
	return true
}

// openEnds counts the ends that are held.
func (l *link) openEnds() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	count := 0
	for i := range l.ends {
		if !l.ends[i].gone() {
			count++
		}
	}
	return count
}
