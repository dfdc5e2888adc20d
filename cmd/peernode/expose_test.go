package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"runtime"
	"strings"
	"testing"
	"time"
)

// forwarding is where a forward listens.
var forwarding = regexp.MustCompile(`forwarding +([0-9.]+:[0-9]+) = `)

// exposeTo exposes target as web at bob, forwards to it at alice, and returns where.
func exposeTo(t *testing.T, c *couple, target string) (address string, expose, forward *process) {
	t.Helper()
	expose = c.at(c.bob, "expose", "web="+target).start(t)
	expose.prints(t, "exposed      web = "+target+", to all trusted peers")
	forward = c.at(c.alice, "forward", "0", "bob:web").start(t)
	forward.prints(t, "forwarding")
	return forwarding.FindStringSubmatch(forward.out.String())[1], expose, forward
}

func TestHTTPThroughExposeAndForward(t *testing.T) {
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		fmt.Fprintf(w, "%s %s %d", r.Method, r.URL, len(body))
	}))
	defer web.Close()
	c := newCouple(t)
	address, expose, forward := exposeTo(t, c, strings.TrimPrefix(web.URL, "http://"))
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: waitTime}
	for i := range 20 {
		answer, err := client.Post(fmt.Sprintf("http://%s/%d", address, i), "text/plain", noise(100_000))
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(answer.Body)
		answer.Body.Close()
		if want := fmt.Sprintf("POST /%d 100000", i); string(text) != want || err != nil {
			t.Fatalf("got %q (%v), want %q", text, err, want)
		}
	}
	expose.prints(t, "closed       web with alice")
	forward.prints(t, "closed       web with bob")

	// what is interrupted is gone
	forward.stops(t)
	if _, err := client.Get("http://" + address); err == nil {
		t.Error("it is still forwarded")
	}
	expose.stops(t)
	dial := c.at(c.alice, "pipe", "bob", "web").start(t)
	dial.exits(t, 1)
	dial.says(t, "no_handler")
}

// serveTCP serves each connection with serve.
func serveTCP(t *testing.T, serve func(*net.TCPConn)) (address string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			serve(c.(*net.TCPConn))
			c.Close()
		}
	}()
	t.Cleanup(func() {
		l.Close()
		<-done
	})
	return l.Addr().String()
}

func dialTCP(t *testing.T, address string) *net.TCPConn {
	t.Helper()
	c, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	c.SetDeadline(time.Now().Add(waitTime))
	t.Cleanup(func() { c.Close() })
	return c.(*net.TCPConn)
}

// TestEachDirectionOfAForwardEndsByItself: the server answers only when its client has ended.
func TestEachDirectionOfAForwardEndsByItself(t *testing.T) {
	target := serveTCP(t, func(c *net.TCPConn) {
		all, err := io.ReadAll(c)
		if err == nil {
			c.Write(all)
		}
	})
	address, _, _ := exposeTo(t, newCouple(t), target)
	c := dialTCP(t, address)
	want, _ := io.ReadAll(noise(1 << 20))
	if _, err := c.Write(want); err != nil {
		t.Fatal(err)
	}
	c.CloseWrite()
	if got, err := io.ReadAll(c); !bytes.Equal(got, want) || err != nil {
		t.Errorf("got %d bytes back (%v)", len(got), err)
	}
}

// TestResetIsNoticedBehindAStuckTarget: a client that resets its connection frees it at both ends, though the target reads nothing and
// so nobody reads what the client has sent.
func TestResetIsNoticedBehindAStuckTarget(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("the system does not tell of a reset before the socket is read")
	}
	t.Setenv(leaveVariable, "1s")
	free := make(chan struct{})
	target := serveTCP(t, func(*net.TCPConn) { <-free })
	t.Cleanup(func() { close(free) })
	address, expose, forward := exposeTo(t, newCouple(t), target)
	c := dialTCP(t, address)
	var err error
	for chunk := make([]byte, 64<<10); err == nil; { // until nothing has been taken for a second
		c.SetWriteDeadline(time.Now().Add(time.Second))
		_, err = c.Write(chunk)
	}
	if !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatal(err)
	}
	c.SetLinger(0)
	c.Close()
	forward.prints(t, "closed       web with bob")
	expose.prints(t, "closed       web with alice")
}

