package peernet_test

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-f6ddb928/peernet-go/envelope"
	"github.com/seed-f6ddb928/peernet-go/handshake"
	"github.com/seed-f6ddb928/peernet-go/identity"
	"github.com/seed-f6ddb928/peernet-go/internal/guests"
	"github.com/seed-f6ddb928/peernet-go/internal/test/kit"
	"github.com/seed-f6ddb928/peernet-go/peernet"
	"github.com/seed-f6ddb928/peernet-go/peernet/peertest"
)

// A salon is a host and a guest, and a network on which tests speak for other guests and hosts byte by byte.
type salon struct {
	*testing.T
	host, guest *peertest.Node
	network     peernet.Network
}

func inOpenSalon(t *testing.T, f func(s *salon)) {
	var first *peernet.Network
	inSalon(t, func(c *peernet.Config) {
		if first == nil {
			network := c.Network
			first = &network
		}
	}, func(t *testing.T, _ *peertest.Network, host, guest *peertest.Node) { f(&salon{t, host, guest, *first}) })
}

// rawGuest comes as a guest, and has said its hello.
func (s *salon) rawGuest(seed byte) *kit.RawPeer {
	s.Helper()
	conn, err := s.network.Dial(s.Context(), "tcp", s.host.Addr().String())
	if err != nil {
		s.Fatal(err)
	}
	p := kit.NewRawPeer(s, conn, handshake.Initiator, kit.KeyPair(seed), s.host.PublicKey())
	p.BeginAsGuest(kit.KeyPair(seed))
	p.Handshake()
	p.Write(p.Frames(envelope.AppendHello(nil, envelope.Hello{Version: 1})))
	return p
}

// answerPings reads until the connection ends, answers pings, and says nothing to a bye.
func answerPings(p *kit.RawPeer, also func(e *envelope.Envelope)) {
	defer p.Conn.Close()
	for {
		plain, err := p.Read()
		if err != nil {
			return
		}
		var e envelope.Envelope
		if envelope.Msgpack.Parse(plain, &e) != nil {
			return
		}
		if e.Kind == envelope.KindPing {
			p.Write(p.Frames(envelope.Msgpack.AppendPong(nil, e.Nonce)))
		} else if also != nil {
			also(&e)
		}
	}
}

// TestGuestThatIgnoresTheByeIsNotWaitedFor: it has no call in flight.
func TestGuestThatIgnoresTheByeIsNotWaitedFor(t *testing.T) {
	inOpenSalon(t, func(s *salon) {
		p := s.rawGuest(1)
		var join sync.WaitGroup
		join.Go(func() { answerPings(p, nil) })
		synctest.Wait()
		began := time.Now()
		if err := s.host.Shutdown(context.Background()); err != nil {
			s.Error(err)
		}
		if took := time.Since(began); took > 2*time.Second {
			s.Errorf("the shutdown took %v", took)
		}
		join.Wait()
	})
}

// TestGuestThatCallsNothingIsSentAway, whatever else it sends and whether it answers the bye or not.
func TestGuestThatCallsNothingIsSentAway(t *testing.T) {
	for name, send := range map[string]func() ([]byte, error){
		"silent": nil,
		"pings":  func() ([]byte, error) { return envelope.Msgpack.AppendPing(nil, []byte{1}), nil },
	} {
		t.Run(name, func(t *testing.T) {
			inOpenSalon(t, func(s *salon) {
				ctx, cancel := context.WithCancel(s.Context())
				defer cancel()
				events := s.host.Events(ctx)
				p := s.rawGuest(1)
				over := make(chan struct{})
				var join sync.WaitGroup
				join.Go(func() {
					defer close(over)
					answerPings(p, nil)
				})
				if send != nil {
					b, err := send()
					if err != nil {
						s.Fatal(err)
					}
					join.Go(func() {
						for {
							select {
							case <-over:
								return
							case <-time.After(2 * time.Second):
							}
							if _, err := p.Conn.Write(p.Frames(b)); err != nil {
								return
							}
						}
					})
				}
				began := time.Now()
				gone := await[peernet.GuestDisconnected](s.T, events)
				if took := time.Since(began); took > 15*time.Second || gone.Reason != "idle" {
					s.Errorf("it stayed for %v: %+v", took, gone)
				}
				join.Wait()
			})
		})
	}
}

// serveWithoutBye has a host that answers calls, and never says a bye. It returns its address.
func (s *salon) serveWithoutBye(join *sync.WaitGroup) (l net.Listener) {
	s.Helper()
	l, err := s.network.Listen(s.Context(), "tcp", netip.AddrPortFrom(s.host.Addr().Addr(), 7999).String())
	if err != nil {
		s.Fatal(err)
	}
	join.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			join.Go(func() {
				p := kit.NewRawPeer(s, conn, handshake.Responder, kit.KeyPair(9), identity.PublicKey{})
				p.Step()
				p.Step()
				p.Noise.ExpectGuest()
				p.Step()
				p.TakeKeys()
				p.Write(p.Frames(envelope.AppendHello(nil, envelope.Hello{Version: 1})))
				answerPings(p, func(e *envelope.Envelope) {
					if e.Kind == envelope.KindCall {
						b, _ := envelope.Msgpack.AppendReply(nil, e.ID, "x")
						p.Write(p.Frames(b))
					}
				})
			})
		}
	})
	return l
}

// TestHostThatSaysNoByeIsNotWaitedFor: a call that has returned keeps no session for long.
func TestHostThatSaysNoByeIsNotWaitedFor(t *testing.T) {
	inOpenSalon(t, func(s *salon) {
		var join sync.WaitGroup
		l := s.serveWithoutBye(&join)
		call := func() error {
			_, _, err := s.guest.CallAsGuest(s.Context(), l.Addr().String(), identity.PublicKey{}, "open", "x")
			return err
		}
		for range 50 {
			if err := call(); err != nil {
				s.Fatal(err)
			}
		}
		time.Sleep(2 * time.Second)
		if n := s.guest.Stats().Guests.Sessions; n != 0 {
			s.Errorf("%d sessions are left of calls that have returned", n)
		}
		for range guests.MaxHosts {
			if err := call(); err != nil {
				s.Fatal(err)
			}
		}
		_, _, err := s.guest.CallAsGuest(s.Context(), s.host.Addr().String(), identity.PublicKey{}, "open", "x")
		if !errors.Is(err, peernet.ErrFull) || !peernet.Retryable(err) {
			s.Errorf("one session too many: %v", err)
		}
		time.Sleep(2 * time.Second)
		if err := call(); err != nil {
			s.Errorf("with room again: %v", err)
		}
		began := time.Now()
		if err := s.guest.Shutdown(context.Background()); err != nil {
			s.Error(err)
		}
		if took := time.Since(began); took > 2*time.Second {
			s.Errorf("the shutdown took %v", took)
		}
		_ = l.Close()
		join.Wait()
	})
}
