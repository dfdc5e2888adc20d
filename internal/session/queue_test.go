package session

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"slices"
	"testing"
	"testing/synctest"

	"github.com/seed-f6ddb928/peernet-go/envelope"
	"github.com/seed-f6ddb928/peernet-go/frame"
)

var errTest = errors.New("the end of the test")

func testQueue(limit int) *queue { return newQueue(limit, func() bool { return false }) }

// numbered returns an envelope of size bytes, its header's 4 included, that begins with n.
func numbered(n, size int) *buffer {
	buf := newBuffer(size)
	buf.b = append(buf.b, 0, 0, 0, 0)
	buf.b = binary.BigEndian.AppendUint32(buf.b, uint32(n))
	for len(buf.b) < size {
		buf.b = append(buf.b, byte(n))
	}
	return buf
}

// number returns the n of a numbered envelope that has come out whole.
func number(t *testing.T, plain []byte) int {
	t.Helper()
	if len(plain) < 4 {
		t.Fatalf("an envelope of %d bytes came out", len(plain))
	}
	n := int(binary.BigEndian.Uint32(plain))
	if rest := plain[4:]; !bytes.Equal(rest, bytes.Repeat([]byte{byte(n)}, len(rest))) {
		t.Fatalf("envelope %d came out changed", n)
	}
	return n
}

// plaintexts returns the envelopes of segments, and fails unless what the segments say of themselves is true.
func plaintexts(t *testing.T, segments []segment) (all [][]byte) {
	t.Helper()
	for _, s := range segments {
		n := 0
		for b := s.b; len(b) > 0; n++ {
			end := frame.HeaderSize + int(binary.BigEndian.Uint32(b))
			all = append(all, bytes.Clone(b[frame.HeaderSize:end]))
			b = b[end:]
		}
		if n != s.frames {
			t.Fatalf("a segment of %d envelopes says that it has %d", n, s.frames)
		}
	}
	return all
}

// empty takes all that waits and returns the envelopes in the order in which they leave.
func empty(t *testing.T, q *queue) (all [][]byte) {
	t.Helper()
	for {
		q.mu.Lock()
		idle := !q.turns.hasWork() && len(q.pongs) == 0
		q.mu.Unlock()
		if idle {
			return all
		}
		segments, next := takeOnce(q, nil)
		if next != writes {
			t.Fatal("take says that there is no more, and there is")
		}
		all = append(all, plaintexts(t, segments)...)
		q.release(segments)
	}
}

func numbers(t *testing.T, plain [][]byte) (ns []int) {
	t.Helper()
	for _, p := range plain {
		ns = append(ns, number(t, p))
	}
	return ns
}

// A lane is one of two orders in which envelopes leave: the urgent lane, or that of the sends.
type lane uint8

const (
	urgent lane = iota
	bulk
	lanes
)

// pushTo pushes to a lane. p is told the position of what is urgent.
func pushTo(ctx context.Context, q *queue, ln lane, buf *buffer, p *position) error {
	if ln == bulk {
		return q.pushSend(ctx, buf)
	}
	return q.pushInTurn(ctx, &q.replies, waiter{buf: buf, p: p, starts: true})
}

func push(t *testing.T, q *queue, ln lane, n, size int) {
	t.Helper()
	if err := pushTo(t.Context(), q, ln, numbered(n, size), nil); err != nil {
		t.Fatalf("push: %v", err)
	}
}

// takeOnce takes what one write of a fast line has.
func takeOnce(q *queue, segments []segment) ([]segment, step) { return q.take(segments, mostAllowance) }

// waiting returns a take that waits while the writer of q would rest. It returns false when there will be nothing more.
func waiting(q *queue) func([]segment) ([]segment, bool) {
	started := make(chan struct{}, 1)
	q.startWriter(func() { started <- struct{}{} })
	isResting := true
	return func(segments []segment) ([]segment, bool) {
		for {
			if isResting {
				<-started
			}
			segments, next := takeOnce(q, segments)
			if isResting = next == rests; !isResting {
				return segments, next == writes
			}
		}
	}
}

