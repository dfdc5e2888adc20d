package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/seed-f6ddb928/peernet-go/cmd/peernode/internal/backend"
	"github.com/seed-f6ddb928/peernet-go/cmd/peernode/internal/control"
	"github.com/seed-f6ddb928/peernet-go/cmd/peernode/internal/datadir"
	"github.com/seed-f6ddb928/peernet-go/cmd/peernode/internal/doctor"
	"github.com/seed-f6ddb928/peernet-go/cmd/peernode/internal/failure"
	"github.com/seed-f6ddb928/peernet-go/cmd/peernode/internal/providers"
	"github.com/seed-f6ddb928/peernet-go/cmd/peernode/internal/text"
	"github.com/seed-f6ddb928/peernet-go/cmd/peernode/internal/usage"
	"github.com/seed-f6ddb928/peernet-go/peernet"
)

// hearTime is how long the check of a network waits for the announces of this machine. They take milliseconds, or a second by
// multicast DNS.
const hearTime = 3 * time.Second

// A diagnosis is one run of doctor.
type diagnosis struct {
	*app
	listen    string
	providers providers.Flags
	bundle    string

	findings   []doctor.Finding
	interfaces []doctor.Interface
}

func doctorCommand(a *app) *cobra.Command {
	d := &diagnosis{app: a}
	cmd := &cobra.Command{
		Use:   "doctor [PEER]",
		Short: "Find out why nodes do not meet, and say what to do",
		Long: `Doctor checks what commonly keeps nodes apart, and prints one line for each check: what it found and, if that is a
problem, the command that mends it. It looks at the data directory, the key and the peers file, at the network interfaces,
at where the node listens, and at the clock. Two nodes of its own with new keys, which trust nobody, check for up to
3 seconds whether this machine hears its own broadcasts and its own multicast DNS; others on the network may see the key of
one of them. If the running node is in private mode, this check is skipped.

With PEER it says why the running node is not connected to that peer.

If no node runs, it checks whether one could listen: --listen says where. It ends with exit code 1 if it has found
a problem.`,
		Example: `  peernode doctor
  peernode doctor bob
  peernode doctor --listen :7100
  peernode doctor --bundle report.json`,
		Args:              cobra.MaximumNArgs(1),
		ValidArgsFunction: a.completePeer,
	}
	flags := cmd.Flags()
	flags.StringVar(&d.listen, "listen", ":0", "the address to check, if no node runs: `HOST:PORT`, as of run")
	d.providers.Add(cmd)
	flags.StringVar(&d.bundle, "bundle", "", "write a report without secrets to the new `FILE`: the findings, and the state of the node and of its peers")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if err := cmp.Or(usage.CheckListen("--listen", &d.listen), d.providers.Check()); err != nil {
			return err
		}
		return d.run(cmd.Context(), args)
	}
	return cmd
}

// run makes all checks, prints the findings, and fails if one is a problem.
func (d *diagnosis) run(ctx context.Context, args []string) error {
	dir, err := d.dir.Path()
	if err != nil {
		return err
	}
	d.interfaces = networkInterfaces()
	network := doctor.Network(d.interfaces)
	hasNetwork := network.Status == doctor.OK
	d.add(doctor.Directory(dir, datadir.IdentityFile, datadir.PeersFile, time.Now(), d.dir.AccessAdvice)...)
	client := control.NewClient(dir)
	node, err := control.GetNode.Ask(ctx, client, control.Request{})
	switch {
	case err == nil:
		d.add(doctor.Node(node, hasNetwork)...)
	case errors.Is(err, control.ErrNoNode):
		d.add(doctor.Skip(doctor.CheckNode, "none runs on this data directory; start one with: peernode run"), d.checkPort(ctx))
	default:
		e := d.explain(err)
		d.add(doctor.Finding{Check: doctor.CheckNode, Status: doctor.Problem, Text: e.Text, Advice: e.Advice})
	}
	d.add(network)
	if !hasNetwork {
		d.add(doctor.Skip(doctor.CheckBroadcast, "not checked without a network"))
	} else if node.Private {
		d.add(doctor.Skip(doctor.CheckBroadcast, "not checked: the node is in private mode"))
	} else if err := d.checkNetwork(ctx); err != nil {
		return err
	}
	var why []control.Why
	if len(args) > 0 {
		if node.PublicKey == "" {
			return failure.WithAdvice(control.ErrNoNode, "only a running node knows about a peer: start it with: peernode run")
		}
		w, err := control.Explain.Ask(ctx, client, control.Request{Peer: args[0]})
		if err != nil {
			return err
		}
		d.add(doctor.Peer(w, d.interfaces, time.Now()))
		why = append(why, w)
	}
	if d.bundle != "" {
		if err := d.writeBundle(ctx, client, node, why); err != nil {
			return err
		}
	}
	return d.verdict()
}

