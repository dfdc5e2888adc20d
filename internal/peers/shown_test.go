package peers

import (
	"errors"
	"slices"
	"testing/synctest"
	"time"
)

// What a rig shows of the peer.

// outcome is what a cell says: the state, and all that has happened since it was asked last.
func (r *rig) outcome() string {
	r.Helper()
	synctest.Wait()
	text := r.state()
	r.mu.Lock()
	slices.Sort(r.dialled)
	for _, s := range slices.Concat(r.dialled, r.events) {
		text += " " + s
	}
	r.dialled, r.events = nil, nil
	r.mu.Unlock()
	for _, e := range r.ends {
		for _, s := range e.heard() {
			text += " " + e.name + ">" + s
		}
	}
	for _, s := range r.answers() {
		text += " =" + s
	}
	return text
}

// answers takes the answers to Connects.
func (r *rig) answers() (list []string) {
	for _, done := range slices.Clone(r.waiters) {
		if len(done) == 0 {
			continue
		}
		r.waiters = slices.DeleteFunc(r.waiters, func(o chan error) bool { return o == done })
		err := <-done
		name := "another error"
		for _, known := range []struct {
			err  error
			name string
		}{{nil, "up"}, {ErrStopping, "stopping"}, {ErrNoAddress, "no address"}, {ErrFull, "full"}, {ErrRefused, "refused"},
			{ErrBusy, "busy"}, {ErrNotTrusted, "not trusted"}, {ErrUnreachable, "unreachable"}} {
			if err == known.err || known.err != nil && errors.Is(err, known.err) {
				name = known.name
				break
			}
		}
		list = append(list, name)
	}
	return list
}

// state is what the directory says: the state, the session that calls use, and the time until the next dial.
func (r *rig) state() string {
	r.Helper()
	synctest.Wait()
	r.mu.Lock()
	gone := r.gone
	r.mu.Unlock()
	if gone {
		return "gone"
	}
	r.look(r.check)
	info, link := r.config.Directory.Info(r.theirs.PublicKey())
	text := string(info.State)
	for _, e := range r.ends {
		if link != nil && e.link == link {
			text += " " + e.name
		}
	}
	if !info.Next.IsZero() {
		text += " " + time.Until(info.Next).Round(time.Millisecond).String()
	}
	return text
}

// check fails if what the peer holds does not fit together.
func (r *rig) check(p *peer) {
	r.Helper()
	info, link := r.config.Directory.Info(p.key)
	used, d := p.find(p.used), p.dispute
	connected, follows := p.isConnected(), p.isAwaiting()
	isUsable := func(id string) bool { s := p.find(id); return s != nil && s.isUsable() }
	for _, bad := range []struct {
		is   bool
		what string
	}{
		{connected && (!used.isUsable() || p.link(p.used) != link), "the session in use cannot be used, or is not the directory's"},
		{!connected && link != nil && !follows, "the directory offers a session, and none is in use"},
		{!connected && len(p.usable()) > 0, "no session is in use, and one could be"},
		{d != dispute{} && !(isUsable(d.favoured) && isUsable(d.other)), "a session is in dispute that cannot be used"},
		{(info.State == Connected) != connected && !follows, "connected without a session, or not with one"},
		{(info.State == Dialling) != (p.round != nil && !connected && !p.waiting), "dialling without a round, or not with one"},
		{(info.State == BackingOff) == (p.due.IsZero() && !p.waiting) && !follows, "backing off without a redial, or not with one"},
		{!info.Next.Equal(p.due) || !p.due.IsZero() && p.due.Before(p.armed), "the time of the next dial is not that of the redial"},
		{!p.due.IsZero() && (p.round != nil || connected || p.asleep || p.goodbye != ""), "a redial that is not wanted"},
		{p.round != nil && p.round.latest == nil && len(p.handshakes) == 0, "a round in which nothing is under way"},
		{p.round != nil && p.goodbye != "", "dialling, and leaving"},
		{p.round != nil && connected && p.rotates == "", "dialling, and connected"},
		{len(p.links) != len(p.sessions), "other sessions are held than are known"},
		{p.quota.sessions != len(p.sessions)+r.others, "the quota counts other sessions"},
		{r.wasUp != p.upTold, "the parent was told otherwise"},
	} {
		if bad.is {
			r.Errorf("%s: %s", info.State, bad.what)
		}
	}
}
