package peernet_test

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/seed-f6ddb928/peernet-go/peernet"
)

// A handler sends values as they come up, and the caller's loop gets them. A loop that breaks off ends the handler's context.
func ExampleCallStream() {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	alice, bob := connected(ctx)
	defer alice.Shutdown(ctx)
	defer bob.Shutdown(ctx)

	peernet.HandleStream(bob, "count", func(ctx context.Context, _ peernet.Caller, from int, out *peernet.Out[int]) error {
		for i := from; ; i++ {
			if err := out.Send(ctx, i); err != nil {
				return err
			}
		}
	})
	for n, err := range peernet.CallStream[int](ctx, alice, bob.PublicKey(), "count", 40) {
		if err != nil || n > 42 {
			break
		}
		fmt.Println(n)
	}
	// Output:
	// 40
	// 41
	// 42
}

// Both ends send. The caller closes its direction, the handler answers that, and its return ends the stream.
func ExampleOpenStream() {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	alice, bob := connected(ctx)
	defer alice.Shutdown(ctx)
	defer bob.Shutdown(ctx)

	peernet.HandleDuplex(bob, "join", func(ctx context.Context, _ peernet.Caller, between string, in *peernet.In[string], out *peernet.Out[string]) error {
		all := ""
		for word, err := range in.All(ctx) {
			if err != nil {
				return err
			}
			all += word + between
		}
		return out.Send(ctx, all)
	})
	s, err := peernet.OpenStream[string, string](ctx, alice, bob.PublicKey(), "join", "!")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer s.Close()
	for _, word := range []string{"one", "two"} {
		if err := s.Send(ctx, word); err != nil {
			fmt.Println(err)
		}
	}
	s.CloseSend(ctx)
	fmt.Println(s.Recv(ctx))
	fmt.Println(s.Wait(ctx))
	// Output:
	// one!two! <nil>
	// <nil>
}

// Bytes both ways, as over TCP, between nodes that know each other by their keys.
func ExampleNode_Dial() {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	alice, bob := connected(ctx)
	defer alice.Shutdown(ctx)
	defer bob.Shutdown(ctx)

	l, err := bob.Listen("echo")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer l.Close()
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				io.Copy(conn, conn)
			}()
		}
	}()
	conn, err := alice.Dial(ctx, bob.PublicKey(), "echo")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer conn.Close()
	fmt.Fprint(conn, "hello")
	conn.(interface{ CloseWrite() error }).CloseWrite()
	text, err := io.ReadAll(conn)
	fmt.Println(string(text), err, conn.RemoteAddr().(peernet.Addr).Key == bob.PublicKey())
	// Output: hello <nil> true
}
