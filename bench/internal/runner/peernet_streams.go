package runner

import (
	"context"
	"io"

	"github.com/seed-f6ddb928/peernet-go/peernet"
)

// streamNames are the names of streams whose reader drops what it reads, and of those whose reader reads nothing.
var streamNames = map[bool]string{false: "read", true: "stopped"}

// takeStreams has a node take streams of bytes, until it stops.
func takeStreams(n *peernet.Node) error {
	l, err := n.Listen(streamNames[false])
	if err != nil {
		return err
	}
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go drop(c)
		}
	}()
	return peernet.HandleDuplex(n, streamNames[true], func(ctx context.Context, _ peernet.Caller, _ any, _ *peernet.In[[]byte], _ *peernet.Out[[]byte]) error {
		<-ctx.Done()
		return ctx.Err()
	})
}

// drop reads until the end.
func drop(s io.ReadCloser) {
	defer s.Close()
	for b := make([]byte, 64<<10); ; {
		if _, err := s.Read(b); err != nil {
			return
		}
	}
}

func (c nodeClient) Stream(stops bool) (io.WriteCloser, error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	return c.node.Dial(ctx, c.responder, streamNames[stops])
}
