package runner

import (
	"net"
	"sync"
)

// serveConns accepts on l until stop is called. start serves a connection, which it owns, and returns what ends that; stop calls
// it for each.
func serveConns(l net.Listener, start func(net.Conn) (end func())) (stop func()) {
	var running sync.WaitGroup
	var ends []func() // the accepting goroutine's until it has ended
	running.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			ends = append(ends, start(conn))
		}
	})
	return func() {
		l.Close()
		running.Wait()
		for _, end := range ends {
			end()
		}
	}
}
