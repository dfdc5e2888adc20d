package udp

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-f6ddb928/peernet-go/discovery"
	"github.com/seed-f6ddb928/peernet-go/discovery/internal/lan"
	"github.com/seed-f6ddb928/peernet-go/internal/test/memnet"
)

// A faulty socket fails to send to some addresses.
type faulty struct {
	*memnet.PacketConn
	fails func(to netip.Addr) bool
}

func (f *faulty) WriteTo(b []byte, to net.Addr) (int, error) {
	if f.fails(to.(*net.UDPAddr).AddrPort().Addr()) {
		return 0, syscall.EPERM
	}
	return f.PacketConn.WriteTo(b, to)
}

func TestALinkThatFailsDoesNotStopTheOthers(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		var mended atomic.Bool
		near, far := w.ear(w.Host(addr("10.0.0.9")), "udp4"), w.ear(w.Host(addr("10.0.1.9")), "udp4")
		n := w.node(1, w.Host(addr("10.0.0.1"), addr("10.0.1.1"), addr("fe80::1")))
		n.self.ListenPacket = func(ctx context.Context, network, address string) (net.PacketConn, error) {
			conn, err := n.host.ListenPacket(ctx, network, address)
			if err != nil {
				return nil, err
			}
			return &faulty{conn.(*memnet.PacketConn), func(to netip.Addr) bool {
				return !mended.Load() && (to == addr("10.0.0.255") || to.Is6())
			}}, nil
		}
		n.start()
		pass(ms)
		near.wantOf(n.key)
		far.wantOf(n.key, 0)
		if s := n.provider.Stats(); s.Sent != 1 || s.SendErrors != 2 || !errors.Is(s.LastError, syscall.EPERM) {
			t.Errorf("%+v", s)
		}
		why := syscall.EPERM.Error() + " (a firewall, or another rule of this machine, forbids it)"
		n.wantProblems("cannot send over IPv4 on eth0: "+why, "cannot send over IPv6 on eth2: "+why)
		mended.Store(true)
		pass(5 * time.Second)
		n.wantProblems()
	})
}

func TestAMachineWithoutIPv6IsServedOverIPv4(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		n, o := w.node(1, w.Host(addr("10.0.0.1"), addr("fe80::1"))), w.node(2, w.Host(addr("10.0.0.2"), addr("fe80::2"))).start()
		var refuse atomic.Bool
		refuse.Store(true)
		n.self.ListenPacket = func(ctx context.Context, network, address string) (net.PacketConn, error) {
			if network == "udp6" && refuse.Load() {
				return nil, syscall.EAFNOSUPPORT
			}
			return n.host.ListenPacket(ctx, network, address)
		}
		n.start()
		pass(2 * time.Second)
		n.wantAt(o.key, "10.0.0.2:7002 on eth0")
		if s := n.provider.Stats(); s.OtherErrors != 3 || !errors.Is(s.LastError, syscall.EAFNOSUPPORT) {
			t.Errorf("%+v, want an error for each announce", s)
		}
		n.wantProblems("cannot hear over IPv6 on eth1: " + syscall.EAFNOSUPPORT.Error())
		refuse.Store(false) // its IPv6 is switched on
		pass(10 * time.Second)
		n.wantAt(o.key, "10.0.0.2:7002 on eth0", "[fe80::2%eth1]:7002 on eth1")
		n.wantProblems()
	})
}

// A groupless socket has no methods but those of net.PacketConn.
type groupless struct{ net.PacketConn }

func TestAGroupThatCannotBeJoinedIsCounted(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		n, o := w.node(1, w.Host(addr("10.0.0.1"), addr("fe80::1"))), w.node(2, w.Host(addr("10.0.0.2"), addr("fe80::2"))).start()
		n.self.ListenPacket = func(ctx context.Context, network, address string) (net.PacketConn, error) {
			conn, err := n.host.ListenPacket(ctx, network, address)
			return groupless{conn}, err
		}
		n.start()
		pass(300 * ms)
		n.wantAt(o.key, "10.0.0.2:7002 on eth0")
		o.wantAt(n.key, "10.0.0.1:7001 on eth0", "[fe80::1%eth1]:7001 on eth1")
		if s := n.provider.Stats(); s.OtherErrors != 2 || !errors.Is(s.LastError, lan.ErrNoGroups) {
			t.Errorf("%+v, want an error for each announce", s)
		}
		n.wantProblems("cannot hear over IPv6 on eth1: " + lan.ErrNoGroups.Error())
	})
}

func TestInterfacesThatCannotBeListedStayAsTheyWere(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		e := w.ear(w.Host(addr("10.0.0.9")), "udp4")
		n := w.node(1, w.Host(addr("10.0.0.1")))
		list, looks := n.self.Interfaces, 0
		n.self.Interfaces = func() ([]discovery.Interface, error) {
			if looks++; looks == 1 {
				return list()
			}
			return nil, syscall.ENFILE
		}
		n.start()
		pass(time.Second)
		e.wantOf(n.key, 0, 250*ms, 1000*ms)
		if s := n.provider.Stats(); s.OtherErrors != 2 || !errors.Is(s.LastError, syscall.ENFILE) {
			t.Errorf("%+v", s)
		}
		n.wantProblems("cannot list the network interfaces: " + syscall.ENFILE.Error())
	})
}

