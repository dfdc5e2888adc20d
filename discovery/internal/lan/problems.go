package lan

import (
	"errors"
	"fmt"
	"slices"
	"syscall"
	"time"

	"github.com/seed-f6ddb928/peernet-go/discovery"
)

// working is what an interface that was named should do.
const working = "work"

// passing are the errors of an interface that has just come up, whose address is not yet ready, or that is going away. They are
// a problem if they are still there after passesWithin.
var passing = []error{syscall.EADDRNOTAVAIL, syscall.ENETUNREACH}

// passesWithin is longer than an IPv6 address takes until it can be used, and shorter than the period of announces.
const passesWithin = 4 * time.Second

// Problems are what a provider cannot do now. They are for one goroutine.
type Problems struct {
	Tell func([]discovery.Problem) // Self.Problems

	list []problem // those that may pass included
}

// A problem is told, unless it may pass: then it must have been there for a while when it was looked for.
type problem struct {
	discovery.Problem
	seen time.Time // when it was last there
}

// ReportOn says whether a provider can do something in one family on an interface: "send" or "hear".
func (p *Problems) ReportOn(i discovery.Interface, doing string, ipv6 bool, err error) {
	family := " over IPv4"
	if ipv6 {
		family = " over IPv6"
	}
	p.Report(i.Name, doing+family, err)
}

// Report says whether something can be done on an interface: err is nil if so. Without a name it is about none.
func (p *Problems) Report(on, doing string, err error) {
	if number, ok := errors.AsType[syscall.Errno](err); ok { // without the system call and the addresses
		err = number
	}
	if errors.Is(err, ErrForbidden) {
		err = fmt.Errorf("%w (a firewall, or another rule of this machine, forbids it)", err)
	}
	at := slices.IndexFunc(p.list, func(o problem) bool { return o.Interface == on && o.Doing == doing })
	now := time.Now()
	switch {
	case at < 0 && err == nil:
		return
	case at < 0:
		p.list = append(p.list, problem{discovery.Problem{Interface: on, Doing: doing, Err: err, Since: now}, now})
	case err == nil:
		p.list = slices.Delete(p.list, at, at+1)
	default:
		p.list[at].Err, p.list[at].seen = err, now
	}
	p.tell()
}

// Look notes which interfaces are used: what was wrong on those that have changed is over. names are of those that should work.
func (p *Problems) Look(all []discovery.Interface, names []string, was, now []discovery.Interface) {
	before := len(p.list)
	p.list = slices.DeleteFunc(p.list, func(o problem) bool {
		isSame := func(i discovery.Interface) bool {
			return i.Name == o.Interface && slices.ContainsFunc(was, func(w discovery.Interface) bool { return IsSame(i, w) })
		}
		if o.Doing == working {
			return !slices.Contains(names, o.Interface)
		}
		return o.Interface != "" && !slices.ContainsFunc(now, isSame)
	})
	if len(p.list) < before {
		p.tell()
	}
	for _, name := range names {
		isNamed := func(i discovery.Interface) bool { return i.Name == name }
		at := slices.IndexFunc(all, isNamed)
		var err error
		switch {
		case slices.ContainsFunc(now, isNamed):
		case at < 0:
			err = errAbsent
		default:
			err = whyUnused(all[at])
		}
		p.Report(name, working, err)
	}
}

// tell tells what cannot be done, but for what may pass.
func (p *Problems) tell() {
	if p.Tell == nil {
		return
	}
	var told []discovery.Problem
	for _, o := range p.list {
		mayPass := slices.ContainsFunc(passing, func(err error) bool { return errors.Is(o.Err, err) })
		if !mayPass || o.seen.Sub(o.Since) >= passesWithin {
			told = append(told, o.Problem)
		}
	}
	p.Tell(told)
}
