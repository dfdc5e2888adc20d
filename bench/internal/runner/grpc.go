package runner

import (
	"context"
	"io"
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

	Streams: true,
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
	Streams: []grpc.StreamDesc{grpcStream(false), grpcStream(true)},
}

// grpcStream is a stream of google.protobuf.BytesValue, named as those of this node are.
func grpcStream(stops bool) grpc.StreamDesc {
	return grpc.StreamDesc{
		StreamName:    streamNames[stops],
		ClientStreams: true,
		Handler: func(_ any, s grpc.ServerStream) error {
			if stops {
				<-s.Context().Done()
				return nil
			}
			for {
				var in wrapperspb.BytesValue
				if err := s.RecvMsg(&in); err != nil {
					return nil
				}
			}
		},
	}
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

// grpcWriter is the caller's end of a stream.
type grpcWriter struct {
	grpc.ClientStream
	cancel func()
}

func (c grpcClient) Stream(stops bool) (io.WriteCloser, error) {
	ctx, cancel := context.WithCancel(context.Background())
	desc := grpcStream(stops)
	s, err := c.conn.NewStream(ctx, &desc, "/bench.Echo/"+desc.StreamName)
	if err != nil {
		cancel()
		return nil, err
	}
	return grpcWriter{s, cancel}, nil
}

func (w grpcWriter) Write(b []byte) (int, error) {
	if err := w.SendMsg(wrapperspb.Bytes(b)); err != nil {
		return 0, err
	}
	return len(b), nil
}

func (w grpcWriter) Close() error {
	w.cancel()
	return nil
}
