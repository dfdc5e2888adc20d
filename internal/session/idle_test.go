package session

import (
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// TestIdleSessionKeepsOneFreshGoroutine looks at two ends that are idle: after they have greeted each other, and after they have
// called each other and a ping has come. A goroutine that has opened a frame has twice the stack of one that never did.
func TestIdleSessionKeepsOneFreshGoroutine(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		a, _ := w.both()
		check := func(when string) {
			t.Helper()
			synctest.Wait()
			stacks := make([]byte, 1<<20)
			all := string(stacks[:runtime.Stack(stacks, true)])
			fresh, readers := 0, 0
			for stack := range strings.SplitSeq(all, "\n\n") {
				if !strings.Contains(stack, "internal/session.(*reader).run(") {
					continue
				}
				readers++
				creator := stack[strings.LastIndex(stack, " in goroutine ")+len(" in goroutine "):]
				creator, _, _ = strings.Cut(creator, "\n")
				if !strings.Contains(all, "goroutine "+creator+" [") { // it was the reader before
					fresh++
				}
			}
			if writers := strings.Count(all, "session.(*writer).Run("); readers != 2 || fresh != 2 || writers != 0 {
				t.Errorf("%s: %d goroutines read, of which %d are fresh, and %d write", when, readers, fresh, writers)
			}
		}
		check("after the greeting")
		for range 2 * firstWords {
			if _, err := a.link.Ping(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(2 * a.link.config.PingAfter)
		check("after a ping")
	})
}
