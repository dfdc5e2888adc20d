package session

import (
	"context"
	"encoding/binary"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
)

// A modelled is a queue that many goroutines use at once, and what must be true of it: what was accepted leaves
// once and in its goroutine's order, what was not never leaves, and no byte is counted that is not there.
type modelled struct {
	*queue
	largest int

	mu       sync.Mutex // guards the rest
	accepted [producers][lanes][]int
	left     [producers][lanes][]int
	refused  int
	draining int
}

const (
	producers  = 16
	perModeled = 60 // envelopes of each producer
)

// TestQueueUnderManyGoroutines runs random histories, each with another end.
func TestQueueUnderManyGoroutines(t *testing.T) {
	for seed := range uint64(6) {
		end := []string{"drained", "half-closed", "finished"}[seed%3]
		t.Run(end, func(t *testing.T) { runModel(t, seed, end) })
	}
}

func runModel(t *testing.T, seed uint64, end string) {
	m := &modelled{queue: testQueue(30_000), largest: 40_000}
	m.queue.isCrowded = func() bool { return seed%2 == 0 }
	writer := make(chan struct{})
	go func() {
		defer close(writer)
		m.write(t, rand.New(rand.NewPCG(seed, 1)))
	}()
	var produced atomic.Int64
	var join sync.WaitGroup
	for id := range producers {
		join.Go(func() { m.produce(id, rand.New(rand.NewPCG(seed, uint64(2+id))), &produced) })
	}
	if end != "drained" {
		for produced.Load() < producers*perModeled/2 {
			runtime.Gosched()
		}
	}
	switch end {
	case "half-closed":
		m.halfClose(numbered(0, 20))
	case "finished":
		m.finish(nil, errTest)
	}
	join.Wait()
	for end != "finished" && !m.isEmpty() {
		runtime.Gosched()
	}
	if end != "finished" {
		wantEmpty(t, m.queue)
		m.finish(nil, errTest)
	}
	<-writer
	m.check(t, end)
}

// produce pushes envelopes and gives up on some of them.
func (m *modelled) produce(id int, r *rand.Rand, produced *atomic.Int64) {
	for i := range perModeled {
		n := 1 + id*perModeled + i
		ln := lane(r.IntN(2))
		size := 8 + r.IntN([]int{50, 3000, m.largest - 8}[r.IntN(3)])
		ctx, cancel := context.WithCancel(context.Background())
		switch r.IntN(4) {
		case 0:
			cancel()
		case 1:
			go cancel()
		}
		var p position
		err := pushTo(ctx, m.queue, ln, numbered(n, size), &p)
		cancel()
		m.mu.Lock()
		switch {
		case err == nil:
			m.accepted[id][ln] = append(m.accepted[id][ln], n)
		case err == errDraining:
			m.draining++
		default:
			m.refused++
		}
		m.mu.Unlock()
		if r.IntN(8) == 0 {
			m.pushPong([]byte{byte(n)})
		}
		produced.Add(1)
	}
}

// write takes until the end, and looks at the accounts each time.
func (m *modelled) write(t *testing.T, r *rand.Rand) {
	var segments []segment
	take := waiting(m.queue)
	for more := true; more; {
		segments, more = take(segments[:0])
		m.queue.mu.Lock()
		if m.sends != nil {
			if b := m.sends.room.bytes; b < 0 || b > max(m.sends.room.limit, m.largest)+20 {
				t.Errorf("%d bytes of bulk are counted", b)
			}
		}
		if b := m.replies.bytes; b < 0 || b > urgentRoom+200 {
			t.Errorf("%d urgent bytes are counted", b)
		}
		if n := len(m.queue.pongs); n > maxPongs {
			t.Errorf("%d pongs wait", n)
		}
		m.queue.mu.Unlock()
		for _, s := range segments {
			for _, plain := range plaintexts(t, []segment{s}) {
				if len(plain) == 5 && plain[1] == 4 { // a pong of one byte
					continue
				}
				if n := int(binary.BigEndian.Uint32(plain)); n > 0 {
					id := (n - 1) / perModeled
					number(t, plain)
					m.mu.Lock()
					ln := urgent
					if s.flow != nil {
						ln = bulk
					}
					m.left[id][ln] = append(m.left[id][ln], n)
					m.mu.Unlock()
				}
			}
		}
		for range r.IntN(3) {
			runtime.Gosched()
		}
		m.release(segments)
	}
}

func (m *modelled) check(t *testing.T, end string) {
	for id := range producers {
		for ln := range lane(lanes) {
			accepted, left := m.accepted[id][ln], m.left[id][ln]
			switch {
			case end != "finished" && !slices.Equal(accepted, left):
				t.Errorf("producer %d, lane %d: accepted %v, left %v", id, ln, accepted, left)
			case end == "finished" && !slices.Equal(accepted[:min(len(left), len(accepted))], left):
				t.Errorf("producer %d, lane %d: left %v are not the first of accepted %v", id, ln, left, accepted)
			}
		}
	}
	if end == "half-closed" && m.draining == 0 {
		t.Error("nothing was refused after the seal: the model shows nothing")
	}
	if m.refused == 0 {
		t.Error("no push was given up: the model shows nothing")
	}
}
