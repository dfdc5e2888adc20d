package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"runtime"
	"sync"
	"time"

	"github.com/seed-f6ddb928/peernet-go/discovery"
	"github.com/seed-f6ddb928/peernet-go/discovery/udp"
	"github.com/seed-f6ddb928/peernet-go/peernet"
	"github.com/spf13/cobra"
)

// demoTime bounds a demo. It takes a small part of a second, but a machine may be busy. byeTime bounds how long
// the nodes may take to stop after the demo has failed.
const (
	demoTime = 30 * time.Second
	byeTime  = time.Second
)

// hearTime is how long an announce over UDP may take before the demo does without. Three are sent in the first second.
const hearTime = 2 * time.Second

// thisMachine is where announces go of which other machines are to hear nothing.
var thisMachine = netip.AddrFrom4([4]byte{127, 255, 255, 255})

// Errors of a demo: what was not to happen.
var (
	errWrongResult = errors.New("not the result that was expected")
	errAdmitted    = errors.New("the stranger was not refused")
	errStillThere  = errors.New("a call to a peer that has left did not fail as it should")
	errNotOnce     = errors.New("not exactly one connection was reported")
)

func (a *app) demoCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "demo",
		Short: "Show two nodes on this machine meet, talk and part",
		Long: `Demo runs two nodes on this machine, with fresh keys in a temporary directory and real connections over
loopback: they are paired, find each other, connect, call, send and ping, refuse a stranger, lose each
other and stop. One is told where the other is; the other hears that by UDP, as nodes on a network do,
where the system broadcasts on loopback, as Linux does. It says what happens, and fails if any of it does
not. It needs no network, no privileges and no data directory, and leaves nothing behind.`,
		Args: arguments,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.demo(cmd.Context()) },
	}
}

// A demo is one run of the demo.
type demo struct {
	*narrator
	dir        string
	alice, bob *member
	announce   *gate     // has alice announce herself; nil where the system cannot
	found      time.Time // when they began to find each other
}

// demo runs the demo.
func (a *app) demo(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, demoTime)
	defer cancel()
	dir, err := os.MkdirTemp("", "peernode-demo-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)

	d := &demo{narrator: newNarrator(a), dir: dir}
	defer d.close()
	for _, step := range []struct {
		name string
		do   func(context.Context) error
	}{
		{"start", d.start},
		{"pair", d.pair},
		{"find", d.find},
		{"connect", d.connect},
		{"call", d.call},
		{"send", d.send},
		{"ping", d.ping},
		{"refuse", d.refuse},
		{"lose", d.lose},
		{"stop", d.stop},
	} {
		d.step = step.name
		if err := step.do(ctx); err != nil {
			d.failed(err)
			return fmt.Errorf("the demo failed at %s: %w", step.name, err)
		}
	}
	return a.out.failed()
}

// close stops the nodes that a demo that failed left running.
func (d *demo) close() {
	ctx, cancel := context.WithTimeout(context.Background(), byeTime)
	defer cancel()
	for _, m := range []*member{d.alice, d.bob} {
		if m != nil {
			m.stop(ctx)
		}
	}
}

// start starts both nodes, which know nothing of each other, and gives them something to be called for.
func (d *demo) start(ctx context.Context) (err error) {
	announcing, hearing, err := d.byUDP()
	if err != nil {
		return err
	}
	if d.alice, err = d.join(ctx, "alice", announcing); err != nil {
		return err
	}
	if d.bob, err = d.join(ctx, "bob", hearing); err != nil {
		return err
	}
	return errors.Join(
		peernet.Handle(d.bob.node, "greet", func(_ context.Context, from peernet.Caller, words string) (string, error) {
			return words + ", " + from.Label, nil
		}),
		peernet.Handle(d.alice.node, "add", func(_ context.Context, _ peernet.Caller, terms []int) (sum int, err error) {
			for _, t := range terms {
				sum += t
			}
			return sum, nil
		}))
}

// byUDP returns how alice announces herself over UDP once the gate is open, and how bob hears that: not at all where
// the system does not broadcast on loopback.
func (d *demo) byUDP() (announcing, hearing finding, err error) {
	if runtime.GOOS != "linux" {
		return finding{}, finding{}, nil
	}
	port, err := freePort()
	if err != nil {
		return finding{}, finding{}, err
	}
	options := udp.Options{Port: port, Broadcast: []netip.Addr{thisMachine}}
	d.announce = &gate{Provider: udp.New(options), open: make(chan struct{})}
	return finding{by: []discovery.Provider{d.announce}}, finding{by: []discovery.Provider{udp.New(options)}, silent: true}, nil
}

