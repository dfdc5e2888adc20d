package main

import (
	"fmt"
	"net"
	"slices"
	"strings"

	"github.com/seed-f6ddb928/peernet-go/discovery"
	"github.com/seed-f6ddb928/peernet-go/discovery/mdns"
	"github.com/seed-f6ddb928/peernet-go/discovery/udp"
	"github.com/spf13/cobra"
)

// noDiscovery is the name that --discovery takes for looking for nobody.
const noDiscovery = "none"

// privateWay is the way to look for peers that there is in private mode.
const privateWay = "udp"

// A way is a way to look for peers.
type way struct {
	name string
	make func(*wayFlags) discovery.Provider
}

// ways are all there are, and what --discovery is if it is not given.
var ways = []way{
	{"udp", func(f *wayFlags) discovery.Provider {
		return udp.New(udp.Options{Port: f.port, Interfaces: f.interfaces})
	}},
	{"mdns", func(f *wayFlags) discovery.Provider {
		return mdns.New(mdns.Options{Interfaces: f.interfaces})
	}},
}

// wayNames returns the names of ways.
func wayNames() []string {
	var names []string
	for _, w := range ways {
		names = append(names, w.name)
	}
	return names
}

// wayFlags are the flags that say how to look for peers.
type wayFlags struct {
	how        string
	interfaces []string
	port       uint16
}

// add adds the flags to cmd.
func (f *wayFlags) add(cmd *cobra.Command) {
	all := strings.Join(wayNames(), ",")
	flags := cmd.Flags()
	flags.StringVar(&f.how, "discovery", all, "`HOW` to look for peers: "+strings.Join(wayNames(), ", ")+" or several with commas; "+noDiscovery+": not at all")
	flags.StringArrayVar(&f.interfaces, "interface", nil, "look on the network interface `NAME` alone; may be given several times")
	flags.Uint16Var(&f.port, "udp-port", udp.DefaultPort, "the UDP `PORT` of announces, the same for all nodes")
	offers := append(wayNames(), all, noDiscovery)
	cmd.RegisterFlagCompletionFunc("discovery", cobra.FixedCompletions(offers, cobra.ShellCompDirectiveNoFileComp))
	cmd.RegisterFlagCompletionFunc("interface", func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		return interfaceNames(), cobra.ShellCompDirectiveNoFileComp
	})
}

// wayFlagNames are the flags that say how to look.
var wayFlagNames = []string{"discovery", "interface", "udp-port"}

// given says whether one of the flags was given to cmd.
func (f *wayFlags) given(cmd *cobra.Command) bool {
	return slices.ContainsFunc(wayFlagNames, func(name string) bool { return cmd.Flag(name).Changed })
}

// names returns the ways that --discovery names: none, or each once.
func (f *wayFlags) names() []string {
	if f.how == noDiscovery {
		return nil
	}
	return strings.Split(f.how, ",")
}

// check says whether the flags can work.
func (f *wayFlags) check() error {
	names := f.names()
	for i, name := range names {
		switch {
		case name == noDiscovery:
			return usage("--discovery: none and others at the same time", "give none alone, or leave it out")
		case !slices.Contains(wayNames(), name):
			return usage(fmt.Sprintf("--discovery: there is none called %.80q", name), "those that are there: "+strings.Join(append(wayNames(), noDiscovery), ", "))
		case slices.Contains(names[:i], name):
			return usage(fmt.Sprintf("--discovery: %s is there twice", name), "give each once")
		}
	}
	if slices.Contains(f.interfaces, "") {
		return usage("--interface is empty", "give it as --interface NAME, or leave it out for all interfaces")
	}
	if f.port == 0 {
		return usage("--udp-port is 0", portHint)
	}
	return nil
}

// providers returns a new provider for each way that --discovery names.
func (f *wayFlags) providers() []discovery.Provider {
	var list []discovery.Provider
	for _, name := range f.names() {
		i := slices.IndexFunc(ways, func(w way) bool { return w.name == name })
		list = append(list, ways[i].make(f))
	}
	return list
}

// warn says which of the interfaces named are not there: they may come, or be mistyped.
func (f *wayFlags) warn(a *app) {
	missing, there := f.missing()
	for _, name := range missing {
		a.say("--interface: there is none called %.80q now", name)
		a.say("hint: those that are there: %s", strings.Join(there, ", "))
	}
}

// present returns a usageError if an interface that is named is not there: for who looks now, and not later.
func (f *wayFlags) present() error {
	missing, there := f.missing()
	if len(missing) == 0 {
		return nil
	}
	return usage(fmt.Sprintf("--interface: there is none called %.80q", missing[0]), "those that are there: "+strings.Join(there, ", "))
}

// missing returns the interfaces that are named and not there, if any are needed, and those that are there.
func (f *wayFlags) missing() (missing, there []string) {
	there = interfaceNames()
	if len(f.names()) == 0 || len(there) == 0 {
		return nil, there
	}
	for _, name := range f.interfaces {
		if !slices.Contains(there, name) {
			missing = append(missing, name)
		}
	}
	return missing, there
}

// interfaceNames returns the names of this machine's network interfaces, as far as the system tells.
func interfaceNames() []string {
	all, err := net.Interfaces()
	if err != nil {
		return nil
	}
	var names []string
	for _, i := range all {
		names = append(names, i.Name)
	}
	return names
}
