package main

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/seed-f6ddb928/peernet-go/cmd/peernode/internal/control"
	"github.com/seed-f6ddb928/peernet-go/internal/test/netns"
)

// maybeCarriedOut is the end of the error of a call whose request was sent.
const maybeCarriedOut = "the request may have been carried out"

// TestLinksLookAfterThemselves runs nodes on machines of their own and breaks their connections, each way on a lan of its
// own.
func TestLinksLookAfterThemselves(t *testing.T) {
	t.Parallel()
	netns.Run(t, func(t *testing.T) {
		for name, f := range map[string]func(*testing.T){
			"CablePulledAndBackWithAnotherAddress": cablePulled,
			"CablePulledAndBack":                   cableBack,
			"NodeKilledAndRestarted":               nodeKilled,
			"MachineGone":                          machineGone,
			"MachineRebooted":                      machineRebooted,
			"MachineRebootedWithAnotherAddress":    machineMovedAndRebooted,
			"AddressChanged":                       addressChanged,
			"AddressChangedOften":                  addressChangedOften,
			"InterfaceMadeAgain":                   interfaceMadeAgain,
			"SilenceShort":                         silenceShort,
			"SilenceLong":                          silenceLong,
			"FirewallOpenedFromWithin":             firewallOpenedFromWithin,
			"FirewallDropsAndSystemRejects":        firewallDrops,
		} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				f(t)
			})
		}
	})
}

func cablePulled(t *testing.T) {
	l := newLAN(t, "ada", "bob", "cyd")
	l.mesh()
	ada, bob, cyd := l.machines[0], l.machines[1], l.machines[2]

	pulled := time.Now()
	cyd.link.Pull()
	there, back := ada.calling(cyd), cyd.calling(ada)
	for _, m := range l.machines[:2] {
		gone := m.await("disconnected", cyd, pulled)
		silenceNoticed.check(t, m.name+" of "+cyd.name, pulled, eventTime(gone))
		alone := cyd.await("disconnected", m, pulled)
		silenceNoticed.check(t, cyd.name+" of "+m.name, pulled, eventTime(alone))
		for _, e := range []control.Event{gone, alone} {
			if e.Reason != "unresponsive" {
				t.Errorf("the reason is %q", e.Reason)
			}
		}
	}
	checkFailed(t, there, ada, cyd, pulled)
	checkFailed(t, back, cyd, ada, pulled)
	wantCode(t, ada.call(cyd, waitTime), "not_connected")
	wantUndisturbed(t, ada, bob, pulled)

	cyd.link.SetAddresses(netns.Prefixes(9)...)
	plugged := time.Now()
	cyd.link.Plug()
	for _, m := range l.machines[:2] {
		seen := m.await("connected", cyd, plugged)
		moveMended.check(t, m.name+" and "+cyd.name, plugged, eventTime(seen))
		if own := cyd.await("connected", m, plugged); own.Role != "initiator" {
			t.Errorf("%s has the unknown address %s, but is %s", cyd.name, seen.Address, own.Role)
		}
	}
	l.wantMesh()
}

// checkFailed waits for a call to fail with the end of its link, and checks that the failure says what may have become
// of it.
func checkFailed(t *testing.T, result <-chan error, from, to *machine, at time.Time) {
	t.Helper()
	gone := from.await("disconnected", to, at)
	err := <-result
	callFailed.check(t, from.name+" to "+to.name, eventTime(gone), time.Now())
	if text := wantCode(t, err, "link_lost"); !strings.HasSuffix(text, maybeCarriedOut) {
		t.Errorf("the call failed with %q, which does not say that %s", text, maybeCarriedOut)
	}
}

func cableBack(t *testing.T) {
	l := newLAN(t, "ada", "cyd")
	l.mesh()
	ada, cyd := l.machines[0], l.machines[1]
	pulled := time.Now()
	cyd.link.Pull()
	ada.await("disconnected", cyd, pulled)
	cyd.await("disconnected", ada, pulled)
	plugged := time.Now()
	cyd.link.Plug()
	plugMended.check(t, "cyd and ada", plugged, eventTime(cyd.await("connected", ada, plugged)))
	plugMended.check(t, "ada and cyd", plugged, eventTime(ada.await("connected", cyd, plugged)))
	l.wantMesh()
}