// join starts the node called name.
func (d *demo) join(ctx context.Context, name string, finding finding) (*member, error) {
	m, err := newMember(ctx, d.dir, name, finding)
	if err != nil {
		return nil, err
	}
	d.tell(demoLine{Node: name, PublicKey: m.key.String(), Address: m.addr.String()},
		"%s listens on %s; its new key is %s", name, m.addr, m.key)
	return m, nil
}

// pair has each node trust the other's key.
func (d *demo) pair(context.Context) error {
	if err := d.alice.node.Pair(d.bob.key, "bob"); err != nil {
		return err
	}
	if err := d.bob.node.Pair(d.alice.key, "alice"); err != nil {
		return err
	}
	d.tell(demoLine{Node: "alice", Peer: "bob", PublicKey: d.bob.key.String()}, "alice trusts %s and calls it bob", d.bob.key.Short())
	d.tell(demoLine{Node: "bob", Peer: "alice", PublicKey: d.alice.key.String()}, "bob trusts %s and calls it alice", d.alice.key.Short())
	return nil
}

// find has both nodes find each other at the same moment, so that each dials the other, unless it was faster: alice is
// told where bob is, and bob hears alice announce where she is.
func (d *demo) find(ctx context.Context) error {
	d.found = time.Now()
	var both sync.WaitGroup
	both.Go(func() { d.alice.finds.Found(d.bob.key, d.bob.addr) })
	both.Go(func() {
		if d.announce != nil {
			close(d.announce.open)
		} else {
			d.bob.finds.Found(d.alice.key, d.alice.addr)
		}
	})
	both.Wait()
	e, err := await(ctx, d.alice, func(e peernet.Found) bool { return e.Peer == d.bob.key })
	if err != nil {
		return err
	}
	d.tell(demoLine{Node: "alice", Peer: "bob", Address: e.Addr.String(), Source: e.Source}, "alice is told that bob is at %s, and dials", e.Addr)
	e, err = d.hear(ctx)
	if err != nil {
		return err
	}
	how := "bob is told that alice is at %s"
	if e.Source == "udp" {
		how = "bob hears by UDP that alice is at %s"
	}
	d.tell(demoLine{Node: "bob", Peer: "alice", Address: e.Addr.String(), Source: e.Source, Interface: e.Interface}, how, e.Addr)
	return nil
}

// hear waits until bob has found alice. If he hears nothing in time, broadcasts do not work here, and he is told.
func (d *demo) hear(ctx context.Context) (peernet.Found, error) {
	tell := time.AfterFunc(hearTime, func() { d.bob.finds.Found(d.alice.key, d.alice.addr) })
	defer tell.Stop()
	return await(ctx, d.bob, func(e peernet.Found) bool { return e.Peer == d.alice.key })
}

// connect waits until both nodes say that they are connected. Both have dialled: one connection stays.
func (d *demo) connect(ctx context.Context) error {
	var last time.Time
	if err := d.each(func(m, other *member) error {
		e, err := await(ctx, m, func(e peernet.Connected) bool { return e.Peer == other.key })
		if err == nil && e.Time().After(last) {
			last = e.Time()
		}
		return err
	}); err != nil {
		return err
	}
	took := last.Sub(d.found)
	d.tell(demoLine{Took: spanned(took)}, "both have proved their keys; one connection stays (%s)", span(took))
	return nil
}

// call has each node call the other.
func (d *demo) call(ctx context.Context) error {
	if err := demoCall(ctx, d, d.alice, d.bob, "greet", "hello", "hello, alice"); err != nil {
		return err
	}
	return demoCall(ctx, d, d.bob, d.alice, "add", []int{19, 23}, 42)
}

// demoCall has from call to, and checks the result.
func demoCall[A any, R comparable](ctx context.Context, d *demo, from, to *member, name string, args A, want R) error {
	begin := time.Now()
	got, err := peernet.Call[R](ctx, from.node, to.key, name, args)
	took := time.Since(begin)
	if err != nil {
		return err
	}
	if got != want {
		return fmt.Errorf("%s of %#v: %w: %#v", name, args, errWrongResult, got)
	}
	d.tell(demoLine{Node: from.name, Peer: to.name, Name: name, Args: args, Result: got, Took: spanned(took)},
		"%s calls %s: %s %s = %s (%s)", from.name, to.name, name, asJSON(args), asJSON(got), span(took))
	return nil
}

