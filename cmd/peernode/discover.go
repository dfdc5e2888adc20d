package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/seed-f6ddb928/peernet-go/cmd/peernode/internal/backend"
	"github.com/seed-f6ddb928/peernet-go/cmd/peernode/internal/control"
	"github.com/seed-f6ddb928/peernet-go/cmd/peernode/internal/failure"
	"github.com/seed-f6ddb928/peernet-go/cmd/peernode/internal/providers"
	"github.com/seed-f6ddb928/peernet-go/cmd/peernode/internal/text"
	"github.com/seed-f6ddb928/peernet-go/cmd/peernode/internal/usage"
	"github.com/seed-f6ddb928/peernet-go/peernet"
)

// discoverTime is how long discover looks by itself if --for does not say; lookPause is how often it reads what was found.
const (
	discoverTime = 10 * time.Second
	lookPause    = 100 * time.Millisecond
)

var (
	// errNoProviders: the running node has no providers.
	errNoProviders = errors.New("the running node does not look for peers")
	// errCannotLook: none of the providers works.
	errCannotLook = errors.New("discovery does not work")
)

// A discoverer is one run of discover. It reports each sighting and each failure once.
type discoverer struct {
	*app
	providers providers.Flags
	within    time.Duration // 0: only what is seen now

	seen   map[sightingID]bool // as of the last look
	failed map[string]string   // errors by provider
}

// A sightingID tells sightings apart. Its source is empty for people, who read once of an address that several providers
// see.
type sightingID struct{ key, address, source string }

func discoverCommand(a *app) *cobra.Command {
	d := &discoverer{app: a, failed: make(map[string]string)}
	discover := &cobra.Command{
		Use:   "discover",
		Short: "List who is on this network, trusted or not",
		Long: `Discover lists the nodes that announce themselves on this network: key and label, address, which way of
looking has seen them there and on which network interface, for how long, and when they were last heard.
Nothing of it is proved: everybody who can send on a network can claim that any key is there.

It asks the running node, which knows at once; with --for it goes on for that time. If none runs, or if it
is told how to look, it looks by itself for 10 seconds, and announces nothing. It prints each node as soon as
it finds it, and at the end a table. With --json each sighting, of one address by one provider, is an object,
printed once as soon as it is found.`,
		Example: `  peernode discover
  peernode discover --for 30s --interface eth0
  peernode discover --json | jq -r 'select(.trusted | not) | .public_key'`,
	}
	d.providers.Add(discover)
	discover.Flags().DurationVar(&d.within, "for", 0, "how long to look (default 10s, or not at all where a node runs)")
	discover.RunE = func(cmd *cobra.Command, _ []string) error {
		if cmd.Flag("for").Changed && d.within <= 0 {
			return failure.Usage("--for must be more than 0", usage.TimeForm)
		}
		if err := d.providers.Check(); err != nil {
			return err
		}
		if missing, advice := d.providers.Missing(); len(missing) > 0 {
			return failure.Usage(fmt.Sprintf("--interface: no %.80q on this machine", missing[0]), advice)
		}
		if len(d.providers.Names()) == 0 {
			return failure.Usage("--discovery none finds nobody", "give at least one of: "+strings.Join(providers.Names, ", "))
		}
		given := func(name string) bool { return cmd.Flag(name).Changed }
		return d.run(cmd.Context(), slices.ContainsFunc(providers.FlagNames, given))
	}
	return discover
}

// run asks the running node. It looks by itself if no node runs, or if alone is true.
func (d *discoverer) run(ctx context.Context, alone bool) error {
	dir, err := d.dir.Path()
	if err != nil {
		return err
	}
	client := control.NewClient(dir)
	node, err := control.GetNode.Ask(ctx, client, control.Request{})
	switch {
	case errors.Is(err, control.ErrNoNode):
		return d.alone(ctx, "")
	case alone:
		if node.Private {
			d.say("nodes in private mode are not looked for: the running node sees those that are its peers")
			d.advise("ask it with: peernode discover, without --" + strings.Join(providers.FlagNames, ", --"))
		}
		return d.alone(ctx, node.PublicKey) // "" if the node could not be asked
	case err != nil:
		return err
	case len(node.Discovery) == 0:
		return failure.WithAdvice(errNoProviders, "look without it: peernode discover --discovery "+strings.Join(providers.Names, ","))
	}
	return d.look(ctx, func(ctx context.Context) (control.Discovered, error) {
		return control.Discover.Ask(ctx, client, control.Request{})
	})
}

// alone looks with a node of its own, which has a new key, announces nothing and listens on loopback. self is the key of the
// node that runs on the data directory, if one does.
func (d *discoverer) alone(ctx context.Context, self string) error {
	if d.within == 0 {
		d.within = discoverTime
	}
	_, set, err := d.openPeers()
	if err != nil {
		return err
	}
	config := peernet.Config{Discovery: d.providers.Make(), ListenOnly: true}
	node, stop, err := startNode(ctx, config)
	if err != nil {
		return err
	}
	defer stop()
	if !d.out.JSON {
		d.say("looking for %v, by %s", d.within, strings.Join(d.providers.Names(), " and "))
	}
	b := backend.New(node, &backend.Run{Config: config})
	return d.look(ctx, func(ctx context.Context) (control.Discovered, error) {
		now, err := b.Discover(ctx, control.Request{})
		for i := range now.Seen {
			s := &now.Seen[i]
			p, unknown := set.Find(s.PublicKey)
			s.Self, s.Label, s.Trusted = s.PublicKey == self, p.Label, unknown == nil
		}
		return now, err
	})
}