// wantEmpty fails unless the queue accounts for nothing any more.
func wantEmpty(t *testing.T, q *queue) {
	t.Helper()
	q.mu.Lock()
	defer q.mu.Unlock()
	rooms := map[string]*room{"replies": &q.replies, "calls": &q.calls, "large calls": &q.largeCalls, "large replies": &q.largeReplies}
	if q.sends != nil {
		rooms["sends"] = q.sends.room
	}
	for name, r := range rooms {
		if r.bytes != 0 || len(r.waiters) != 0 {
			t.Errorf("left over of %s: %d bytes, %d waiters", name, r.bytes, len(r.waiters))
		}
	}
	if q.bytes != 0 || q.refusals != 0 || len(q.pongs) != 0 || len(q.crowded) != 0 || q.starting != 0 || q.bye != nil {
		t.Errorf("left over: bytes %d, refusals %d, pongs %d, rooms with waiters %d, starting %d", q.bytes, q.refusals, len(q.pongs),
			len(q.crowded), q.starting)
	}
	if o := &q.turns; !o.isEmpty() || o.queued != o.taken || o.open != 0 || o.reserved != 0 || o.run != 0 {
		t.Errorf("left over: urgent %d of %d, chains %d of %d bytes, a run of %d", o.queued-o.taken, o.queued, o.open, o.reserved, o.run)
	}
}

func TestEachLaneKeepsItsOrder(t *testing.T) {
	q := testQueue(10 << 20)
	var want [lanes][]int
	for n := range 400 {
		ln := lane(n % 2)
		size := []int{8, 100, copyBytes - 1, copyBytes, copyBytes + 1, 70_000}[n/2%6]
		if ln == urgent {
			q.force(numbered(n, size), nil)
		} else {
			push(t, q, bulk, n, size)
		}
		want[ln] = append(want[ln], n)
	}
	var got [lanes][]int
	for _, n := range numbers(t, empty(t, q)) {
		got[n%2] = append(got[n%2], n)
	}
	for ln := range want {
		if !slices.Equal(got[ln], want[ln]) {
			t.Errorf("lane %d: %v, want %v", ln, got[ln], want[ln])
		}
	}
	if !q.isEmpty() {
		t.Error("the queue is not empty")
	}
	wantEmpty(t, q)
}

func TestUrgentLeavesBeforeBulk(t *testing.T) {
	q := testQueue(1 << 20)
	push(t, q, bulk, 1, 50)
	push(t, q, bulk, 2, 20_000)
	q.force(numbered(3, 50), nil)
	if got, want := numbers(t, empty(t, q)), []int{3, 1, 2}; !slices.Equal(got, want) {
		t.Errorf("order %v, want %v", got, want)
	}
}

// TestOnlyLargeEnvelopesAreQueuedByReference looks at what becomes of the buffers on both sides of copyBytes.
// TestBulkWaitsForWhatIsUrgentButNotForEver queues more that is urgent than one write takes, in small envelopes and in large ones,
// and bulk that would fit what room the write has left. Bulk leaves after the first urgentRun bytes.
func TestBulkWaitsForWhatIsUrgentButNotForEver(t *testing.T) {
	for _, size := range []int{100, 1000, copyBytes, copyBytes + 1, 100_000} {
		q := testQueue(1000)
		push(t, q, bulk, 9, 20)
		n := 2*flushBytes/size + 1
		for range min(n, maxRefusals) {
			q.pushRefusal(numbered(1, size))
		}
		for range n - min(n, maxRefusals) {
			q.force(numbered(1, size), nil)
		}
		got := numbers(t, empty(t, q))
		at := slices.Index(got, 9)
		if before := at * size; len(got) != n+1 || before < urgentRun-size || before > urgentRun+max(urgentRun, size) {
			t.Errorf("of %d urgent envelopes of %d bytes, %d left before bulk", n, size, at)
		}
	}
}