func nodeKilled(t *testing.T) {
	l := newLAN(t, "ada", "bob", "cyd")
	l.mesh()
	ada, bob, cyd := l.machines[0], l.machines[1], l.machines[2]
	killed := time.Now()
	cyd.Kill()
	_ = cyd.node.Wait()
	for _, m := range l.machines[:2] {
		gone := m.await("disconnected", cyd, killed)
		deathNoticed.check(t, m.name+" of "+cyd.name, killed, eventTime(gone))
		if gone.Reason != "lost" {
			t.Errorf("%s is told %q", m.name, gone.Reason)
		}
	}
	started := time.Now()
	cyd.start()
	for _, m := range l.machines[:2] {
		startMended.check(t, m.name+" and "+cyd.name, started, eventTime(m.await("connected", cyd, killed)))
		cyd.await("connected", m, killed)
	}
	wantUndisturbed(t, ada, bob, killed)
	l.wantMesh()
}

func machineGone(t *testing.T) {
	l := newLAN(t, "ada", "bob", "cyd")
	l.mesh()
	ada, bob, cyd := l.machines[0], l.machines[1], l.machines[2]
	gone := time.Now()
	cyd.PowerOff()
	call := ada.calling(cyd)
	for _, m := range l.machines[:2] {
		silenceNoticed.check(t, m.name+" of "+cyd.name, gone, eventTime(m.await("disconnected", cyd, gone)))
	}
	checkFailed(t, call, ada, cyd, gone)
	wantCode(t, ada.call(cyd, waitTime), "not_connected")
	wantUndisturbed(t, ada, bob, gone)
}

// machineRebooted reboots a machine before the others have noticed that it is away.
func machineRebooted(t *testing.T) { reboot(t, 2) }

// machineMovedAndRebooted reboots a machine at another address, so that no system at the old one resets its sessions.
func machineMovedAndRebooted(t *testing.T) { reboot(t, 9) }

func reboot(t *testing.T, number int) {
	l := newLAN(t, "ada", "cyd")
	l.mesh()
	ada, cyd := l.machines[0], l.machines[1]
	off := time.Now()
	cyd.PowerOff()
	_ = cyd.node.Wait()
	l.boot(cyd, number)
	started := time.Now()
	cyd.start()
	cyd.await("connected", ada, off)
	rebootMended.check(t, "cyd to ada", started, cyd.reach(ada))
	rebootMended.check(t, "ada to cyd", started, ada.reach(cyd))
	for _, e := range ada.since(cyd, off) {
		if e.Kind == "conflict" {
			t.Errorf("taken for two nodes with one key: %+v", e)
		}
	}
	l.wantMesh()
}

func addressChanged(t *testing.T) {
	l := newLAN(t, "ada", "bob", "cyd")
	l.mesh()
	ada, bob, cyd := l.machines[0], l.machines[1], l.machines[2]
	known := l.knownAgain(cyd)
	changed := time.Now()
	cyd.link.SetAddresses(netns.Prefixes(9)...)
	l.wantBack(cyd, changed, known)
	wantUndisturbed(t, ada, bob, changed)
	l.wantMesh()
}

// addressChangedOften moves a machine again as soon as it is back.
func addressChangedOften(t *testing.T) {
	l := newLAN(t, "ada", "bob", "cyd")
	l.mesh()
	cyd := l.machines[2]
	for number := 9; number < 14; number++ {
		known := l.knownAgain(cyd)
		changed := time.Now()
		cyd.link.SetAddresses(netns.Prefixes(number)...)
		l.wantBack(cyd, changed, known)
	}
	l.wantMesh()
}

// knownAgain returns how soon each other machine is to reach m again after m has moved, which only m can tell them: that
// depends on who dialled the session that they have now.
func (l *lan) knownAgain(m *machine) map[*machine]bound {
	l.t.Helper()
	known := make(map[*machine]bound)
	for _, p := range l.machines {
		if p == m {
			continue
		}
		list, err := control.GetPeers.Ask(l.t.Context(), p.Client, control.Request{})
		if err != nil {
			l.t.Fatal(err)
		}
		for _, peer := range list.Peers {
			if peer.PublicKey == m.key {
				known[p] = map[string]bound{"responder": moveKnown, "initiator": moveDoubted}[peer.Role]
			}
		}
	}
	return known
}

