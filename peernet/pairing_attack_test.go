package peernet

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"io"
	"net"
	"os"
	"slices"
	"sync"
	"testing"
	"time"
)

// relayed is how many pairings TestARelayInTheMiddlePairsNobody attacks: 1,000 before a release.
var relayed = flag.Int("relayed", 30, "pairings that a relay in the middle attacks")

// A relay is a node that poses as the offerer: it answers joiners, each over a session of its own with the offerer.
type relay struct {
	*Node
	offerer *Node

	// answer returns the answer to a joiner's message; pass is what to ask the offerer by.
	answer func(message []byte, pass func([]byte) ([]byte, error)) ([]byte, error)

	mu       sync.Mutex // guards the rest
	sessions map[string]*guestSession
}

func newRelay(t *testing.T, offerer *Node) *relay {
	t.Helper()
	r := &relay{Node: runningNode(t, Config{}), offerer: offerer, sessions: make(map[string]*guestSession)}
	if err := r.handleGuests(pairingName, r.handle); err != nil {
		t.Fatal(err)
	}
	return r
}

func (r *relay) handle(ctx context.Context, q *Request) (any, error) {
	g, _ := q.guest()
	message, err := decode[[]byte](q.Args())
	if err != nil {
		return nil, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.answer(message, func(m []byte) ([]byte, error) {
		s := r.sessions[g.session]
		if s == nil {
			if s, err = r.dialGuest(ctx, r.offerer.Addrs()[0].String(), r.offerer.self); err != nil {
				return nil, err
			}
			r.sessions[g.session] = s
		}
		raw, err := s.call(ctx, pairingName, m)
		if remote, ok := errors.AsType[*RemoteError](err); ok {
			return nil, NewError(remote.Code, remote.Text, nil) // as the offerer has said it
		} else if err != nil {
			return nil, err
		}
		return decode[[]byte](raw)
	})
}

// closeAll ends the sessions with the offerer.
func (r *relay) closeAll() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for id, s := range r.sessions {
		s.close()
		delete(r.sessions, id)
	}
}

// isConfirmation says whether a message of a joiner is its second.
func isConfirmation(m []byte) bool { return len(m) > 0 && m[0] == 3 }

// relays is what a relay can do with the messages between two sessions that are its own.
var relays = []struct {
	name   string
	answer func(m []byte, pass func([]byte) ([]byte, error)) ([]byte, error)
	ended  bool // the offer, by a wrong confirmation
}{
	{"passes everything on", func(m []byte, pass func([]byte) ([]byte, error)) ([]byte, error) { return pass(m) }, true},
	{"sends the joiner its own confirmation", func(m []byte, pass func([]byte) ([]byte, error)) ([]byte, error) {
		if !isConfirmation(m) {
			return pass(m)
		}
		own := bytes.Clone(m)
		own[0] = 4
		return own, nil
	}, false},
	{"sends the joiner its own share", func(m []byte, pass func([]byte) ([]byte, error)) ([]byte, error) {
		own := bytes.Clone(m)
		own[0]++ // a share or a confirmation of the offerer's
		return own, nil
	}, false},
	{"passes the confirmation on, and its reflection back", func(m []byte, pass func([]byte) ([]byte, error)) ([]byte, error) {
		answer, err := pass(m)
		if isConfirmation(m) {
			own := bytes.Clone(m)
			own[0] = 4
			return own, nil
		}
		return answer, err
	}, true},
}

func TestARelayInTheMiddlePairsNobody(t *testing.T) {
	offerer := runningNode(t, Config{})
	middle := newRelay(t, offerer)
	var joiner *Node
	for n := range *relayed {
		if n%16 == 0 { // a joiner gives each number three tries
			joiner = runningNode(t, Config{})
		}
		attack := relays[n%len(relays)]
		middle.answer = attack.answer
		o, err := offerer.OfferPairing(t.Context(), Introduction{})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := joiner.JoinPairing(t.Context(), o.Code(), Introduction{Addr: middle.Addrs()[0].String()}); !errors.Is(err, ErrWrongCode) {
			t.Errorf("the relay %s: the joiner learns %v", attack.name, err)
		}
		if !attack.ended {
			o.Close()
		}
		want := context.Canceled
		if attack.ended {
			want = ErrWrongCode
		}
		if _, err := o.Wait(t.Context()); !errors.Is(err, want) {
			t.Errorf("the relay %s: the offerer learns %v, want %v", attack.name, err, want)
		}
		middle.closeAll()
		wantNobody(t, offerer, joiner, middle.Node)
		if t.Failed() {
			t.FailNow()
		}
	}
	t.Logf("%d pairings with a relay in the middle, 0 paired", *relayed)
}

// wantNobody checks that no node trusts anybody.
func wantNobody(t *testing.T, nodes ...*Node) {
	t.Helper()
	for _, n := range nodes {
		if list := n.Trusted(); len(list) > 0 {
			t.Errorf("%v trusts %v", n.self, list)
		}
	}
}