// TestForwardToAnAbsentPeer: a client that goes frees its connection at once, and one that stays is told why it was not opened.
func TestForwardToAnAbsentPeer(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("the system does not tell that a client has gone before its connection is read")
	}
	c := newCouple(t)
	forward := c.at(c.bob, "forward", "0", "carol:web").start(t)
	forward.prints(t, "forwarding")
	address := forwarding.FindStringSubmatch(forward.out.String())[1]
	stays, goes := dialTCP(t, address), dialTCP(t, address)
	goes.Close()
	forward.prints(t, "the client has gone")
	if strings.Contains(forward.out.String(), "not opened in time") {
		t.Error("the client that has gone kept its connection")
	}
	if n, err := stays.Read(make([]byte, 1)); n > 0 || err == nil || err == io.EOF {
		t.Errorf("the client gets %d bytes, %v", n, err)
	}
	forward.prints(t, `: carol: stream "web" was not opened in time: the peer is not connected`)
}

// TestForwardThatBreaksIsNoEnd breaks one part of a connection after another. The client gets an error, not an end.
func TestForwardThatBreaksIsNoEnd(t *testing.T) {
	for _, c := range []struct {
		name    string
		serve   func(*net.TCPConn)
		kill    func(c *couple, expose, forward *process) *process
		forward string // what forward says of it
	}{
		{"the target resets it", func(c *net.TCPConn) {
			c.Write([]byte("half"))
			c.Read(make([]byte, 1))
			c.SetLinger(0)
		}, nil, "has broken: connection reset by peer"},
		{"expose is killed", nil, func(_ *couple, e, _ *process) *process { return e }, "has broken: it is exposed no more"},
		{"the node that exposes is killed", nil, func(c *couple, _, _ *process) *process { return c.nodes[c.bob] }, `stream "web": `},
		{"forward is killed", nil, func(_ *couple, _, f *process) *process { return f }, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := newCouple(t)
			serve := c.serve
			if serve == nil {
				serve = func(c *net.TCPConn) {
					c.Write([]byte("half"))
					io.Copy(io.Discard, c)
				}
			}
			address, expose, forward := exposeTo(t, w, serveTCP(t, serve))
			conn := dialTCP(t, address)
			if _, err := io.ReadFull(conn, make([]byte, 4)); err != nil {
				t.Fatal(err)
			}
			if c.kill != nil {
				c.kill(w, expose, forward).Process.Kill()
			} else if _, err := conn.Write([]byte("x")); err != nil {
				t.Fatal(err)
			}
			if n, err := conn.Read(make([]byte, 1)); n > 0 || err == nil || err == io.EOF {
				t.Errorf("the client gets %d bytes, %v", n, err)
			}
			if c.forward != "" {
				forward.prints(t, c.forward)
			}
		})
	}
}

func TestTargetThatRefusesIsNamed(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close() // nobody listens there now
	c := newCouple(t)
	address, expose, forward := exposeTo(t, c, l.Addr().String())
	if conn, err := net.Dial("tcp", address); err == nil { // or else the reset was faster
		defer conn.Close()
		conn.SetDeadline(time.Now().Add(waitTime))
		if n, err := conn.Read(make([]byte, 1)); n > 0 || err == nil || err == io.EOF {
			t.Errorf("the client gets %d bytes, %v", n, err)
		}
	}
	forward.prints(t, `the other end says: the target of "web" cannot be reached: connection refused`)
	expose.prints(t, l.Addr().String()+": connection refused")
	if strings.Contains(forward.out.String(), l.Addr().String()) {
		t.Errorf("the peer is told where the target is: %s", forward.out.String())
	}
	dial := c.at(c.alice, "pipe", "bob", "web").start(t)
	dial.exits(t, 1)
	dial.says(t, `the other end says: the target of "web" cannot be reached: connection refused`)
}

// TestExposedToSome: to others there is no such name, in the same words.
func TestExposedToSome(t *testing.T) {
	target := serveTCP(t, func(c *net.TCPConn) { io.WriteString(c, "hello") })
	c := newCouple(t, "--expose", "web="+target, "--allow", "web=alice", "--allow", "web=carol", "--expose", "safe="+target, "--allow", "safe=carol")
	c.nodes[c.bob].prints(t, "exposed      web = "+target+", to pnet1")
	dial := c.at(c.alice, "pipe", "bob", "web").start(t)
	dial.exits(t, 0)
	if got := dial.out.String(); got != "hello" {
		t.Errorf("got %q", got)
	}
	var says []string
	for _, name := range []string{"safe", "lost"} {
		dial := c.at(c.alice, "pipe", "bob", name).start(t)
		dial.exits(t, 1)
		says = append(says, strings.ReplaceAll(dial.err.String(), name, "NAME"))
	}
	if says[0] != says[1] || !strings.Contains(says[0], "no_handler") {
		t.Errorf("of a name that it may not use it says\n%s\nof one that is not there\n%s", says[0], says[1])
	}

	listen := c.at(c.bob, "pipe", "--listen", "mine", "--allow", "carol")
	c.listening(listen)
	dial = c.at(c.alice, "pipe", "bob", "mine").start(t)
	dial.exits(t, 1)
	dial.says(t, "no_handler")
}
