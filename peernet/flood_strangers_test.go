package peernet_test

import (
	"context"
	"encoding/binary"
	"errors"
	"net"
	"net/netip"
	"os"
	"sync"
	"syscall"
	"time"
)

// Bounds of a flood's own.
const (
	floodAtOnce = 2000             // connections open at one time; the next waits
	floodDial   = 20 * time.Second // to get one
	floodWords  = 20 * time.Second // for what is said on it
)

// A flood carries an order out.
type flood struct {
	floodOrder
	stranger

	mu     sync.Mutex // guards the rest
	open   int
	report floodReport
}

func newFlood(o floodOrder) (*flood, error) {
	s, err := newStranger(o.Key)
	return &flood{floodOrder: o, stranger: s, report: floodReport{Failed: make(map[string]int), Talked: make(map[string]int)}}, err
}

// run floods, and makes the report.
func (f *flood) run() {
	ctx, over := context.WithTimeout(context.Background(), f.Within)
	defer over()
	room := make(chan struct{}, floodAtOnce)
	var dialling, all sync.WaitGroup
	began := time.Now()
	paced(ctx, f.Rate, f.Total, func(i int) {
		room <- struct{}{} // every connection ends in time, so this does
		dialling.Add(1)
		all.Go(func() {
			defer func() { <-room }()
			c := f.dial(i)
			dialling.Done()
			if c != nil {
				f.talk(ctx, c, junks[i%len(junks)])
			}
		})
	})
	dialling.Wait()
	f.report.Took = time.Since(began)
	over()
	all.Wait()
}

// source is where connection i comes from.
func (o floodOrder) source(i int) netip.Addr {
	a := o.First.As4()
	binary.BigEndian.PutUint32(a[:], binary.BigEndian.Uint32(a[:])+uint32(i%o.Sources))
	return netip.AddrFrom4(a)
}

// dial opens connection i; nil: it was never open, or is not any more.
func (f *flood) dial(i int) net.Conn {
	d := net.Dialer{LocalAddr: net.TCPAddrFromAddrPort(netip.AddrPortFrom(f.source(i), 0)), Timeout: floodDial}
	c, err := d.Dial("tcp", f.Target.String())
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case err == nil:
		f.open++
		f.report.MostOpen = max(f.report.MostOpen, f.open)
		f.report.Connected++
		return c
	case errors.Is(err, syscall.ECONNRESET): // it was there, and the node has reset it before the dialler looked
		f.report.Connected++
		f.report.Ended++
	default:
		f.report.Failed[cause(err)]++
	}
	return nil
}

// talk says what there is to say on c, and closes it when it is the end of it: the junk's, the node's or ctx's.
func (f *flood) talk(ctx context.Context, c net.Conn, j junk) {
	defer context.AfterFunc(ctx, func() { _ = c.SetDeadline(time.Unix(1, 0)) })()
	_ = c.SetDeadline(time.Now().Add(floodWords))
	heard := &hearingConn{Conn: c}
	err := j.say(f.stranger, heard)
	for scrap := make([]byte, 64); err == nil && !j.leaves; {
		_, err = heard.Read(scrap)
	}
	_ = c.Close()

	f.mu.Lock()
	defer f.mu.Unlock()
	f.open--
	if err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
		f.report.Ended++
	}
	f.report.Talked[j.name] = max(f.report.Talked[j.name], heard.bytes)
}

// cause is the innermost error, as text.
func cause(err error) string {
	for inner := err; inner != nil; inner = errors.Unwrap(inner) {
		err = inner
	}
	return err.Error()
}

// hearingConn counts what it reads, for one goroutine.
type hearingConn struct {
	net.Conn
	bytes int
}

func (c *hearingConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	c.bytes += n
	return n, err
}
