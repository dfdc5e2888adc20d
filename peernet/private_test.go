package peernet_test

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"testing"
	"time"

	"github.com/seed-f6ddb928/peernet-go/discovery"
	"github.com/seed-f6ddb928/peernet-go/discovery/manual"
	"github.com/seed-f6ddb928/peernet-go/discovery/udp"
	"github.com/seed-f6ddb928/peernet-go/peernet"
)

// A wrongClock is the system's, but for the time of day.
type wrongClock struct{ by time.Duration }

func (c wrongClock) Now() time.Time { return time.Now().Add(c.by) }

func (wrongClock) AfterFunc(d time.Duration, f func()) func() bool { return time.AfterFunc(d, f).Stop }

func TestPrivateNodesConnectWithClocksFiveMinutesApart(t *testing.T) {
	for _, by := range []time.Duration{-5*time.Minute + time.Minute/2, 0, 5*time.Minute - time.Minute/2} { // and half a minute for this test
		a, b := startNode(t, peernet.Config{Private: true}), startNode(t, peernet.Config{Private: true, Clock: wrongClock{by}})
		handle(t, b, "echo", echo)
		pair(t, a, b)
		if err := a.Connect(patiently(t), b.PublicKey(), b.Addrs()[0].String()); err != nil {
			t.Fatalf("off by %v: %v", by, err)
		}
		if got, err := peernet.Call[string](patiently(t), a, b.PublicKey(), "echo", "hello"); err != nil || got != "hello" {
			t.Errorf("off by %v: %q, %v", by, got, err)
		}
	}
}

// TestPrivateModeMustBeOnAtBothEnds dials a node in private mode in every way that it does not answer, and a node that
// is not from one that is.
func TestPrivateModeMustBeOnAtBothEnds(t *testing.T) {
	for name, c := range map[string]struct {
		from, to peernet.Config
		trusted  bool
	}{
		"from outside":         {peernet.Config{}, peernet.Config{Private: true}, true},
		"to outside":           {peernet.Config{Private: true}, peernet.Config{}, true},
		"without being paired": {peernet.Config{Private: true}, peernet.Config{Private: true}, false},
		"clock ahead":          {peernet.Config{Private: true, Clock: wrongClock{11 * time.Minute}}, peernet.Config{Private: true}, true},
		"clock behind":         {peernet.Config{Private: true, Clock: wrongClock{-11 * time.Minute}}, peernet.Config{Private: true}, true},
	} {
		t.Run(name, func(t *testing.T) {
			a, b := startNode(t, c.from), startNode(t, c.to)
			pair(t, a, b)
			if !c.trusted {
				if err := b.Unpair(a.PublicKey()); err != nil {
					t.Fatal(err)
				}
			}
			err := a.Connect(patiently(t), b.PublicKey(), b.Addrs()[0].String())
			if !errors.Is(err, peernet.ErrUnanswered) || !errors.Is(err, peernet.ErrUnreachable) {
				t.Errorf("%v", err)
			}
			e, err := a.Explain(b.PublicKey())
			if err != nil || e.Advice == "" {
				t.Errorf("%+v, %v", e, err)
			}
		})
	}
}

// TestAStrangerGetsNoWordOfAPrivateNode speaks to its socket: 32 bytes, 48, nothing.
func TestAStrangerGetsNoWordOfAPrivateNode(t *testing.T) {
	b := startNode(t, peernet.Config{Private: true})
	if err := b.Pair(peerKey(t), ""); err != nil {
		t.Fatal(err)
	}
	key := peerKey(t)
	for _, size := range []int{32, 48} {
		conn, err := net.Dial("tcp", b.Addrs()[0].String())
		if err != nil {
			t.Fatal(err)
		}
		frame := append(binary.BigEndian.AppendUint32(nil, uint32(size)), key[:]...)
		if _, err := conn.Write(append(frame, make([]byte, size-32)...)); err != nil {
			t.Fatal(err)
		}
		if err := conn.SetReadDeadline(time.Now().Add(patience)); err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(conn)
		if timeout, ok := errors.AsType[net.Error](err); len(got) != 0 || ok && timeout.Timeout() {
			t.Errorf("%d bytes: answered %x, %v", size, got, err)
		}
		_ = conn.Close()
	}
}

// TestPrivateNodesTrustAsOthersDo pairs and unpairs while they run.
func TestPrivateNodesTrustAsOthersDo(t *testing.T) {
	a, b := pairOf(t, peernet.Config{Private: true}, peernet.Config{Private: true})
	events := a.Events(patiently(t))
	if err := b.Unpair(a.PublicKey()); err != nil {
		t.Fatal(err)
	}
	await[peernet.Disconnected](t, events)
	if err := a.Connect(patiently(t), b.PublicKey(), b.Addrs()[0].String()); !errors.Is(err, peernet.ErrUnanswered) && !errors.Is(err, peernet.ErrRefused) {
		t.Errorf("unpaired: %v", err)
	}
	if err := b.Pair(a.PublicKey(), ""); err != nil {
		t.Fatal(err)
	}
	connect(t, a, b)
}

// A chatty provider announces the key of the node in clear.
type chatty struct{}

func (chatty) Name() string { return "chatty" }

func (chatty) Run(ctx context.Context, _ discovery.Self, _ func(discovery.Sighting)) error {
	<-ctx.Done()
	return nil
}

func TestPrivateModeTakesDiscreetProvidersAlone(t *testing.T) {
	for _, c := range []struct {
		provider discovery.Provider
		private  bool
		want     error
	}{
		{chatty{}, true, peernet.ErrNotDiscreet},
		{chatty{}, false, nil},
		{manual.New(), true, nil},
		{udp.New(udp.Options{}), true, nil},
	} {
		if _, err := peernet.New(peernet.Config{Private: c.private, Discovery: []discovery.Provider{c.provider}}); !errors.Is(err, c.want) {
			t.Errorf("%s, private %t: %v, want %v", c.provider.Name(), c.private, err, c.want)
		}
	}
}
