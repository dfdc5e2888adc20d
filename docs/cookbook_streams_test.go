package docs_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"github.com/seed-f6ddb928/peernet-go/peernet"
)

func Example_streams() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	alice, bob, stop := couple()
	defer stop()

	// Bob sends lines as they come. Send waits while Alice's loop is behind.
	err := peernet.HandleStream(bob, "tail", func(ctx context.Context, from peernet.Caller, file string, out *peernet.Out[string]) error {
		for i := range 3 {
			if err := out.Send(ctx, fmt.Sprintf("%s: line %d", file, i+1)); err != nil {
				return err // she has broken off, or the link is lost
			}
		}
		return nil // she has got all three before her loop ends
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	for line, err := range peernet.CallStream[string](ctx, alice, bob.PublicKey(), "tail", "app.log") {
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(line)
	}
	// Output:
	// app.log: line 1
	// app.log: line 2
	// app.log: line 3
}

func Example_dialogue() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	alice, bob, stop := couple()
	defer stop()

	err := peernet.HandleDuplex(bob, "add", func(ctx context.Context, _ peernet.Caller, start int, in *peernet.In[int], out *peernet.Out[int]) error {
		sum := start
		for n, err := range in.All(ctx) { // until Alice closes her direction
			if err != nil {
				return err
			}
			sum += n
			if err := out.Send(ctx, sum); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	s, err := peernet.OpenStream[int, int](ctx, alice, bob.PublicKey(), "add", 100)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer s.Close()
	for n := range 3 {
		if err := s.Send(ctx, n+1); err != nil {
			fmt.Println(err)
			return
		}
		within, cancel := context.WithTimeout(ctx, 10*time.Second) // of this answer alone
		sum, err := s.Recv(within)
		cancel()
		fmt.Println(sum, err)
	}
	err = s.CloseSend(ctx)
	_, end := s.Recv(ctx)
	fmt.Println(err, end == io.EOF)
	// Output:
	// 101 <nil>
	// 103 <nil>
	// 106 <nil>
	// <nil> true
}

func Example_web() {
	ctx := context.Background()
	alice, bob, stop := couple()
	defer stop()

	l, err := bob.Listen("web") // only trusted peers reach it; peernet.Authorize narrows that
	if err != nil {
		fmt.Println(err)
		return
	}
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = fmt.Fprintln(w, "hello", r.RemoteAddr == alice.PublicKey().String()) // the proved key of the peer
	})}
	defer server.Close()
	go func() { _ = server.Serve(l) }()

	transport := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return alice.Dial(ctx, bob.PublicKey(), "web")
	}}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport, Timeout: 10 * time.Second}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://bob/", nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	response, err := client.Do(request)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	fmt.Print(string(text), err)
	// Output:
	// hello true
	// <nil>
}
