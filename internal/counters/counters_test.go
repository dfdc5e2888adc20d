package counters

import (
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"slices"
	"strconv"
	"sync"
	"testing"

	"github.com/seed-f6ddb928/peernet-go/envelope"
	"github.com/seed-f6ddb928/peernet-go/handshake"
	"github.com/seed-f6ddb928/peernet-go/identity"
	"github.com/seed-f6ddb928/peernet-go/internal/clock"
	"github.com/seed-f6ddb928/peernet-go/internal/limiter"
)

// constants returns the values of the constants of a type of package envelope.
func constants(t *testing.T, file, kind string) (values []string) {
	t.Helper()
	f, err := parser.ParseFile(token.NewFileSet(), "../../envelope/"+file, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	ast.Inspect(f, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok {
			return true
		}
		if id, ok := spec.Type.(*ast.Ident); ok && id.Name == kind {
			text, err := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
			if err != nil {
				t.Fatal(err)
			}
			values = append(values, text)
		}
		return true
	})
	return values
}

// TestEveryCodeHasANumberOfItsOwn: one that is added to package envelope must not be counted as "other".
func TestEveryCodeHasANumberOfItsOwn(t *testing.T) {
	want := make(map[string]uint64)
	p := new(Peer)
	for _, code := range constants(t, "code.go", "Code") {
		want[code] = 1
		p.CallOut(Answer(envelope.Code(code)))
	}
	for _, code := range []envelope.Code{"", "ok", "lost", "other", "odd"} {
		want[other]++
		p.CallOut(Answer(code))
	}
	for _, r := range []CallResult{OK, Lost, Abandoned} {
		p.CallOut(r)
	}
	s := p.stats()
	if got := s.CallsOut().Errors(); !maps.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
	if in := s.CallsIn(); len(in) != int(callResults) || slices.Max(in) != 0 {
		t.Errorf("the other direction: %v", in)
	}
}

