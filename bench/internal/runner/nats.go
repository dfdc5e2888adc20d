package runner

import (
	"crypto/tls"
	"errors"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"github.com/seed-f6ddb928/peernet-go/bench/internal/measure"
)

// natsRequests is request and reply over an embedded NATS server. The responder is another connection to it, so a call crosses the
// server twice in each direction. A session is one connection to the server.
var natsRequests = Runner{
	Name:  "nats",
	Title: "NATS over TLS",
	Serve: serveNATS,
	Dial:  dialNATS,
	Open:  opener(serveNATS, dialNATS),
}

const natsSubject = "echo"

func serveNATS() (Endpoint, func(), error) {
	config, secrets, err := newTLS()
	if err != nil {
		return Endpoint{}, nil, err
	}
	both, err := secrets.config() // the server knows one certificate, which both its clients show
	if err != nil {
		return Endpoint{}, nil, err
	}
	s, err := server.NewServer(&server.Options{
		Host: "127.0.0.1", Port: server.RANDOM_PORT,
		NoLog: true, NoSigs: true,
		TLS: true, TLSVerify: true, TLSConfig: config,
	})
	if err != nil {
		return Endpoint{}, nil, err
	}
	s.Start()
	if !s.ReadyForConnections(patience) {
		s.Shutdown()
		return Endpoint{}, nil, errors.New("the NATS server does not start")
	}
	responder, err := respondNATS(s.Addr().String(), both)
	if err != nil {
		s.Shutdown()
		return Endpoint{}, nil, err
	}
	at, err := newEndpoint(s.Addr().String(), secrets)
	return at, func() {
		responder.Close()
		s.Shutdown()
		s.WaitForShutdown()
	}, err
}

// respondNATS connects a responder.
func respondNATS(address string, config *tls.Config) (*nats.Conn, error) {
	conn, err := connectNATS(address, config)
	if err != nil {
		return nil, err
	}
	if _, err = conn.Subscribe(natsSubject, func(m *nats.Msg) { m.Respond(m.Data) }); err == nil {
		err = conn.FlushTimeout(patience)
	}
	if err != nil {
		conn.Close()
		return nil, err
	}
	return conn, nil
}

func connectNATS(address string, config *tls.Config) (*nats.Conn, error) {
	return nats.Connect("tls://"+address, nats.Secure(config), nats.NoReconnect(), nats.Timeout(patience))
}

type natsClient struct{ conn *nats.Conn }

func dialNATS(at Endpoint) (measure.Client, error) {
	config, err := initiatorTLS(at)
	if err != nil {
		return nil, err
	}
	conn, err := connectNATS(at.Address, config)
	if err != nil {
		return nil, err
	}
	return proven(natsClient{conn})
}

func (c natsClient) Call(payload []byte) error {
	reply, err := c.conn.Request(natsSubject, payload, patience)
	if err != nil {
		return err
	}
	return checkLength(payload, reply.Data)
}

func (c natsClient) Close() { c.conn.Close() }
