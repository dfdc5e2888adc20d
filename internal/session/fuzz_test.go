package session

import (
	"bytes"
	"net"
	"net/netip"
	"slices"
	"testing"

	"github.com/seed-f6ddb928/peernet-go/channel"
	"github.com/seed-f6ddb928/peernet-go/envelope"
	"github.com/seed-f6ddb928/peernet-go/frame"
	"github.com/seed-f6ddb928/peernet-go/internal/test/memnet"
)

// FuzzPlaintexts lets a peer that holds the keys say anything, and then bye. The session must not panic, must end for a
// reason that what was said gives, with the bye that goes with it, and leave nothing.
func FuzzPlaintexts(f *testing.F) {
	good, hostile := envelopes(f)
	all := append(append(good, hostile...), streamEnvelopes(f)...)
	for i, v := range all {
		next := all[(i+1)%len(all)]
		if len(v.plain)+len(next.plain) < 10_000 { // larger ones only make the fuzzer slow
			f.Add(v.plain, next.plain, aCall(1, "echo", i))
		}
	}
	o, done := newOutside(f), agree(f)
	network := memnet.New(1)
	a, b := network.Host(netip.MustParseAddr("10.0.0.1")), network.Host(netip.MustParseAddr("10.0.0.2"))
	listener, err := b.Listen(f.Context(), "tcp", "10.0.0.2:1")
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { _ = listener.Close() })
	f.Fuzz(func(t *testing.T, one, two, three []byte) {
		said := [][]byte{one, two, three}
		for _, plain := range said {
			if len(plain) > 20_000 {
				t.Skip("the window of the connection may fill: that is another test")
			}
		}
		pipe := func() (near, far net.Conn) {
			far, err := a.Dial(t.Context(), "tcp", "10.0.0.2:1")
			if err != nil {
				t.Fatal(err)
			}
			if near, err = listener.Accept(); err != nil {
				t.Fatal(err)
			}
			return near, far
		}
		m := o.meet(t, pipe, &done, func(send *channel.CipherState) (stream []byte) {
			for _, plain := range append(said, aBye(envelope.ReasonBusy)) {
				stream = frame.AppendHeader(stream, len(plain)+channel.Overhead)
				if stream, err = send.Seal(stream, plain); err != nil {
					t.Fatal(err)
				}
			}
			return stream
		})
		m.check(t)
		reasons := allowed(said)
		if !slices.Contains(reasons, m.ended.Reason) || m.ended.ByPeer != (m.ended.Reason != envelope.ReasonProtocol || m.ended.Err == nil) {
			t.Errorf("ended %+v, want one of %v", m.ended, reasons)
		}
		if m.ended.Reason == envelope.ReasonProtocol && !m.ended.ByPeer {
			if m.ended.Err == nil {
				t.Error("ended for a violation that is not named")
			}
			if n := len(m.heard); n == 0 || !bytes.Equal(m.heard[n-1], aBye(envelope.ReasonProtocol)) {
				t.Errorf("the peer heard %x", m.heard)
			}
		}
		if s := network.Stats(); s.Conns != 0 {
			t.Errorf("%d sockets are left", s.Conns)
		}
	})
}

// allowed returns the reasons for which a session may end whose peer says these plaintexts and then `busy`. After a bye that
// half-closes it may be over before the rest is read.
func allowed(said [][]byte) (reasons []envelope.Reason) {
	half := envelope.Reason("")
	parts := assembly{limits: testParts}
	for _, plain := range said {
		var e envelope.Envelope
		err := envelope.Msgpack.Parse(plain, &e)
		if err == nil && isPart(&e) {
			var p envelope.Part
			var c *chain
			if p, err = envelope.ParsePart(e.Args, string(e.Name) == envelope.NameLast); err == nil {
				c, err = parts.add(p, 0, func(*envelope.Envelope, int) bool { return true })
			}
			if e = (envelope.Envelope{Kind: envelope.KindPing}); c != nil && !c.abandoned {
				err = envelope.Msgpack.Parse(c.b, &e)
			}
		}
		if err == nil && e.Kind == envelope.KindSend {
			switch string(e.Name) {
			case envelope.NameHello:
				_, err = envelope.ParseHello(e.Args)
			case envelope.NameCancel:
				_, err = envelope.ParseCancel(e.Args)
			case envelope.NameData: // of a stream that is not open, as the next two
				_, _, err = envelope.ParseData(e.Args)
			case envelope.NameCredit:
				_, _, err = envelope.ParseCredit(e.Args)
			case envelope.NameEnd:
				_, err = envelope.ParseEnd(e.Args)
			case envelope.NameBye:
				var bye envelope.Bye
				if bye, err = envelope.ParseBye(e.Args); err == nil {
					if !halfCloses(bye.Code) {
						return append(reasons, bye.Code)
					}
					if half == "" {
						if half = bye.Code; half == ReasonLost || half == ReasonHandshake {
							half = envelope.ReasonShutdown
						}
						reasons = append(reasons, half)
					}
				}
			}
		}
		begins := e.Kind == envelope.KindCall || e.Kind == envelope.KindSend && !envelope.Reserved(e.Name)
		if err != nil || half != "" && begins {
			return append(reasons, envelope.ReasonProtocol)
		}
	}
	return append(reasons, envelope.ReasonBusy)
}
