package lan

import (
	"errors"
	"maps"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-f6ddb928/peernet-go/discovery"
)

// TestProblemsAreToldWhenTheyChange: each with the time since which it is there.
func TestProblemsAreToldWhenTheyChange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var told []string
		last := ""
		var list []discovery.Problem
		p := Problems{Tell: func(l []discovery.Problem) {
			list = l
			var words []string
			for _, o := range l {
				words = append(words, o.String())
			}
			if now := strings.Join(words, ", "); now != last {
				told, last = append(told, now), now
			}
		}}
		want := func(want ...string) {
			t.Helper()
			if got := strings.Join(told, "; "); got != strings.Join(want, "; ") {
				t.Errorf("told %q, want %q", got, want)
			}
			told = nil
		}
		bad, worse := errors.New("bad"), errors.New("worse")
		var began time.Time
		p.ReportOn(eth0, "send", false, nil)
		want()
		p.ReportOn(eth0, "send", false, syscall.EADDRNOTAVAIL)
		time.Sleep(passesWithin - 1)
		p.ReportOn(eth0, "send", false, syscall.EADDRNOTAVAIL)
		p.ReportOn(eth1, "send", false, syscall.ENETUNREACH)
		p.ReportOn(eth1, "send", false, nil)
		want()
		time.Sleep(passesWithin)
		p.ReportOn(eth1, "send", false, nil) // says nothing about eth0
		p.ReportOn(eth1, "hear", true, syscall.ENETUNREACH)
		p.ReportOn(eth1, "hear", true, nil)
		want()
		p.ReportOn(eth0, "send", false, syscall.EADDRNOTAVAIL)
		want("cannot send over IPv4 on eth0: " + syscall.EADDRNOTAVAIL.Error())
		p.ReportOn(eth0, "send", false, nil)
		want("")
		began = time.Now()
		p.ReportOn(eth0, "send", false, bad)
		p.ReportOn(eth0, "send", false, bad)
		want("cannot send over IPv4 on eth0: bad")
		time.Sleep(time.Second)
		p.ReportOn(eth1, "hear", true, bad)
		p.ReportOn(eth0, "send", false, worse)
		want("cannot send over IPv4 on eth0: bad, cannot hear over IPv6 on eth1: bad", "cannot send over IPv4 on eth0: worse, cannot hear over IPv6 on eth1: bad")
		if !list[0].Since.Equal(began) || !list[1].Since.Equal(began.Add(time.Second)) {
			t.Errorf("since %v and %v", list[0].Since, list[1].Since)
		}
		both := []discovery.Interface{eth0, eth1}
		p.Look(both, nil, both, both)
		want()
		again := card(2, "eth0", "10.77.0.98/24")
		p.Look([]discovery.Interface{again, eth1}, nil, both, []discovery.Interface{again, eth1})
		want("cannot hear over IPv6 on eth1: bad")
		p.Report("", "use the network", bad)
		want("cannot hear over IPv6 on eth1: bad, cannot use the network: bad")
		p.ReportOn(eth1, "hear", true, &net.OpError{Op: "listen", Net: "udp6", Err: os.NewSyscallError("bind", syscall.ENODEV)})
		want("cannot hear over IPv6 on eth1: " + syscall.ENODEV.Error() + ", cannot use the network: bad")
		p.ReportOn(eth1, "hear", true, nil)
		p.Report("", "use the network", nil)
		want("cannot use the network: bad", "")
	})
}

func TestInterfacesThatAreNotUsedAreAProblem(t *testing.T) {
	down := eth1
	down.Flags &^= net.FlagRunning
	for _, c := range []struct {
		name string
		all  []discovery.Interface
		used bool
		want error
	}{
		{"used", []discovery.Interface{eth0, eth1}, true, nil},
		{"not there", []discovery.Interface{eth0}, false, errAbsent},
		{"down", []discovery.Interface{eth0, down}, false, errDown},
		{"unfit", []discovery.Interface{eth0, eth1}, false, errUnfit},
	} {
		var got []discovery.Problem
		p := Problems{Tell: func(l []discovery.Problem) { got = l }}
		now := []discovery.Interface{eth0}
		if c.used {
			now = append(now, eth1)
		}
		p.Look(c.all, []string{"eth0", "eth1"}, nil, now)
		if c.want == nil && len(got) > 0 || c.want != nil && (len(got) != 1 || got[0].Interface != "eth1" || got[0].Err != c.want) {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
		if p.Look(c.all, []string{"eth0", "eth1"}, nil, []discovery.Interface{eth0, eth1}); len(got) > 0 {
			t.Errorf("%s: %v when it is used", c.name, got)
		}
	}
}

func TestInterfacesThatAreNotUsedAreToldWithTheReason(t *testing.T) {
	with := func(name string, on, off net.Flags, prefixes ...string) discovery.Interface {
		i := card(10+len(name), name, prefixes...)
		i.Flags = i.Flags&^off | on
		return i
	}
	const address = "10.1.0.1/24"
	all := []discovery.Interface{
		eth0,
		with("off0", 0, net.FlagUp, address),
		with("lo", net.FlagLoopback, net.FlagBroadcast|net.FlagMulticast, "127.0.0.1/8"),
		with("tunnel0", net.FlagPointToPoint, net.FlagBroadcast, address),
		with("bridge0.1", 0, 0),
		with("silent.0.1", 0, net.FlagBroadcast|net.FlagMulticast, address),
		with("elsewhere.1", 0, 0, address),
	}
	want := map[string]string{"off0": errDown.Error(), "lo": errLoopback.Error(), "tunnel0": errPointToPoint.Error(),
		"bridge0.1": errNoAddress.Error(), "silent.0.1": ErrNoMulticasts.Error(), "elsewhere.1": errUnfit.Error()}
	if got := Unused(all, Selection{All: true}, all[:1]); !maps.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if got := Unused(all, Selection{Named: []string{"eth0"}}, all[:1]); len(got) > 0 {
		t.Errorf("with names: %v", got)
	}
}
