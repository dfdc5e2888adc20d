package session

import (
	"math/rand/v2"
	"reflect"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/seed-f6ddb928/peernet-go/envelope"
)

// countCalls returns how many calls wait for an answer.
func (t *inFlight) countCalls() (n int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.calls.All(func(*pending) { n++ })
	return n
}

// TestEachCallEndsOnce lets callers give up, answers arrive and the session end, all at once: every call that entered ends by
// exactly one of them.
func TestEachCallEndsOnce(t *testing.T) {
	for seed := range uint64(20) {
		var table inFlight
		var pool pendings
		var entered, answered, abandoned, failed atomic.Int64
		var join sync.WaitGroup
		const callers, each = 8, 200
		asked := make(chan envelope.CallID, callers)
		for id := range callers {
			join.Go(func() {
				rnd := rand.New(rand.NewPCG(seed, uint64(id)))
				for i := range each {
					p, call := pool.get(), envelope.CallID(1+id*each+i)
					p.id = call
					if len(p.done) != 0 || p.seq != 0 {
						t.Error("a pending comes from the pool with something of its last call")
					}
					if table.enter(p) != nil {
						pool.put(p)
						continue
					}
					entered.Add(1)
					asked <- call
					if rnd.IntN(3) == 0 && table.remove(p) {
						abandoned.Add(1)
						pool.put(p)
						continue
					}
					if r := <-p.done; r.err == nil {
						answered.Add(1)
					} else {
						failed.Add(1)
					}
					pool.put(p)
				}
			})
		}
		var actor sync.WaitGroup
		actor.Go(func() {
			for call := range asked {
				if p := table.takeCall(call); p != nil {
					p.done <- result{}
				}
			}
		})
		for entered.Load() < callers*each/4 && seed%2 == 0 {
			runtime.Gosched()
		}
		end := func() { table.close(&LinkError{Reason: ReasonLost}, testQueue(1000)) }
		if seed%2 == 0 {
			end()
		}
		join.Wait()
		close(asked)
		actor.Wait()
		if n := answered.Load() + abandoned.Load() + failed.Load(); n != entered.Load() {
			t.Errorf("%d calls entered, %d ended", entered.Load(), n)
		}
		if table.countCalls() != 0 {
			t.Errorf("%d calls are in flight", table.countCalls())
		}
		end()
	}
}

func TestNothingEntersAnEndedTable(t *testing.T) {
	var table inFlight
	call := &pending{done: make(chan result, 1), id: 1}
	ping := &pending{done: make(chan result, 1), id: 1, ping: true}
	for _, p := range []*pending{call, ping, {id: 2, ping: true}} {
		if err := table.enter(p); err != nil {
			t.Fatal(err)
		}
	}
	end, q := &LinkError{Reason: ReasonLost}, testQueue(1000)
	table.close(end, q)
	table.close(&LinkError{Reason: envelope.ReasonBusy}, q)
	for _, p := range []*pending{call, ping} {
		if r := <-p.done; !reflect.DeepEqual(r.err, error(end)) {
			t.Errorf("ended with %v", r.err)
		}
	}
	for _, p := range []*pending{{id: 2}, {id: 3, ping: true}} {
		if err := table.enter(p); err != end {
			t.Errorf("enter: %v", err)
		}
	}
	if table.remove(call) || table.remove(ping) {
		t.Error("what has ended is still in the table")
	}
}

// TestPongAnswersWhatLeftBeforeItsPing is about the entries alone: one that has not left, one without a waiter and a
// later one stay.
func TestPongAnswersWhatLeftBeforeItsPing(t *testing.T) {
	var table inFlight
	q := testQueue(1000)
	waits := func(seq uint64) *pending {
		return &pending{done: make(chan result, 1), position: position{seq: seq}}
	}
	pings := []*pending{waits(0), waits(7), {position: position{seq: 6}}, waits(9), waits(8)}
	for nonce, p := range pings {
		p.id, p.ping = envelope.CallID(nonce), true
		if err := table.enter(p); err != nil {
			t.Fatal(err)
		}
	}
	if taken := table.takePings(5, q); taken != nil {
		t.Errorf("a pong that nobody asked for answers %v", taken)
	}
	if taken, want := table.takePings(4, q), []*pending{pings[4], pings[1]}; !slices.Equal(taken, want) {
		t.Errorf("answered are %v, want %v", taken, want)
	}
	if len(table.pings) != 3 {
		t.Errorf("%d pings are left, want 3", len(table.pings))
	}
}
