package runner

import (
	"crypto/tls"
	"fmt"
	"log/slog"
	"math"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/asynkron/protoactor-go/remote"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/seed-f6ddb928/peernet-go/bench/internal/measure"
)

// protoActor is requests to an actor of another system, through Proto.Actor's remote over mutual TLS. Requests and replies travel
// on connections of their own, one dialled by each end. It cannot end a connection, so sessions are not measured; what is dialled
// must be where the responder listens, so no line is between them.
var protoActor = Runner{
	Name:   "protoactor",
	Title:  "Proto.Actor remote over TLS",
	Serve:  serveActor,
	Dial:   dialActor,
	Direct: true,
}

const actorName = "echo"

// startRemote starts an actor system that others reach and that reaches others.
func startRemote(config *tls.Config) (*actor.ActorSystem, *remote.Remote) {
	discard := func(*actor.ActorSystem) *slog.Logger { return slog.New(slog.DiscardHandler) }
	system := actor.NewActorSystem(actor.WithLoggerFactory(discard))
	secured := credentials.NewTLS(config)
	r := remote.NewRemote(system, remote.Configure("127.0.0.1", 0,
		remote.WithServerOptions(grpc.Creds(secured), grpc.MaxRecvMsgSize(math.MaxInt32)), // it sends many messages as one
		remote.WithDialOptions(grpc.WithTransportCredentials(secured), grpc.WithNoProxy()),
	))
	r.Start()
	return system, r
}

func serveActor() (Endpoint, func(), error) {
	config, secrets, err := newTLS()
	if err != nil {
		return Endpoint{}, nil, err
	}
	system, r := startRemote(config)
	echo := func(c actor.Context) {
		if m, ok := c.Message().(*wrapperspb.BytesValue); ok {
			c.Respond(m)
		}
	}
	stop := func() { r.Shutdown(false) }
	if _, err := system.Root.SpawnNamed(actor.PropsFromFunc(echo), actorName); err != nil {
		stop()
		return Endpoint{}, nil, err
	}
	at, err := newEndpoint(system.Address(), secrets)
	return at, stop, err
}

type actorClient struct {
	system *actor.ActorSystem
	remote *remote.Remote
	echo   *actor.PID
}

func dialActor(at Endpoint) (measure.Client, error) {
	config, err := initiatorTLS(at)
	if err != nil {
		return nil, err
	}
	system, r := startRemote(config)
	return proven(actorClient{system, r, actor.NewPID(at.Address, actorName)})
}

func (c actorClient) Call(payload []byte) error {
	reply, err := c.system.Root.RequestFuture(c.echo, wrapperspb.Bytes(payload), patience).Result()
	if err != nil {
		return err
	}
	m, ok := reply.(*wrapperspb.BytesValue)
	if !ok {
		return fmt.Errorf("a reply of type %T", reply)
	}
	return checkLength(payload, m.Value)
}

func (c actorClient) Close() { c.remote.Shutdown(false) }
