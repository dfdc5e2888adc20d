package output

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-f6ddb928/peernet-go/cmd/peernode/internal/control"
)

func lostLines(n int) []byte { return fmt.Appendf(nil, "%d lost\n", n) }

// TestUnreadLinesAreDroppedAndCounted writes before the reader comes.
func TestUnreadLinesAreDroppedAndCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, w := io.Pipe()
		s := NewStream(t.Context(), w, nil)
		s.Drop(lostLines)
		want := ""
		for i := range maxQueue + 8 {
			line := fmt.Sprintln(i)
			if n, err := s.Write([]byte(line)); n != len(line) || err != nil {
				t.Fatal(n, err)
			}
			if synctest.Wait(); i <= maxQueue { // one more is under way
				want += line
			}
		}
		var got strings.Builder
		read := func(n int) {
			for range n {
				b := make([]byte, 16)
				n, _ := r.Read(b)
				got.Write(b[:n])
			}
			synctest.Wait()
		}
		read(1)
		s.Write([]byte("more\n"))
		read(maxQueue + 2)
		if want += "7 lost\nmore\n"; got.String() != want {
			t.Errorf("got:\n%s\nwant:\n%s", got.String(), want)
		}
		begin := time.Now()
		s.Write([]byte("end\n"))
		ctx, cancel := context.WithTimeout(t.Context(), FlushTime)
		defer cancel()
		if s.Flush(ctx); time.Since(begin) != FlushTime {
			t.Errorf("flushed for %v", time.Since(begin))
		}
		go io.Copy(io.Discard, r)
		s.Flush(t.Context())
		w.Close()
	})
}

// TestDroppedAtTheEndAreCounted drops the last lines.
func TestDroppedAtTheEndAreCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, w := io.Pipe()
		s := NewStream(t.Context(), w, nil)
		s.Drop(lostLines)
		for range maxQueue + 4 {
			s.Write([]byte("x\n"))
			synctest.Wait()
		}
		var got strings.Builder
		go io.Copy(&got, r)
		s.Flush(t.Context())
		w.Close()
		synctest.Wait()
		if want := strings.Repeat("x\n", maxQueue+1) + "3 lost\n"; got.String() != want {
			t.Errorf("got %d bytes, want %d, ending in %q", got.Len(), len(want), got.String()[max(0, got.Len()-20):])
		}
	})
}

// TestResultsWaitForTheirReader: a write waits for a reader until the command is to end.
func TestResultsWaitForTheirReader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, w := io.Pipe()
		ctx, cancel := context.WithCancel(t.Context())
		broken := 0
		s := NewStream(ctx, w, func() { broken++ })
		begin := time.Now()
		time.AfterFunc(time.Hour, func() { r.Read(make([]byte, 16)) })
		if _, err := s.Write([]byte("one\n")); err != nil || time.Since(begin) != time.Hour {
			t.Errorf("got %v after %v", err, time.Since(begin))
		}
		time.AfterFunc(time.Hour, cancel)
		if _, err := s.Write([]byte("two\n")); err != ErrUnread || time.Since(begin) != 2*time.Hour+FlushTime {
			t.Errorf("got %v after %v", err, time.Since(begin))
		}
		if _, err := s.Write([]byte("three\n")); err != ErrUnread || !errors.Is(s.Err(), ErrUnread) || broken != 1 {
			t.Errorf("got %v, then %v, told %d times", err, s.Err(), broken)
		}
		r.Close()
	})
}

// TestEventsThatWereNotPrintedAreTold checks the line in JSON.
func TestEventsThatWereNotPrintedAreTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, w := io.Pipe()
		p := &Printer{Stream: NewStream(t.Context(), w, nil), JSON: true}
		p.DropEvents(func(n int) control.Event { return control.Event{Kind: "lagged", Missed: n} })
		for range maxQueue + 3 {
			p.Event(control.Event{Kind: "found"})
			synctest.Wait()
		}
		var got strings.Builder
		go io.Copy(&got, r)
		p.Flush(t.Context())
		w.Close()
		synctest.Wait()
		if want := `{"event":"lagged","missed":2}` + "\n"; !strings.HasSuffix(got.String(), `{"event":"found"}`+"\n"+want) {
			t.Errorf("it ends with %q", got.String()[max(0, got.Len()-60):])
		}
	})
}

// TestUnreadPieceEndsWithTheCommand writes a large piece that nobody reads. It waits FlushTime after the end of the command, and no longer.
func TestUnreadPieceEndsWithTheCommand(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, w := io.Pipe()
		ctx, cancel := context.WithCancel(t.Context())
		s := NewStream(ctx, w, nil)
		time.AfterFunc(time.Minute, cancel)
		begin := time.Now()
		if _, err := s.Direct().Write(make([]byte, 1<<16)); err != ErrUnread || s.Err() != ErrUnread {
			t.Errorf("got %v, and the stream has %v", err, s.Err())
		}
		if took := time.Since(begin); took != time.Minute+FlushTime {
			t.Errorf("it waited for %v", took)
		}
		r.Close()
	})
}