// TestEveryReasonHasANumberOfItsOwn: likewise.
func TestEveryReasonHasANumberOfItsOwn(t *testing.T) {
	want := map[string]uint64{string(Broken): 1}
	for _, r := range constants(t, "bye.go", "Reason") {
		want[r] = 1
	}
	p := new(Peer)
	for r := range want {
		p.Down(nil, envelope.Reason(r))
	}
	for _, r := range []envelope.Reason{"", "odd", "handshake"} {
		p.Down(nil, r)
	}
	want[other] = 3
	s := p.stats()
	if got := s.SessionsEnded(); !maps.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

// TestNoTwoNumbersAreOne: every counter, outcome and reason moves one number.
func TestNoTwoNumbersAreOne(t *testing.T) {
	p := new(Peer)
	moves := []func(){}
	for _, c := range []Counter{BytesIn, FramesIn, SendsIn, SendsUnhandled, SendsDropped, CallsRefused, StreamsIgnored, BytesOut, FramesOut, SendsOut,
		SessionsMade, DialsConnected, DialsFailed} {
		moves = append(moves, func() { p.Add(c, 1) })
	}
	for o := range callResults {
		moves = append(moves, func() { p.CallIn(o) }, func() { p.CallOut(o) })
	}
	for _, r := range EndReasons {
		moves = append(moves, func() { p.Down(nil, r) })
	}
	for _, move := range moves {
		move()
	}
	if s := p.stats(); len(moves) != int(counters) || slices.Contains(s.Counts[:], 0) {
		t.Errorf("%d moves of %d numbers: %v", len(moves), counters, s.Counts)
	}
}

func TestEveryResultOfAHandshakeHasAName(t *testing.T) {
	var b Node
	names := make(map[string]uint64)
	for r := range results {
		b.Handshake(handshake.Responder, r)
		names[HandshakeResults[r]]++
	}
	if got := b.Results(handshake.Responder); len(got) != int(results) || !maps.Equal(got, names) || names[""] > 0 {
		t.Errorf("%v", got)
	}
	if got := b.Results(handshake.Initiator); len(got) != 0 {
		t.Errorf("the other role: %v", got)
	}
}

// A load is a Session of a test.
type load struct{ inFlight, queued int }

func (l *load) InFlight() int { return l.inFlight }
func (l *load) Queued() int   { return l.queued }

func TestSessionsAreAskedWhileTheyAreUp(t *testing.T) {
	p, a, b := new(Peer), &load{1, 10}, &load{2, 20}
	p.Up(a)
	p.Up(b)
	if s := p.stats(); s.Sessions != 2 || s.InFlight != 3 || s.Queued != 30 || s.Counts[SessionsMade] != 2 {
		t.Errorf("%+v", s)
	}
	p.Down(a, envelope.ReasonRotated)
	if s := p.stats(); s.Sessions != 1 || s.InFlight != 2 || s.Queued != 20 || s.Counts[SessionsMade] != 2 {
		t.Errorf("%+v", s)
	}
}

func always(identity.PublicKey) bool { return true }

func TestNumbersOfKeysThatWereTakenOutStayInTheTotal(t *testing.T) {
	var b Node
	const keys = 3 * maxLeft
	for i := range keys {
		key := identity.PublicKey{byte(i), 1}
		p := b.Peer(key)
		if b.Peer(key) != p || b.Find(key) != p {
			t.Fatal("a key has two peers")
		}
		p.Add(SendsIn, 1)
		b.Remove(key)
		p.Add(SendsIn, 1) // late
		if b.Find(key) == p {
			t.Fatal("still there")
		}
		if _, total := b.Snapshot(always); total.Counts[SendsIn] != uint64(2*(i+1)) {
			t.Fatalf("after %d: %d", i+1, total.Counts[SendsIn])
		}
	}
	if len(b.left) > maxLeft || len(b.peers) != 0 {
		t.Errorf("%d are kept that were taken out, and %d peers", len(b.left), len(b.peers))
	}
	b.Remove(identity.PublicKey{9, 9}) // nobody
}

// TestSnapshotTakesOutWhoIsNotTrusted: a handshake that ends after its key was taken out enters it again.
func TestSnapshotTakesOutWhoIsNotTrusted(t *testing.T) {
	var b Node
	good, bad := identity.PublicKey{1}, identity.PublicKey{2}
	b.Peer(good).Add(SendsIn, 1)
	b.Peer(bad).Add(SendsIn, 1)
	for range 2 {
		peers, total := b.Snapshot(func(key identity.PublicKey) bool { return key == good })
		if len(peers) != 1 || peers[good].Counts[SendsIn] != 1 || total.Counts[SendsIn] != 2 || b.peers[bad] != nil {
			t.Errorf("%v, total %d", peers, total.Counts[SendsIn])
		}
	}
}

// TestTakingOutInASnapshotLosesNothing: also when as many were taken out before as are kept.
func TestTakingOutInASnapshotLosesNothing(t *testing.T) {
	var b Node
	const keys = 3 * maxLeft
	for i := range keys {
		b.Peer(identity.PublicKey{byte(i), 1}).Add(SendsIn, 1)
	}
	for range 2 {
		peers, total := b.Snapshot(func(identity.PublicKey) bool { return false })
		if len(peers) != 0 || total.Counts[SendsIn] != keys {
			t.Errorf("%d of %d, and %d peers", total.Counts[SendsIn], keys, len(peers))
		}
	}
}

func TestLinesOfARemovedKeyAreLogged(t *testing.T) {
	var b Node
	b.Peer(identity.PublicKey{1})
	b.Remove(identity.PublicKey{1})
	for range 100 {
		if ok, dropped := b.Find(identity.PublicKey{1}).States.Allow(clock.System, 1, nil); !ok || dropped != 0 {
			t.Fatal("a line of a key that is not trusted any more is not logged")
		}
	}
}

func TestLinesThatWereNotLoggedAreToldWhenTheNodeStops(t *testing.T) {
	var b Node
	var told uint64
	rest := func(dropped uint64) { told += dropped }
	const lines = limiter.MaxLines + 5
	const want = 3 * (3*lines - 2*limiter.MaxLines) // MaxLines of States and Faults together, and of Conflicts
	for i := range byte(3) {
		p := b.Peer(identity.PublicKey{i, 1})
		for range lines {
			p.States.Allow(clock.System, 1, rest)
			p.Faults.Allow(clock.System, 1, rest)
			p.Conflicts.Allow(clock.System, 1, rest)
		}
	}
	b.Remove(identity.PublicKey{1, 1})
	for range 2 {
		if b.FlushLogs(); told != want {
			t.Errorf("%d lines were told, want %d", told, want)
		}
	}
}

// TestTotalNeverGoesBack: while keys come and go, and others count.
func TestTotalNeverGoesBack(t *testing.T) {
	var b Node
	var join sync.WaitGroup
	stop := make(chan struct{})
	for i := range byte(4) {
		join.Go(func() {
			for n := byte(0); ; n++ {
				select {
				case <-stop:
					return
				default:
				}
				p := b.Peer(identity.PublicKey{i, n})
				p.CallOut(OK)
				b.Remove(identity.PublicKey{i, n})
				p.CallOut(Lost)
			}
		})
	}
	var last Stats
	for range 300 {
		_, total := b.Snapshot(always)
		for i, n := range total.Counts {
			if n < last.Counts[i] {
				t.Errorf("number %d: %d after %d", i, n, last.Counts[i])
			}
		}
		last = total
	}
	close(stop)
	join.Wait()
}