// add prints findings, each as soon as it is known.
func (d *diagnosis) add(list ...doctor.Finding) {
	d.findings = append(d.findings, list...)
	for _, f := range list {
		_ = d.out.Print(f, "%s", f.String()) // the stream remembers what cannot be written
	}
}

// verdict returns an error if there are problems.
func (d *diagnosis) verdict() error {
	n := 0
	for _, f := range d.findings {
		if f.Status == doctor.Problem {
			n++
		}
	}
	if n == 0 {
		return nil
	}
	return failure.WithAdvice(fmt.Errorf("%s found", text.Count(n, "problem")), "the end of each line above that begins with problem says what to do")
}

// checkPort checks whether a node could listen at --listen.
func (d *diagnosis) checkPort(ctx context.Context) doctor.Finding {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", d.listen)
	if err != nil {
		e := failure.Explain(failure.Listening(err))
		f := doctor.Finding{Check: doctor.CheckPort, Status: doctor.Problem, Text: e.Text, Advice: cmp.Or(e.Advice, "run: peernode run --listen :0")}
		if errors.Is(err, syscall.EADDRINUSE) {
			f.Advice = "end that program, which this shows: ss -ltnp; or run: peernode run --listen :0"
		}
		return f
	}
	defer l.Close()
	if a, ok := l.Addr().(*net.TCPAddr); ok && a.IP.IsLoopback() {
		return doctor.Finding{Check: doctor.CheckListening, Status: doctor.Problem, Text: "on loopback only: no peer on another machine can dial the node",
			Advice: "run: peernode run --listen :0"}
	}
	return doctor.Finding{Check: doctor.CheckPort, Status: doctor.OK, Text: "free: " + d.listen}
}