func TestOnlyLargeEnvelopesAreQueuedByReference(t *testing.T) {
	q := testQueue(1 << 20)
	for n, size := range []int{copyBytes, copyBytes + 1, copyBytes - 8, 8} {
		buf := numbered(n, size)
		if err := q.pushSend(t.Context(), buf); err != nil {
			t.Fatal(err)
		}
		segs := q.sends.envelopes
		if last := segs[len(segs)-1]; last.alone != (size > copyBytes) || last.alone != (last.buffer == buf) {
			t.Errorf("%d bytes: alone %v, by reference %v", size, last.alone, last.buffer == buf)
		}
	}
	if n := len(q.sends.envelopes); n != 3 {
		t.Errorf("%d segments, want 3: the two after the large one share theirs", n)
	}
	empty(t, q)
	wantEmpty(t, q)
}

// TestOneWriteIsBounded holds flushBytes: what one take hands out has at most that many bytes, or is one envelope.
func TestOneWriteIsBounded(t *testing.T) {
	q := testQueue(100 << 20)
	for n := range 100 {
		push(t, q, bulk, n, []int{30, 15_000, 64 << 10, 300 << 10, 250 << 10}[n%5])
	}
	var got []int
	for range 100 {
		if q.isEmpty() {
			break
		}
		segments, _ := takeOnce(q, nil)
		size := 0
		for _, s := range segments {
			size += len(s.b)
		}
		if size > flushBytes && len(segments) > 1 {
			t.Fatalf("%d bytes in %d segments for one write", size, len(segments))
		}
		got = append(got, numbers(t, plaintexts(t, segments))...)
		q.release(segments)
	}
	if len(got) != 100 || !slices.IsSorted(got) {
		t.Errorf("%d envelopes came out, sorted: %v", len(got), slices.IsSorted(got))
	}
	wantEmpty(t, q)
}

// TestFinishDropsAllButTheBye also looks at what the writer has in hand: that it finishes.
func TestFinishDropsAllButTheBye(t *testing.T) {
	q := testQueue(1 << 20)
	push(t, q, bulk, 0, 100)
	segments, _ := takeOnce(q, nil)
	push(t, q, bulk, 1, 100)
	push(t, q, bulk, 2, 100_000)
	q.force(numbered(3, 100), nil)
	q.pushPong([]byte("nonce"))
	q.finish(numbered(4, 50), errTest)
	q.release(segments)
	segments, next := takeOnce(q, nil)
	if got, want := numbers(t, plaintexts(t, segments)), []int{4}; next != writes || !slices.Equal(got, want) {
		t.Errorf("%v left, want %v", got, want)
	}
	q.release(segments)
	if segments, next = takeOnce(q, nil); next != ends || len(segments) != 0 {
		t.Errorf("%d segments follow the bye", len(segments))
	}
}

// TestOnlyTheNewestPongsWait holds wire.md §6.6.
func TestOnlyTheNewestPongsWait(t *testing.T) {
	q := testQueue(1000)
	push(t, q, bulk, 0, 100)
	nonce := make([]byte, 1)
	for i := range 10 {
		nonce[0] = byte(i) // the queue keeps a copy
		q.pushPong(nonce)
		if n := len(q.pongs); n > maxPongs {
			t.Fatalf("%d pongs wait", n)
		}
	}
	if q.isEmpty() {
		t.Error("the queue is empty, with pongs in it")
	}
	plain := empty(t, q)
	for i, p := range plain[:len(plain)-1] {
		var e envelope.Envelope
		if err := envelope.Msgpack.Parse(p, &e); err != nil || e.Kind != envelope.KindPong || !bytes.Equal(e.Nonce, []byte{byte(6 + i)}) {
			t.Errorf("pong %d: %x, %v", i, p, err)
		}
	}
	if len(plain) != maxPongs+1 {
		t.Errorf("%d envelopes left, want %d pongs and another", len(plain), maxPongs)
	}
	wantEmpty(t, q)
}