// send has each node send the other a message, and waits until it is there.
func (d *demo) send(ctx context.Context) error {
	return d.each(func(from, to *member) error {
		words := "hello from " + from.name
		begin := time.Now()
		if err := from.node.Send(ctx, to.key, noteName, words); err != nil {
			return err
		}
		select {
		case got := <-to.notes:
			if got != words {
				return fmt.Errorf("%s: %w: %q", noteName, errWrongResult, got)
			}
		case <-ctx.Done():
			return fmt.Errorf("%s waits for what %s sent: %w", to.name, from.name, ctx.Err())
		}
		took := time.Since(begin)
		d.tell(demoLine{Node: from.name, Peer: to.name, Name: noteName, Args: words, Took: spanned(took)},
			"%s sends %s: %s %s (%s)", from.name, to.name, noteName, asJSON(words), span(took))
		return nil
	})
}

// ping has each node ping the other.
func (d *demo) ping(ctx context.Context) error {
	return d.each(func(from, to *member) error {
		rtt, err := from.node.Ping(ctx, to.key)
		if err != nil {
			return err
		}
		d.tell(demoLine{Node: from.name, Peer: to.name, Took: spanned(rtt)}, "%s pings %s (%s)", from.name, to.name, span(rtt))
		return nil
	})
}

// refuse has a node dial alice that alice does not trust.
func (d *demo) refuse(ctx context.Context) error {
	mallory, err := d.join(ctx, "mallory", finding{})
	if err != nil {
		return err
	}
	defer mallory.stop(ctx)
	if err := mallory.node.Pair(d.alice.key, "alice"); err != nil {
		return err
	}
	told := mallory.node.Connect(ctx, d.alice.key, d.alice.addr.String())
	if !errors.Is(told, peernet.ErrRefused) {
		return fmt.Errorf("%w: %w", errAdmitted, told)
	}
	e, err := await(ctx, d.alice, func(e peernet.Refused) bool { return e.Peer == mallory.key })
	if err != nil {
		return err
	}
	d.tell(demoLine{Node: "mallory", Peer: "alice", Error: told.Error()}, "mallory dials alice: %v", told)
	d.tell(demoLine{Node: "alice", Peer: "mallory", PublicKey: e.Peer.String(), Address: e.Addr.String(), Reason: e.Reason},
		"alice counts %d refused: %s at %s", d.alice.refused, e.Peer.Short(), e.Addr)
	return nil
}

// lose has bob stop, and alice notice.
func (d *demo) lose(ctx context.Context) error {
	if err := d.bob.node.Shutdown(ctx); err != nil {
		return err
	}
	gone, err := await(ctx, d.alice, func(e peernet.Disconnected) bool { return e.Peer == d.bob.key })
	if err != nil {
		return err
	}
	d.tell(demoLine{Node: "alice", Peer: "bob", Reason: gone.Reason}, "bob stops; alice is disconnected: %s", gone.Reason)

	d.alice.finds.Lost(d.bob.key, d.bob.addr)
	lost, err := await(ctx, d.alice, func(e peernet.Lost) bool { return e.Peer == d.bob.key })
	if err != nil {
		return err
	}
	d.tell(demoLine{Node: "alice", Peer: "bob", Address: lost.Addr.String(), Source: lost.Source, Reason: lost.Reason},
		"alice no longer finds bob at %s: %s", lost.Addr, lost.Reason)

	_, err = d.alice.node.Call(ctx, d.bob.key, "greet", "good night")
	if !errors.Is(err, peernet.ErrNotConnected) {
		return fmt.Errorf("%w: %w", errStillThere, err)
	}
	d.tell(demoLine{Node: "alice", Peer: "bob", Name: "greet", Error: err.Error()}, "alice now gets: %v", err)
	return nil
}

// stop stops alice too, and looks back.
func (d *demo) stop(ctx context.Context) error {
	if err := d.alice.node.Shutdown(ctx); err != nil {
		return err
	}
	for _, m := range []*member{d.alice, d.bob} {
		if met := m.drain(); met != 1 {
			return fmt.Errorf("%s: %w: %d", m.name, errNotOnce, met)
		}
	}
	d.tell(demoLine{}, "alice stops; it was one connection, and every step worked")
	return nil
}

// A gate is a provider that does nothing until the gate is open.
type gate struct {
	discovery.Provider
	open chan struct{}
}

// Run implements discovery.Provider.
func (g *gate) Run(ctx context.Context, self discovery.Self, sight func(discovery.Sighting)) error {
	select {
	case <-g.open:
		return g.Provider.Run(ctx, self, sight)
	case <-ctx.Done():
		return nil
	}
}

// freePort returns a UDP port that nobody uses.
func freePort() (uint16, error) {
	conn, err := net.ListenUDP("udp4", nil)
	if err != nil {
		return 0, err
	}
	defer conn.Close()
	return conn.LocalAddr().(*net.UDPAddr).AddrPort().Port(), nil
}

// each does act for alice and then for bob.
func (d *demo) each(act func(m, other *member) error) error {
	if err := act(d.alice, d.bob); err != nil {
		return err
	}
	return act(d.bob, d.alice)
}
