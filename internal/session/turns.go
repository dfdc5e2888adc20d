package session

import (
	"encoding/binary"
	"math"
	"slices"

	"github.com/seed-f6ddb928/peernet-go/envelope"
	"github.com/seed-f6ddb928/peernet-go/frame"
)

// Sizes of what leaves at one time. What is given to the system cannot be overtaken: see lineRate.
const (
	flushBytes = 256 << 10 // plaintext bytes sealed for one write, or one frame if that is larger
	copyBytes  = 16 << 10  // an envelope up to this is small: it is copied to its neighbours, a larger one queued by reference
	urgentRun  = 64 << 10  // of the urgent lane, after which a turn of a flow is due, and in one segment of it
	mostWhole  = 128 << 10 // of an envelope that leaves whole

	// partBytes is the most bytes of a part, and the envelope of a value of MostWhole bytes. Two sealed ones fit a read buffer.
	partBytes = 2 + (1 + len(envelope.NameData)) + 1 + 9 + 1 + 3 + MostWhole // the id has up to 9, and 3 stand before the binary
)

// turns is the order in which envelopes leave: a pure structure.
//
// What is urgent comes first: pings, pongs, small calls and replies. Then each flow that has something has its turn: one
// part, or one whole envelope, or small ones of copyBytes together. So an envelope waits for no more than that of each other flow,
// however large their envelopes are.
type turns struct {
	urgent []segment
	queued uint64 // urgent envelopes ever queued
	taken  uint64 // urgent envelopes ever handed to the writer
	run    int    // urgent bytes since the last turn of a flow

	ring     flowList // flows that have something, in the order of their turns
	held     flowList // flows whose next envelope goes in parts, and for which the peer has no room yet; first come, first served
	peer     PartLimits
	reserved int    // bytes of the chains that are open at the peer
	open     int    // how many these are
	chains   uint64 // ever begun
}

// add queues an urgent envelope, whose first 4 bytes are for its length, and returns its segment. It takes buf over.
func (t *turns) add(buf *buffer) *segment {
	t.queued++
	return appendEnvelope(&t.urgent, buf, urgentRun)
}

// addTo queues an envelope behind what f has, and takes buf over.
func (t *turns) addTo(f *flow, buf *buffer) {
	if f.single {
		f.envelopes = f.only[:0]
	}
	appendEnvelope(&f.envelopes, buf, copyBytes)
	if f.list == nil {
		t.ring.push(f)
	}
}

// appendEnvelope appends buf, copied behind the others if it is small and the segment has less than most bytes.
func appendEnvelope(to *[]segment, buf *buffer, most int) *segment {
	size := len(buf.b)
	binary.BigEndian.PutUint32(buf.b, uint32(size-frame.HeaderSize))
	segs := *to
	if size > copyBytes {
		*to = append(segs, segment{buffer: buf, frames: 1, alone: true, ends: true})
		return &(*to)[len(*to)-1]
	}
	if n := len(segs); n == 0 || segs[n-1].alone || len(segs[n-1].b)+size > most {
		segs = append(segs, segment{buffer: newBuffer(size), ends: true})
		*to = segs
	}
	s := &segs[len(segs)-1]
	s.b = append(s.b, buf.b...)
	s.frames++
	buf.release()
	return s
}

// isEmpty says whether nothing waits.
func (t *turns) isEmpty() bool {
	return len(t.urgent) == 0 && t.ring.first == nil && t.held.first == nil
}

// hasWork says whether something may leave now.
func (t *turns) hasWork() bool { return len(t.urgent) > 0 || t.ring.first != nil }

// next appends what fits one write to out: of flows at most bulk bytes, or one turn.
func (t *turns) next(out []segment, bulk int) []segment {
	size, spent, n := 0, 0, 0
	for size < flushBytes {
		hasTurn := t.ring.first != nil && spent < bulk
		if isDue := hasTurn && t.run >= urgentRun; n < len(t.urgent) && !isDue {
			s := t.urgent[n]
			if size > 0 && size+len(s.b) > flushBytes {
				break // bulk must not overtake what is urgent and found no room
			}
			n++
			t.run += len(s.b)
			t.taken += uint64(s.frames)
			size += len(s.b)
			out = append(out, s)
			continue
		}
		if !hasTurn {
			break
		}
		most := math.MaxInt // the first of a write may be of any size
		if size > 0 {
			most = flushBytes - size
		}
		if spent > 0 {
			most = min(most, bulk-spent)
		}
		s, result := t.turn(t.ring.first, bulk, most)
		if result == turnTooLarge {
			break
		}
		if result == turnTaken {
			t.run = 0
			spent += s.size()
			size += s.size()
			out = append(out, s)
		}
	}
	t.urgent = slices.Delete(t.urgent, 0, n)
	if t.isEmpty() {
		t.run = 0
	}
	return out
}

