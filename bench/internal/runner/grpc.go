package runner

import (
	"context"
	"net"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/seed-f6ddb928/peernet-go/bench/internal/measure"
)

// grpcGo is unary calls of gRPC over mutual TLS.
var grpcGo = Runner{
	Name:  "grpc",
	Title: "gRPC, mutual TLS",
	Serve: serveGRPC,
	Dial:  dialGRPC,
	Open:  opener(serveGRPC, dialGRPC),
}

// grpcEcho is a service with one method, whose argument and result are google.protobuf.BytesValue.
var grpcEcho = grpc.ServiceDesc{
	ServiceName: "bench.Echo",
	HandlerType: (*any)(nil),
	Methods: []grpc.MethodDesc{{
		MethodName: "Echo",
		Handler: func(_ any, _ context.Context, decode func(any) error, _ grpc.UnaryServerInterceptor) (any, error) {
			in := new(wrapperspb.BytesValue)
			return in, decode(in)
		},
	}},
}

func serveGRPC() (Endpoint, func(), error) {
	config, secrets, err := newTLS()
	if err != nil {
		return Endpoint{}, nil, err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return Endpoint{}, nil, err
	}
	s := grpc.NewServer(grpc.Creds(credentials.NewTLS(config)))
	s.RegisterService(&grpcEcho, nil)
	go s.Serve(l) // until Stop
	at, err := newEndpoint(l.Addr().String(), secrets)
	return at, s.Stop, err
}

type grpcClient struct{ conn *grpc.ClientConn }

func dialGRPC(at Endpoint) (measure.Client, error) {
	config, err := initiatorTLS(at)
	if err != nil {
		return nil, err
	}
	conn, err := grpc.NewClient("passthrough:///"+at.Address, grpc.WithTransportCredentials(credentials.NewTLS(config)), grpc.WithNoProxy())
	if err != nil {
		return nil, err
	}
	return proven(grpcClient{conn})
}

func (c grpcClient) Call(payload []byte) error {
	var reply wrapperspb.BytesValue
	if err := c.conn.Invoke(context.Background(), "/bench.Echo/Echo", wrapperspb.Bytes(payload), &reply); err != nil {
		return err
	}
	return checkLength(payload, reply.Value)
}

func (c grpcClient) Close() { c.conn.Close() }