func TestAPortThatIsTakenIsAnErrorWithAHint(t *testing.T) {
	hints := make(map[string]error)
	for _, cause := range []error{lan.ErrInUse, syscall.EACCES, syscall.EAFNOSUPPORT, syscall.ENOBUFS} {
		bubble(t, func(t *testing.T, w *world) {
			n := w.node(1, w.Host(addr("10.0.0.1")))
			n.options.Port = 4041
			taken := true
			n.self.ListenPacket = func(ctx context.Context, network, address string) (net.PacketConn, error) {
				if taken {
					return nil, &net.OpError{Op: "listen", Err: cause}
				}
				return n.host.ListenPacket(ctx, network, address)
			}
			err := New(n.options).Run(t.Context(), n.self, n.sight)
			var failure *ListenError
			if !errors.As(err, &failure) || failure.Port != 4041 || !errors.Is(err, cause) || !strings.Contains(err.Error(), failure.Hint()) {
				t.Fatalf("%v", err)
			}
			if same := hints[failure.Hint()]; same != nil {
				t.Errorf("%v has the hint of %v", cause, same)
			}
			hints[failure.Hint()] = cause

			taken = false
			n.start()
			pass(ms)
			if s := n.provider.Stats(); s.Sent != 1 {
				t.Errorf("%+v", s)
			}
		})
	}
}

func TestOnlyIPv4AddressesAreFixed(t *testing.T) {
	for _, a := range []netip.Addr{{}, addr("ff12::1"), addr("::ffff:10.0.0.1")} {
		p := New(Options{Broadcast: []netip.Addr{a}})
		if err := p.Run(t.Context(), discovery.Self{}, nil); !errors.Is(err, ErrBroadcast) {
			t.Errorf("%v: %v", a, err)
		}
	}
}

// A deaf socket fails to read a number of times, less than 0: always.
type deaf struct {
	*memnet.PacketConn
	fails int // of the reading goroutine
}

func (d *deaf) ReadFrom(b []byte) (int, net.Addr, error) {
	if d.fails != 0 {
		d.fails--
		return 0, nil, syscall.ENOBUFS
	}
	return d.PacketConn.ReadFrom(b)
}

func TestASocketThatFailsForAWhileIsReadOn(t *testing.T) {
	for fails, want := range map[int]error{lan.MaxReadFailures - 1: nil, lan.MaxReadFailures: syscall.ENOBUFS, -1: syscall.ENOBUFS} {
		bubble(t, func(t *testing.T, w *world) {
			n, o := w.node(1, w.Host(addr("10.0.0.1"))), w.node(2, w.Host(addr("10.0.0.2"))).start()
			n.self.ListenPacket = func(ctx context.Context, network, address string) (net.PacketConn, error) {
				conn, err := n.host.ListenPacket(ctx, network, address)
				if err != nil {
					return nil, err
				}
				return &deaf{conn.(*memnet.PacketConn), fails}, nil
			}
			n.start()
			pass(2 * time.Second)
			if want == nil {
				n.wantAt(o.key, "10.0.0.2:7002 on eth0")
				return
			}
			select {
			case err := <-n.end:
				if !errors.Is(err, want) {
					t.Errorf("%v, want %v", err, want)
				}
			default:
				t.Errorf("%d failures: it runs on", fails)
			}
		})
	}
}

func TestASocketThatIsClosedEndsRun(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		n := w.node(1, w.Host(addr("10.0.0.1"), addr("fe80::1"))).start()
		pass(ms)
		n.host.Crash()
		synctest.Wait()
		if err := <-n.end; !errors.Is(err, net.ErrClosed) {
			t.Errorf("%v, want net.ErrClosed", err)
		}
	})
}

func TestInterfacesThatCannotBeUsedAreAProblem(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		n := w.node(1, w.Host(addr("10.0.0.1")))
		n.options.Interfaces = []string{"eth0", "wlan9"}
		n.start()
		pass(ms)
		n.wantProblems("cannot work on wlan9: there is no interface of this name")
		o := w.node(2, w.Host(addr("10.0.0.2")))
		o.options.Interfaces = []string{"wlan9"}
		o.start()
		pass(ms)
		o.wantProblems("cannot work on wlan9: there is no interface of this name", "cannot use the network: no network interface that can be used")
	})
}

func TestAFamilyThatANamedInterfaceDoesNotCarryIsAProblem(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		n := w.node(1, w.Host(addr("10.0.0.1"), addr("fe80::1")))
		n.options.Interfaces = []string{"eth0", "eth1"}
		list := n.self.Interfaces
		n.self.Interfaces = func() ([]discovery.Interface, error) {
			all, err := list()
			for i := range all {
				all[i].Flags &^= net.FlagBroadcast | net.FlagMulticast
				if all[i].Name == "eth1" {
					all[i].Addrs = append(all[i].Addrs, netip.MustParsePrefix("10.1.0.1/24"))
					all[i].Flags |= net.FlagMulticast | net.FlagPointToPoint
				}
			}
			return all, err
		}
		n.start()
		pass(ms)
		n.wantProblems("cannot work on eth0: it carries no multicasts", "cannot send over IPv4 on eth1: it carries no broadcasts")
	})
}
