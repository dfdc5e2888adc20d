package runner

import (
	"context"
	"encoding/binary"
	"io"
	"net"
	"strconv"

	"github.com/libp2p/go-libp2p"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"
	"github.com/libp2p/go-libp2p/p2p/muxer/yamux"
	"github.com/libp2p/go-libp2p/p2p/security/noise"
	"github.com/libp2p/go-libp2p/p2p/transport/tcp"
	"github.com/multiformats/go-multiaddr"

	"github.com/seed-f6ddb928/peernet-go/bench/internal/floor"
	"github.com/seed-f6ddb928/peernet-go/bench/internal/measure"
)

// libp2pCalls opens a stream for each call.
var libp2pCalls = Runner{
	Name:  "libp2p",
	Title: "libp2p, a stream per call",
	Serve: serveLibp2p,
	Dial:  dialLibp2p(newLibp2pCalls),
	Open:  openLibp2p,
}

// libp2pStream sends all calls over one stream, as the floor sends them over a connection. Its sessions are those of libp2pCalls.
var libp2pStream = Runner{
	Name:  "libp2p-stream",
	Title: "libp2p, one long stream",
	Serve: serveLibp2p,
	Dial:  dialLibp2p(newLibp2pStream),

	Streams: true,
}

const (
	callProtocol   protocol.ID = "/bench/call"
	streamProtocol protocol.ID = "/bench/stream"
)

// bytesProtocol is that of streams of bytes, named as those of this node are.
func bytesProtocol(stops bool) protocol.ID { return protocol.ID("/bench/" + streamNames[stops]) }

// newHost starts a host on loopback with Noise and yamux, and without bounds on what peers may use.
func newHost() (host.Host, error) {
	return libp2p.New(
		libp2p.ListenAddrStrings("/ip4/127.0.0.1/tcp/0"),
		libp2p.Transport(tcp.NewTCPTransport),
		libp2p.Security(noise.ID, noise.New),
		libp2p.Muxer(yamux.ID, yamux.DefaultTransport),
		libp2p.ResourceManager(&network.NullResourceManager{}),
		libp2p.DisableRelay(),
	)
}

func serveLibp2p() (Endpoint, func(), error) {
	h, err := newHost()
	if err != nil {
		return Endpoint{}, nil, err
	}
	h.SetStreamHandler(callProtocol, echoOnce)
	h.SetStreamHandler(streamProtocol, func(s network.Stream) { floor.NewSession(s, floor.Plain(), floor.Plain(), true) })
	h.SetStreamHandler(bytesProtocol(false), func(s network.Stream) { drop(s) })
	h.SetStreamHandler(bytesProtocol(true), func(network.Stream) {})
	address, err := addressOf(h)
	if err != nil {
		h.Close()
		return Endpoint{}, nil, err
	}
	at, err := newEndpoint(address, h.ID())
	return at, func() { h.Close() }, err
}

// addressOf returns host:port of a host's listener.
func addressOf(h host.Host) (string, error) {
	a := h.Network().ListenAddresses()[0]
	ip, err := a.ValueForProtocol(multiaddr.P_IP4)
	if err != nil {
		return "", err
	}
	port, err := a.ValueForProtocol(multiaddr.P_TCP)
	return net.JoinHostPort(ip, port), err
}

// dialLibp2p returns a Dial that starts a host, connects it and makes a client of it.
func dialLibp2p(newClient func(context.Context, host.Host, peer.ID) (measure.Client, error)) func(Endpoint) (measure.Client, error) {
	return func(at Endpoint) (measure.Client, error) {
		var responder peer.ID
		if err := responder.UnmarshalJSON(at.Secrets); err != nil {
			return nil, err
		}
		address, err := net.ResolveTCPAddr("tcp", at.Address)
		if err != nil {
			return nil, err
		}
		m, err := multiaddr.NewMultiaddr("/ip4/" + address.IP.String() + "/tcp/" + strconv.Itoa(address.Port))
		if err != nil {
			return nil, err
		}
		h, err := newHost()
		if err != nil {
			return nil, err
		}
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := h.Connect(ctx, peer.AddrInfo{ID: responder, Addrs: []multiaddr.Multiaddr{m}}); err != nil {
			h.Close()
			return nil, err
		}
		c, err := newClient(ctx, h, responder)
		if err != nil {
			h.Close()
			return nil, err
		}
		return proven(c)
	}
}

// libp2pClient is a host that opens a stream for each call.
type libp2pClient struct {
	host      host.Host
	responder peer.ID
}

func newLibp2pCalls(_ context.Context, h host.Host, responder peer.ID) (measure.Client, error) {
	return libp2pClient{h, responder}, nil
}

func (c libp2pClient) Call(payload []byte) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	s, err := c.host.NewStream(ctx, c.responder, callProtocol)
	if err != nil {
		return err
	}
	message := append(binary.BigEndian.AppendUint32(make([]byte, 0, 4+len(payload)), uint32(len(payload))), payload...)
	if _, err := s.Write(message); err != nil {
		s.Reset()
		return err
	}
	reply, err := readMessage(s)
	if err != nil {
		s.Reset()
		return err
	}
	if err := s.Close(); err != nil {
		return err
	}
	return checkLength(payload, reply[4:])
}

func (c libp2pClient) Close() { c.host.Close() }

// readMessage reads a length and as many bytes, and returns both.
func readMessage(r io.Reader) ([]byte, error) {
	var length [4]byte
	if _, err := io.ReadFull(r, length[:]); err != nil {
		return nil, err
	}
	message := make([]byte, 4+binary.BigEndian.Uint32(length[:]))
	copy(message, length[:])
	_, err := io.ReadFull(r, message[4:])
	return message, err
}

// echoOnce answers the one call of a stream.
func echoOnce(s network.Stream) {
	message, err := readMessage(s)
	if err == nil {
		_, err = s.Write(message)
	}
	if err != nil {
		s.Reset()
		return
	}
	s.Close()
}

// libp2pSession is a host that sends all calls over one stream.
type libp2pSession struct {
	floorClient
	host      host.Host
	responder peer.ID
}

func newLibp2pStream(ctx context.Context, h host.Host, responder peer.ID) (measure.Client, error) {
	s, err := h.NewStream(ctx, responder, streamProtocol)
	if err != nil {
		return nil, err
	}
	return libp2pSession{floorClient{floor.NewSession(s, floor.Plain(), floor.Plain(), false)}, h, responder}, nil
}

func (c libp2pSession) Stream(stops bool) (io.WriteCloser, error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	s, err := c.host.NewStream(ctx, c.responder, bytesProtocol(stops))
	if err != nil {
		return nil, err
	}
	return libp2pWriter{s}, nil
}

// libp2pWriter is a stream whose Close ends a Write that waits.
type libp2pWriter struct{ network.Stream }

func (w libp2pWriter) Close() error { return w.Reset() }

func (c libp2pSession) Close() {
	c.host.Close() // ends what the session reads, which Close of a stream does not
	c.floorClient.Close()
}