// TestMessagesOfAnotherSessionPairNobody plays what a joiner has said, and what an offerer has, in sessions of their own.
func TestMessagesOfAnotherSessionPairNobody(t *testing.T) {
	offerer, joiner := runningNode(t, Config{}), runningNode(t, Config{})
	middle := newRelay(t, offerer)
	var said [][]byte // by the joiner
	keep := func(m []byte, pass func([]byte) ([]byte, error)) ([]byte, error) {
		said = append(said, bytes.Clone(m))
		if isConfirmation(m) {
			return nil, ErrBadArgs // it does not reach the offerer
		}
		return pass(m)
	}
	middle.answer = keep
	o, err := offerer.OfferPairing(t.Context(), Introduction{})
	if err != nil {
		t.Fatal(err)
	}
	at := middle.Addrs()[0].String()
	if _, err := joiner.JoinPairing(t.Context(), o.Code(), Introduction{Addr: at}); err == nil {
		t.Error("the joiner has paired with the relay")
	}
	middle.closeAll()
	if len(said) != 2 {
		t.Fatalf("the joiner has said %d messages", len(said))
	}

	s, err := middle.dialGuest(t.Context(), offerer.Addrs()[0].String(), offerer.self)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := pairCall(t.Context(), s, said[1]); !isRemote(err, codeNoRun) {
		t.Errorf("a confirmation without a share: %v", err)
	}
	if n, _ := o.Attempts(); n != 1 {
		t.Errorf("%d attempts", n)
	}
	answer, err := pairCall(t.Context(), s, said[0])
	if err != nil {
		t.Fatal(err)
	}
	if _, err := pairCall(t.Context(), s, said[1]); !errors.Is(err, ErrWrongCode) {
		t.Errorf("the joiner's messages once more: %v", err)
	}
	if _, err := o.Wait(t.Context()); !errors.Is(err, ErrWrongCode) {
		t.Errorf("the offerer learns %v", err)
	}
	s.close()

	// The joiner's person types the code once more, and gets the offerer's share of another session.
	middle.answer = func(m []byte, _ func([]byte) ([]byte, error)) ([]byte, error) {
		if isConfirmation(m) {
			return append([]byte{4}, m[1:]...), nil
		}
		return answer, nil
	}
	if _, err := joiner.JoinPairing(t.Context(), o.Code(), Introduction{Addr: at}); !errors.Is(err, ErrWrongCode) {
		t.Errorf("the joiner learns %v", err)
	}
	wantNobody(t, offerer, joiner, middle.Node)
}

// A recordingConn keeps what is written to it.
type recordingConn struct {
	net.Conn
	record func([]byte)
}

func (c recordingConn) Write(b []byte) (int, error) {
	c.record(b)
	return c.Conn.Write(b)
}

// TestTheBytesOfAPairingPlayedAgainDoNothing sends the offerer what a joiner has sent in a pairing that succeeded, while another
// offer is open.
func TestTheBytesOfAPairingPlayedAgainDoNothing(t *testing.T) {
	var mu sync.Mutex // guards conns
	var conns []*bytes.Buffer
	var network Network
	network.Dial = func(ctx context.Context, kind, address string) (net.Conn, error) {
		conn, err := new(net.Dialer).DialContext(ctx, kind, address)
		if err != nil {
			return nil, err
		}
		sent := new(bytes.Buffer)
		mu.Lock()
		defer mu.Unlock()
		conns = append(conns, sent)
		return recordingConn{conn, func(b []byte) { mu.Lock(); defer mu.Unlock(); sent.Write(b) }}, nil
	}
	offerer, joiner := runningNode(t, Config{}), runningNode(t, Config{Network: network})
	o, err := offerer.OfferPairing(t.Context(), Introduction{})
	if err != nil {
		t.Fatal(err)
	}
	at := offerer.Addrs()[0].String()
	if _, err := joiner.JoinPairing(t.Context(), o.Code(), Introduction{Addr: at}); err != nil {
		t.Fatal(err)
	}
	// An attacker who plays it again meets a node that does not know the joiner.
	if err := offerer.Unpair(joiner.self); err != nil {
		t.Fatal(err)
	}
	again, err := offerer.OfferPairing(t.Context(), Introduction{})
	if err != nil {
		t.Fatal(err)
	}
	mu.Lock()
	played := slices.Clone(conns[0].Bytes()) // of the session as a guest
	mu.Unlock()
	conn, err := net.Dial("tcp", at)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Write(played); err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(io.Discard, conn); errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("the node goes on with it: %v", err)
	}
	if n, _ := again.Attempts(); n != 0 {
		t.Errorf("%d attempts", n)
	}
	select {
	case <-again.Done():
		t.Error("the offer has ended")
	default:
	}
	wantNobody(t, offerer)
}