// A turnResult is what came of a turn.
type turnResult uint8

const (
	turnTaken    turnResult = iota
	turnTooLarge            // for what room there is in the write
	turnHeld                // the peer has no room
)

// turn takes the turn of f, if it has no more than most. What the line takes in the time of one allowance leaves whole, up to mostWhole
// bytes: to cut it and to join it would cost more than others wait for it.
func (t *turns) turn(f *flow, bulk, most int) (segment, turnResult) {
	part := min(partBytes, bulk)
	longest := max(part, min(bulk, mostWhole))
	if f.abandoned {
		s := segment{frames: 1, flow: f, ends: true, chain: f.chain, isLast: true}
		f.abandoned = false
		f.writing++
		t.closeChain(f)
		t.requeue(f)
		return s, turnTaken
	}
	s := f.envelopes[0]
	s.flow = f
	whole := len(s.b) - frame.HeaderSize
	if f.chain != 0 && f.off == 0 && whole <= longest {
		t.closeChain(f) // the line has become faster while it waited
	}
	if s.alone && f.chain == 0 && whole > longest && t.peer.Chains > 0 {
		f.size = whole
		if t.held.first != nil || !t.fits(f) {
			f.remove()
			t.held.push(f)
			return s, turnHeld
		}
		t.openChain(f)
	}
	if f.chain != 0 {
		s.alone, s.chain = false, f.chain
		s.isFirst = f.off == 0
		s.from = max(f.off, frame.HeaderSize)
		s.to = min(s.from+part, len(s.b))
		s.isLast = s.to == len(s.b)
		s.ends = s.isLast
	}
	if s.size() > most {
		return s, turnTooLarge
	}
	f.off = s.to
	f.writing++
	if s.ends {
		f.envelopes = slices.Delete(f.envelopes, 0, 1)
		f.off, f.done = 0, true
		if f.chain != 0 {
			t.closeChain(f)
		}
	}
	t.requeue(f)
	return s, turnTaken
}

// requeue lets f wait for its next turn, if it has more.
func (t *turns) requeue(f *flow) {
	f.remove()
	if len(f.envelopes) > 0 {
		t.ring.push(f)
	}
}

// fits says whether the peer has room for the chain of f.
func (t *turns) fits(f *flow) bool {
	return t.open < t.peer.Chains && f.size <= t.peer.Assemble-t.reserved
}

func (t *turns) openChain(f *flow) {
	t.chains++
	t.open++
	t.reserved += f.size
	f.chain = t.chains
}

// closeChain closes the chain of f, and gives what it held to the flows that wait for it.
func (t *turns) closeChain(f *flow) {
	t.open--
	t.reserved -= f.size
	f.chain = 0
	t.grant()
}

// grant opens chains for the flows that are held, in order, while the peer has room.
func (t *turns) grant() {
	for f := t.held.first; f != nil && t.fits(f); f = t.held.first {
		t.openChain(f)
		t.requeue(f)
	}
}

// drop drops what f has. If parts of an envelope have left, f has one more turn, to abandon it.
func (t *turns) drop(f *flow) {
	begun := f.off > 0 // or the envelope before was dropped, and its chain has to be abandoned still
	for i, s := range f.envelopes {
		if i == 0 && begun && f.writing > 0 {
			f.dropped = s.buffer
		} else {
			s.release()
		}
	}
	f.envelopes, f.off, f.only = nil, 0, [1]segment{}
	switch {
	case begun || f.abandoned:
		f.abandoned = true
	case f.chain != 0:
		f.remove()
		t.closeChain(f)
	default:
		wasHeld := f.list == &t.held
		f.remove()
		if wasHeld {
			t.grant() // those behind it may need less
		}
	}
}

// clear drops everything.
func (t *turns) clear() {
	for _, s := range t.urgent {
		s.release()
	}
	t.urgent = nil
	t.peer = PartLimits{} // so that no flow gets another turn
	for _, l := range []*flowList{&t.ring, &t.held} {
		for l.first != nil {
			f := l.first
			t.drop(f)
			f.abandoned = false
			f.remove()
		}
	}
}
