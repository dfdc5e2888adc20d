// Package providers makes the discovery providers that the flags of a subcommand ask for.
package providers

import (
	"fmt"
	"net"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/seed-f6ddb928/peernet-go/cmd/peernode/internal/failure"
	"github.com/seed-f6ddb928/peernet-go/cmd/peernode/internal/usage"
	"github.com/seed-f6ddb928/peernet-go/discovery"
	"github.com/seed-f6ddb928/peernet-go/discovery/mdns"
	"github.com/seed-f6ddb928/peernet-go/discovery/udp"
)

// None is the value of --discovery for no provider.
const None = "none"

// Names are the names of all providers, and the default of --discovery.
var Names = []string{"udp", "mdns"}

// FlagNames are the flags that say how to look for peers.
var FlagNames = []string{"discovery", "interface", "udp-port"}

// Flags are the flags that say how to look for peers.
type Flags struct {
	How        string
	Interfaces []string // if there are none, all that fit
	port       uint16
}

// Add adds the flags to cmd.
func (f *Flags) Add(cmd *cobra.Command) {
	all := strings.Join(Names, ",")
	flags := cmd.Flags()
	flags.StringVar(&f.How, "discovery", all, "`HOW` to look for peers: "+strings.Join(Names, ", ")+" or several with commas; "+None+": not at all")
	flags.StringArrayVar(&f.Interfaces, "interface", nil, "look on the network interface `NAME` alone; may be given several times")
	flags.Uint16Var(&f.port, "udp-port", udp.DefaultPort, "the UDP `PORT` of announces, the same for all nodes")
	offers := append(slices.Clone(Names), all, None)
	cmd.RegisterFlagCompletionFunc("discovery", cobra.FixedCompletions(offers, cobra.ShellCompDirectiveNoFileComp))
	cmd.RegisterFlagCompletionFunc("interface", func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		return interfaceNames(), cobra.ShellCompDirectiveNoFileComp
	})
}

// Names returns the names in --discovery. There may be none.
func (f *Flags) Names() []string {
	if f.How == None {
		return nil
	}
	return strings.Split(f.How, ",")
}

// Port returns the UDP port of announces.
func (f *Flags) Port() uint16 { return f.port }

// Check returns nil if the flags can work.
func (f *Flags) Check() error {
	names := f.Names()
	for i, name := range names {
		switch {
		case name == None:
			return failure.Usage("--discovery: none and others at the same time", "give none alone, or leave it out")
		case !slices.Contains(Names, name):
			return failure.Usage(fmt.Sprintf("--discovery: unknown provider %.80q", name), oneOf(append(slices.Clone(Names), None)))
		case slices.Contains(names[:i], name):
			return failure.Usage(fmt.Sprintf("--discovery: %s is there twice", name), "give each once")
		}
	}
	if slices.Contains(f.Interfaces, "") {
		return failure.Usage("--interface is empty", "give it as --interface NAME, or leave it out for all interfaces")
	}
	if f.port == 0 {
		return failure.Usage("--udp-port is 0", usage.PortForm)
	}
	return nil
}

// Make returns a new provider for each name in --discovery.
func (f *Flags) Make() []discovery.Provider {
	var list []discovery.Provider
	for _, name := range f.Names() {
		list = append(list, New(name, f.Interfaces, f.port))
	}
	return list
}

// New makes the provider called name. It is a variable so that tests can keep off the machine's networks.
var New = func(name string, interfaces []string, port uint16) discovery.Provider {
	if name == "udp" {
		return udp.New(udp.Options{Port: port, Interfaces: interfaces})
	}
	return mdns.New(mdns.Options{Interfaces: interfaces})
}

// Missing returns the interfaces in --interface that this machine does not have, and advice that lists those that it has. A
// missing one may be mistyped, or may come later. Without providers no interface is missing.
func (f *Flags) Missing() (missing []string, advice string) {
	if len(f.Names()) == 0 {
		return nil, ""
	}
	return Missing(f.Interfaces...)
}

// Missing is Flags.Missing of any names.
func Missing(names ...string) (missing []string, advice string) {
	there := interfaceNames()
	if len(there) == 0 {
		return nil, ""
	}
	for _, name := range names {
		if !slices.Contains(there, name) {
			missing = append(missing, name)
		}
	}
	return missing, oneOf(there)
}

// oneOf is the advice about a name that is not among names.
func oneOf(names []string) string { return "use one of: " + strings.Join(names, ", ") }

// interfaceNames returns the names of this machine's network interfaces, as far as the system tells.
func interfaceNames() []string {
	all, _ := net.Interfaces()
	var names []string
	for _, i := range all {
		names = append(names, i.Name)
	}
	return names
}