// wantBack checks how long after it moved a machine reaches the others, and they reach it, which is bounded by known.
// Its node may be back before its old sessions have ended, and then has no disconnected event.
func (l *lan) wantBack(m *machine, moved time.Time, known map[*machine]bound) {
	l.t.Helper()
	var join sync.WaitGroup
	for _, p := range l.machines {
		if p == m {
			continue
		}
		join.Go(func() { moveMended.check(l.t, m.name+" to "+p.name, moved, m.reach(p)) })
		join.Go(func() { known[p].check(l.t, p.name+" to "+m.name, moved, p.reach(m)) })
	}
	join.Wait()
}

func interfaceMadeAgain(t *testing.T) {
	l := newLAN(t, "ada", "cyd")
	l.mesh()
	ada, cyd := l.machines[0], l.machines[1]
	known := l.knownAgain(cyd)
	deleted := time.Now()
	cyd.link.Delete()
	moveNoticed.check(t, "cyd", deleted, eventTime(cyd.await("disconnected", ada, deleted)))
	wantCode(t, cyd.call(ada, waitTime), "not_connected")
	created := time.Now()
	cyd.link.Create()
	moveMended.check(t, "cyd and ada", created, eventTime(cyd.await("connected", ada, created)))
	l.wantBack(cyd, created, known)
	l.wantMesh()
}

func silenceShort(t *testing.T) {
	l := newLAN(t, "ada", "cyd")
	l.mesh()
	ada, cyd := l.machines[0], l.machines[1]
	mute := time.Now()
	cyd.link.Mute()
	call := ada.calling(cyd)
	<-time.After(shortSilence)
	cyd.link.Plug()
	if err := <-call; err != nil {
		t.Errorf("the call failed: %v", err)
	}
	silenceBridged.check(t, "ada to cyd", mute, time.Now())
	wantUndisturbed(t, ada, cyd, mute)
	l.wantMesh()
}

// silenceLong drops all packets, so that neither end sees when the other goes and comes back.
func silenceLong(t *testing.T) {
	l := newLAN(t, "ada", "cyd")
	l.mesh()
	ada, cyd := l.machines[0], l.machines[1]
	mute := time.Now()
	cyd.link.Mute()
	silenceNoticed.check(t, "ada of cyd", mute, eventTime(ada.await("disconnected", cyd, mute)))
	silenceNoticed.check(t, "cyd of ada", mute, eventTime(cyd.await("disconnected", ada, mute)))
	healed := time.Now()
	cyd.link.Plug()
	silenceMended.check(t, "ada and cyd", healed, eventTime(ada.await("connected", cyd, healed)))
	silenceMended.check(t, "cyd and ada", healed, eventTime(cyd.await("connected", ada, healed)))
	l.wantMesh()
}

// firewall drops packets to the port where the machine's node listens, as a firewall does that lets only connections out.
func firewall(m *machine) { m.IP("rule add priority 10 ipproto tcp sport 7100 blackhole") }

func firewallOpenedFromWithin(t *testing.T) {
	l := newLAN(t, "ada", "cyd")
	ada, cyd := l.machines[0], l.machines[1]
	firewall(cyd)
	ada.start()
	started := time.Now()
	cyd.start()
	seen := ada.await("connected", cyd, time.Time{})
	startMended.check(t, "ada and cyd", started, eventTime(seen))
	if seen.Role != "responder" {
		t.Errorf("through the firewall as %s", seen.Role)
	}
	cyd.await("connected", ada, time.Time{})
	l.wantMesh()
}

func firewallDrops(t *testing.T) {
	l := newLAN(t, "ada", "cyd")
	ada, cyd := l.machines[0], l.machines[1]
	ada.start()
	for _, c := range []struct {
		what  bound
		shut  func()
		where string
	}{
		{closedNoticed, func() {}, "a closed port"},
		{dropNoticed, func() { firewall(cyd) }, "behind a firewall"},
	} {
		c.shut()
		begun := time.Now()
		_, err := control.Connect.Ask(context.Background(), ada.Client, control.Request{
			Timeout: control.Within(waitTime), Peer: cyd.key, Addresses: []string{machineAddr(2).String()},
		})
		c.what.check(t, c.where, begun, time.Now())
		wantCode(t, err, "unreachable")
	}
}
