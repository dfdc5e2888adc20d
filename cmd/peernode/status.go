package main

import (
	"cmp"
	"fmt"
	"maps"
	"net"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/seed-f6ddb928/peernet-go/cmd/peernode/internal/backend"
	"github.com/seed-f6ddb928/peernet-go/cmd/peernode/internal/control"
	"github.com/seed-f6ddb928/peernet-go/cmd/peernode/internal/output"
	"github.com/seed-f6ddb928/peernet-go/cmd/peernode/internal/providers"
	"github.com/seed-f6ddb928/peernet-go/cmd/peernode/internal/text"
	"github.com/seed-f6ddb928/peernet-go/peernet"
)

func statusCommand(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "status",
		Short: "Say how the running node is doing",
		Long: `Status prints the running node's public key, the addresses at which others can dial it, where it was told
to listen, how it looks for peers and whether that works, where its metrics are, for how long it has run, how many of
its peers are in which state, how many calls and bytes there were, and the path of its control socket; with --json a
good deal more. It ends with exit code 3 if no node runs.`,
		RunE: show(a, control.GetNode, a.status),
	}
}

// status prints how the node is doing.
func (a *app) status(n control.Node) error {
	defer a.sayBadLines(n.PeersFile)
	if a.out.JSON {
		return a.out.Object(n)
	}
	table := a.out.Table()
	line := func(name, value string) { fmt.Fprintf(table, "%s\t%s\n", name, value) }
	line("key", n.PublicKey)
	line("addresses", cmp.Or(strings.Join(n.Addresses, ", "), "none"))
	var listen []string
	for _, l := range n.Listeners {
		listen = append(listen, l.Listen)
	}
	line("listen", cmp.Or(text.OneLine(strings.Join(listen, ", ")), "nowhere"))
	for _, p := range n.Providers {
		line("discovery", provider(p, silence(n, p, isLoopback), time.Now()))
	}
	if len(n.Discovery) == 0 {
		line("discovery", providers.None)
	}
	if n.Private {
		line("private", "yes")
	}
	if n.Metrics != "" {
		line("metrics", n.Metrics)
	}
	for _, t := range n.Tunnels {
		if t.Target != "" {
			line("exposed", output.Exposed(t))
		} else {
			line("forwarded", output.Forwarded(t))
		}
	}
	line("uptime", time.Duration(n.Uptime*float64(time.Millisecond)).Truncate(time.Second).String())
	var states []string
	for _, s := range backend.States {
		if count := n.Peers[string(s)]; count > 0 {
			states = append(states, fmt.Sprintf("%d %s", count, s))
		}
	}
	line("peers", cmp.Or(strings.Join(states, ", "), "none"))
	if n.PeersFile != "" {
		line("peers file", text.OneLine(n.PeersFile))
	}
	line("calls", calls(n.Traffic))
	line("bytes", fmt.Sprintf("%s in, %s out", text.Size(n.Traffic.BytesIn), text.Size(n.Traffic.BytesOut)))
	if g := n.Guests; g.SessionsMade > 0 {
		line("guests", fmt.Sprintf("%d connected, %s", g.Sessions, calls(g)))
	}
	line("control", text.OneLine(n.Control))
	return table.Flush()
}

// silence says why a provider does not announce the node, or returns "". A node that only this machine can dial is announced
// on loopback only.
func silence(n control.Node, p control.Provider, loopback func(name string) bool) string {
	elsewhere := func(addr string) bool {
		a, err := netip.ParseAddrPort(addr)
		return err != nil || !a.Addr().IsLoopback()
	}
	switch {
	case !n.Advertise:
		return "announces nothing"
	case p.State == string(peernet.ProviderFailed):
		return ""
	case len(n.Addresses) > 0 && !slices.ContainsFunc(n.Addresses, elsewhere) && !slices.ContainsFunc(p.Uses, loopback):
		return "listening on loopback only: nothing is announced"
	}
	return ""
}

// isLoopback says whether the network interface called name exists and leads only to this machine.
func isLoopback(name string) bool {
	i, err := net.InterfaceByName(name)
	return err == nil && i.Flags&net.FlagLoopback != 0
}

// provider returns the state of a provider as text for people. silent is what silence returns.
func provider(p control.Provider, silent string, now time.Time) string {
	var b strings.Builder
	b.WriteString(p.Name + ": " + p.State)
	if len(p.Uses) > 0 {
		b.WriteString(" on " + text.OneLine(strings.Join(p.Uses, ", ")))
	}
	if silent != "" {
		b.WriteString(", " + silent)
	}
	for _, o := range p.Problems {
		fmt.Fprintf(&b, "; %s, for %v", text.Problem(o.Doing, o.Interface, o.Error), now.Sub(o.Since).Truncate(time.Second))
	}
	if unused := unused(p.Unused); unused != "" {
		b.WriteString("; not on " + unused)
	}
	if !p.Silence.IsZero() {
		fmt.Fprintf(&b, "; nothing heard for %v", now.Sub(p.Silence).Truncate(time.Second))
	}
	if p.Error != "" {
		b.WriteString(": ")
		if p.State != string(peernet.ProviderFailed) {
			b.WriteString("failed before: ")
		}
		b.WriteString(text.OneLine(p.Error))
		if p.Advice != "" {
			b.WriteString(" (" + text.OneLine(p.Advice) + ")")
		}
	}
	if !p.Next.IsZero() {
		fmt.Fprintf(&b, "; tried again in %v", max(0, p.Next.Sub(now)).Round(time.Second))
	}
	return b.String()
}

// maxUnused is how many interfaces are named that are not used for one reason. Some machines have hundreds.
const maxUnused = 4

// unused returns which interfaces are not used and why, as a person reads it.
func unused(whys map[string]string) string {
	byWhy := make(map[string][]string)
	for _, name := range slices.Sorted(maps.Keys(whys)) {
		byWhy[whys[name]] = append(byWhy[whys[name]], name)
	}
	var parts []string
	for _, why := range slices.Sorted(maps.Keys(byWhy)) {
		names, more := byWhy[why], ""
		if n := len(names) - maxUnused; n > 0 {
			names, more = names[:maxUnused], fmt.Sprintf(" and %d more", n)
		}
		parts = append(parts, fmt.Sprintf("%s%s (%s)", text.OneLine(strings.Join(names, ", ")), more, why))
	}
	return strings.Join(parts, ", ")
}

// calls returns the numbers of calls and dropped sends as text for people.
func calls(t control.Traffic) string {
	ended := func(c control.Calls, way string) string {
		text := fmt.Sprintf("%d %s", c.OK+c.Failed, way)
		if c.Failed > 0 {
			text += fmt.Sprintf(" (%d failed)", c.Failed)
		}
		return text
	}
	parts := []string{ended(t.CallsIn, "in"), ended(t.CallsOut, "out")}
	if t.Refused > 0 {
		parts = append(parts, fmt.Sprintf("%d refused", t.Refused))
	}
	if t.Dropped > 0 {
		parts = append(parts, text.Count(int(t.Dropped), "send")+" dropped")
	}
	return strings.Join(parts, ", ")
}