// checkNetwork has one node announce itself and another one of this machine listen.
func (d *diagnosis) checkNetwork(ctx context.Context) error {
	names := d.providers.Names()
	if len(names) == 0 {
		return nil
	}
	speaker := peernet.Config{Discovery: d.providers.Make(), Listen: ":0"}
	listener := peernet.Config{Discovery: d.providers.Make(), Listen: "127.0.0.1:0", ListenOnly: true}
	var nodes []*peernet.Node
	for _, c := range []peernet.Config{listener, speaker} {
		n, stop, err := startNode(ctx, c)
		if err != nil {
			return err
		}
		defer stop()
		nodes = append(nodes, n)
	}
	hears := backend.New(nodes[0], &backend.Run{Config: listener})
	var heard []doctor.Heard
	for late := time.Now().Add(hearTime); ; {
		now, err := hears.Discover(ctx, control.Request{})
		if err != nil {
			return err
		}
		heard = d.heardOf(now, nodes[1].PublicKey().String(), names)
		missing := func(h doctor.Heard) bool { return len(h.Uses) == 0 || len(h.Silent(d.interfaces)) > 0 } // perhaps only yet
		if !slices.ContainsFunc(heard, missing) || time.Now().After(late) {
			break
		}
		select {
		case <-time.After(lookPause):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	for _, h := range heard {
		d.add(doctor.Discovery(h, d.interfaces, d.providers.Port())...)
	}
	return nil
}

// heardOf returns what each provider has heard of the node with key. Broadcasts go over IPv4, and by udp also multicast over IPv6:
// that does not count where there is IPv4.
func (d *diagnosis) heardOf(now control.Discovered, key string, names []string) (list []doctor.Heard) {
	for _, name := range names {
		h := doctor.Heard{Provider: name}
		for _, p := range now.Providers {
			if p.Name == name {
				h.Error, h.Advice, h.Uses = p.Error, p.Advice, p.Uses
			}
		}
		for _, s := range now.Seen {
			if at, err := netip.ParseAddrPort(s.Address); name == "udp" && err == nil && !at.Addr().Unmap().Is4() && d.hasIPv4(s.Interface) {
				continue
			}
			if s.PublicKey == key && s.Source == name && !slices.Contains(h.On, s.Interface) {
				h.On = append(h.On, s.Interface)
			}
		}
		list = append(list, h)
	}
	return list
}

// hasIPv4 reports whether an interface has an IPv4 address.
func (d *diagnosis) hasIPv4(name string) bool {
	return slices.ContainsFunc(d.interfaces, func(i doctor.Interface) bool {
		return i.Name == name && slices.ContainsFunc(i.Addrs, func(p netip.Prefix) bool { return p.Addr().Unmap().Is4() })
	})
}

// networkInterfaces returns the interfaces of this machine that the system lists.
func networkInterfaces() (list []doctor.Interface) {
	all, _ := net.Interfaces()
	for _, i := range all {
		one := doctor.Interface{Name: i.Name, IsUp: i.Flags&net.FlagUp != 0, IsLoopback: i.Flags&net.FlagLoopback != 0,
			HasMulticast: i.Flags&net.FlagMulticast != 0}
		addrs, _ := i.Addrs()
		for _, a := range addrs {
			if p, err := netip.ParsePrefix(a.String()); err == nil {
				one.Addrs = append(one.Addrs, p)
			}
		}
		list = append(list, one)
	}
	return list
}

// A bundle is what a developer needs: no private key, no argument and no result of a call is in it.
type bundle struct {
	Version    string             `json:"version"`
	System     string             `json:"system"`
	Time       time.Time          `json:"time"`
	Findings   []doctor.Finding   `json:"findings"`
	Interfaces []doctor.Interface `json:"interfaces"`
	Node       *control.Node      `json:"node,omitempty"`
	Why        []control.Why      `json:"why,omitempty"`
	Seen       []control.Sighting `json:"seen,omitempty"`
}

// writeBundle writes the bundle, which must not exist. It has the history of each peer, or of the one that was asked for.
func (d *diagnosis) writeBundle(ctx context.Context, client *control.Client, node control.Node, why []control.Why) error {
	b := bundle{Version: version(), System: runtime.GOOS + "/" + runtime.GOARCH, Time: time.Now().UTC(), Findings: d.findings,
		Interfaces: d.interfaces, Why: why}
	if node.PublicKey != "" {
		b.Node = &node
		if seen, err := control.Discover.Ask(ctx, client, control.Request{}); err == nil {
			b.Seen = seen.Seen
		}
		peers, err := control.GetPeers.Ask(ctx, client, control.Request{})
		if err == nil && len(why) == 0 {
			for _, p := range peers.Peers {
				if w, err := control.Explain.Ask(ctx, client, control.Request{Peer: p.PublicKey}); err == nil {
					b.Why = append(b.Why, w)
				}
			}
		}
	}
	text, err := json.MarshalIndent(b, "", "  ")
	if err != nil {
		return err
	}
	file, err := os.OpenFile(filepath.Clean(d.bundle), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return failure.WithAdvice(fmt.Errorf("--bundle: %w", err), "name a file that does not exist yet")
	}
	_, err = file.Write(append(text, '\n'))
	if err = errors.Join(err, file.Close()); err != nil {
		return err
	}
	d.say("the bundle is %s: it holds public keys, labels, addresses and names of interfaces, and no secret", d.bundle)
	return nil
}