// TestRefusalsAreBounded fills the queue with refusals of several sizes, and goes on after every take: also when
// a write has room for only some of them, no more than the bound wait.
func TestRefusalsAreBounded(t *testing.T) {
	for _, size := range []int{20, 1000, 5000} {
		q := testQueue(1000)
		fill := func() (n int) {
			for q.pushRefusal(numbered(1, size)) {
				n++
			}
			return n
		}
		if n := fill(); n != maxRefusals {
			t.Errorf("%d bytes: %d refusals wait, want %d", size, n, maxRefusals)
		}
		for range 20 {
			segments, _ := takeOnce(q, nil)
			frames := 0
			for _, s := range segments {
				frames += s.frames
			}
			if n := fill(); n != frames {
				t.Fatalf("%d bytes: %d left and %d more fit", size, frames, n)
			}
			if waiting := q.replies.bytes - frames*size; waiting > maxRefusals*size {
				t.Fatalf("%d bytes: %d bytes of refusals wait, want at most %d", size, waiting, maxRefusals*size)
			}
			q.release(segments)
		}
		empty(t, q)
		wantEmpty(t, q)
	}
}

// TestIsTakenSaysWhatTheWriterHas is what tells a caller whether its request may have left. Small calls leave before large
// ones, and each write takes those that it has room for.
func TestIsTakenSaysWhatTheWriterHas(t *testing.T) {
	q := testQueue(1 << 20)
	var ps [4]position
	for i, size := range []int{10, 200_000, 100_000, 10} {
		if q.isTaken(&ps[i]) {
			t.Errorf("envelope %d is written before it is queued", i)
		}
		if err := q.pushCall(t.Context(), numbered(i, size), &ps[i]); err != nil {
			t.Fatal(err)
		}
		q.force(numbered(9, 10), nil) // others count too
	}
	want := func(left ...int) {
		t.Helper()
		for i := range ps {
			if got := q.isTaken(&ps[i]); got != slices.Contains(left, i) {
				t.Errorf("envelope %d written: %v", i, got)
			}
		}
	}
	want()
	segments, _ := takeOnce(q, nil)
	want(0, 1, 3)
	q.finish(nil, errTest)
	q.release(segments)
	want(0, 1, 3)
}

// TestNoWakeupIsLost lets the writer fall asleep after each envelope, whichever way the next one comes.
func TestNoWakeupIsLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := testQueue(1000)
		q.isCrowded = func() bool { return true } // the writer yields, and looks again
		taken := make(chan [][]byte)
		go func() {
			defer close(taken)
			for take := waiting(q); ; {
				segments, more := take(nil)
				if !more {
					return
				}
				plain := plaintexts(t, segments)
				q.release(segments)
				taken <- plain
			}
		}()
		for range 3 {
			for name, add := range map[string]func(){
				"push":    func() { push(t, q, bulk, 1, 20) },
				"answer":  func() { q.pushReply(numbered(1, 20)) },
				"force":   func() { q.force(numbered(1, 20), nil) },
				"pong":    func() { q.pushPong([]byte("nonce")) },
				"refusal": func() { q.pushRefusal(numbered(1, 20)) },
			} {
				synctest.Wait()
				add()
				if got := <-taken; len(got) != 1 {
					t.Errorf("%s: %d envelopes", name, len(got))
				}
			}
		}
		synctest.Wait()
		q.halfClose(numbered(2, 20))
		<-taken
		synctest.Wait()
		q.finish(numbered(3, 20), errTest)
		<-taken
		if _, more := <-taken; more {
			t.Error("the writer goes on after the end")
		}
	})
}