// startNode starts a node for the time until stop.
func startNode(ctx context.Context, config peernet.Config) (node *peernet.Node, stop func(), err error) {
	if node, err = peernet.New(config); err != nil {
		return nil, nil, err
	}
	if err := node.Start(ctx); err != nil {
		return nil, nil, failure.Listening(err)
	}
	return node, func() {
		ctx, cancel := context.WithTimeout(context.Background(), stopTime)
		defer cancel()
		node.Shutdown(ctx)
	}, nil
}

// look reports what at returns, again and again until the time is over or ctx ends. Neither is an error.
func (d *discoverer) look(ctx context.Context, at func(context.Context) (control.Discovered, error)) error {
	over := time.After(d.within)
	var last control.Discovered
	for {
		now, err := at(ctx)
		if ctx.Err() != nil {
			return d.end(last)
		}
		if err == nil {
			err = d.tell(now)
		}
		if err != nil {
			return err
		}
		last = now
		select {
		case <-time.After(lookPause):
			continue
		case <-over:
		case <-ctx.Done():
		}
		return d.end(last)
	}
}

// tell reports what is new.
func (d *discoverer) tell(now control.Discovered) error {
	for _, p := range now.Providers {
		if p.State == string(peernet.ProviderFailed) && p.Error != d.failed[p.Name] {
			d.failed[p.Name] = p.Error
			d.say("%s does not work: %s", p.Name, p.Error)
			d.advise(p.Advice)
		}
		for _, o := range p.Problems {
			what := text.Problem(o.Doing, o.Interface, o.Error)
			if id := p.Name + " " + what; d.failed[id] == "" {
				d.failed[id] = what
				d.say("%s", id)
			}
		}
	}
	seen := make(map[sightingID]bool, len(now.Seen))
	for _, s := range now.Seen {
		id := sightingID{s.PublicKey, s.Address, s.Source}
		if !d.out.JSON {
			id.source = ""
		}
		fresh := !d.seen[id] && !seen[id]
		seen[id] = true
		switch {
		case !fresh:
		case d.out.JSON:
			if err := d.out.Object(s); err != nil {
				return err
			}
		case d.within > 0:
			d.say("found %s at %s, by %s", nodeName(s), s.Address, seenBy(s))
		}
	}
	d.seen = seen
	return nil
}

// end prints the last look as a table. It fails if no provider has worked.
func (d *discoverer) end(last control.Discovered) error {
	works := slices.ContainsFunc(last.Providers, func(p control.Provider) bool {
		return p.State == string(peernet.ProviderRunning) || p.State == string(peernet.ProviderImpaired)
	})
	switch {
	case len(last.Seen) == 0 && len(last.Providers) > 0 && !works:
		return failure.WithAdvice(errCannotLook, "fix the errors above, or choose another --discovery")
	case d.out.JSON:
		return nil
	case len(last.Seen) == 0:
		d.say("no node is seen on this network; a running node announces itself every few seconds, in private mode to its peers alone")
		return nil
	}
	return d.printTable(last.Seen)
}

// printTable prints one line for each address that was seen, trusted keys first. Sightings of one address stand together.
func (d *discoverer) printTable(seen []control.Sighting) error {
	table := d.out.Table()
	fmt.Fprintln(table, "NODE\tTRUSTED\tADDRESS\tBY\tFOR\tHEARD")
	yes := map[bool]string{true: "yes", false: "no"}
	slices.SortStableFunc(seen, func(a, b control.Sighting) int { return strings.Compare(yes[b.Trusted], yes[a.Trusted]) })
	for i := 0; i < len(seen); {
		s := seen[i]
		ways := seenBy(s)
		for i++; i < len(seen) && seen[i].PublicKey == s.PublicKey && seen[i].Address == s.Address; i++ {
			ways += ", " + seenBy(seen[i])
			if isBefore(seen[i].FirstSeen, s.FirstSeen) {
				s.FirstSeen = seen[i].FirstSeen
			}
			if isBefore(s.LastSeen, seen[i].LastSeen) {
				s.LastSeen = seen[i].LastSeen
			}
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s ago\n", nodeName(s), yes[s.Trusted], s.Address, ways, age(s.FirstSeen), age(s.LastSeen))
	}
	return table.Flush()
}

// isBefore says whether both times are known and a is before b.
func isBefore(a, b time.Time) bool { return !a.IsZero() && !b.IsZero() && a.Before(b) }

// nodeName returns the name of a node that was seen. A key that is not trusted is whole, because trust add needs it whole.
func nodeName(s control.Sighting) string {
	switch {
	case s.Self:
		return text.PeerName(s.PublicKey, "this node")
	case s.Trusted:
		return text.PeerName(s.PublicKey, s.Label)
	}
	return s.PublicKey
}

// seenBy returns the provider that has seen a node, and the network interface.
func seenBy(s control.Sighting) string {
	if s.Interface == "" {
		return s.Source
	}
	return s.Source + " on " + text.OneLine(s.Interface)
}
