package runner

import (
	"crypto/tls"
	"net"
	"net/rpc"

	"github.com/seed-f6ddb928/peernet-go/bench/internal/measure"
)

// netRPC is the standard library's net/rpc with gob over mutual TLS.
var netRPC = Runner{
	Name:  "netrpc",
	Title: "net/rpc over TLS",
	Serve: serveRPC,
	Dial:  dialRPC,
	Open:  opener(serveRPC, dialRPC),
}

// RPCEcho is exported because net/rpc calls exported methods of exported types.
type RPCEcho struct{}

// Echo returns payload.
func (RPCEcho) Echo(payload []byte, reply *[]byte) error {
	*reply = payload
	return nil
}

func serveRPC() (Endpoint, func(), error) {
	config, secrets, err := newTLS()
	if err != nil {
		return Endpoint{}, nil, err
	}
	s := rpc.NewServer()
	if err := s.RegisterName("Echo", RPCEcho{}); err != nil {
		return Endpoint{}, nil, err
	}
	l, err := tls.Listen("tcp", "127.0.0.1:0", config)
	if err != nil {
		return Endpoint{}, nil, err
	}
	stop := serveConns(l, func(conn net.Conn) func() {
		go s.ServeConn(conn) // ends with conn
		return func() { conn.Close() }
	})
	at, err := newEndpoint(l.Addr().String(), secrets)
	return at, stop, err
}

type rpcClient struct{ *rpc.Client }

func dialRPC(at Endpoint) (measure.Client, error) {
	config, err := initiatorTLS(at)
	if err != nil {
		return nil, err
	}
	conn, err := tls.Dial("tcp", at.Address, config)
	if err != nil {
		return nil, err
	}
	return proven(rpcClient{rpc.NewClient(conn)})
}

func (c rpcClient) Call(payload []byte) error {
	var reply []byte
	if err := c.Client.Call("Echo.Echo", payload, &reply); err != nil {
		return err
	}
	return checkLength(payload, reply)
}

func (c rpcClient) Close() { c.Client.Close() }
