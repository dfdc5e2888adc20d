package lan

import (
	"errors"
	"fmt"
	"slices"
	"syscall"
	"time"

	"github.com/seed-f6ddb928/peernet-go/discovery"
)

// What a provider does on an interface, as a discovery.Problem says it.
const (
	working  = "work"
	sending4 = "send over IPv4"
	sending6 = "send over IPv6"
	hearing4 = "hear over IPv4"
	hearing6 = "hear over IPv6"
)

// Reasons why an interface is not used.
var (
	errAbsent = errors.New("there is no interface of this name")
	errDown   = errors.New("it is down, or has no cable in")
	errUnfit  = errors.New("it has no address that fits, or carries neither broadcasts nor multicasts")
)

// passing are the errors of an interface that has just come up, whose address is not yet ready, or that is going away. They are
// a problem once they have lasted for passesWithin.
var passing = []error{syscall.EADDRNOTAVAIL, syscall.ENETUNREACH}

const passesWithin = 2 * time.Second

// Problems are what a provider cannot do now. They are for one goroutine.
type Problems struct {
	Tell func([]discovery.Problem) // Self.Problems

	list    []discovery.Problem
	failing []discovery.Problem // to send, each since its first failure
}

// Send notes whether datagrams of a family could be sent on an interface.
func (p *Problems) Send(i discovery.Interface, ipv6 bool, err error) {
	doing := map[bool]string{false: sending4, true: sending6}[ipv6]
	set(&p.failing, i.Name, doing, err)
	at := find(p.failing, i.Name, doing)
	isPassing := slices.ContainsFunc(passing, func(e error) bool { return errors.Is(err, e) })
	if !isPassing || time.Since(p.failing[at].Since) >= passesWithin {
		p.Note(i.Name, doing, err)
	}
}

// Hear notes whether datagrams of a family can be heard on an interface.
func (p *Problems) Hear(i discovery.Interface, ipv6 bool, err error) {
	p.Note(i.Name, map[bool]string{false: hearing4, true: hearing6}[ipv6], err)
}

// Note notes whether something can be done on an interface: err is nil if so. Without a name it is about none.
func (p *Problems) Note(on, doing string, err error) {
	if set(&p.list, on, doing, err) {
		p.tell()
	}
}

func find(list []discovery.Problem, on, doing string) int {
	return slices.IndexFunc(list, func(o discovery.Problem) bool { return o.Interface == on && o.Doing == doing })
}

// set enters one problem in a list, or with a nil err takes it out. It reports whether that changes anything.
func set(list *[]discovery.Problem, on, doing string, err error) bool {
	at := find(*list, on, doing)
	if number, ok := errors.AsType[syscall.Errno](err); ok { // without the system call and the addresses
		err = number
	}
	if errors.Is(err, ErrForbidden) {
		err = fmt.Errorf("%w (a firewall, or another rule of this machine, forbids it)", err)
	}
	switch {
	case at < 0 && err == nil, at >= 0 && err != nil && (*list)[at].Err.Error() == err.Error():
		return false
	case at < 0:
		*list = append(*list, discovery.Problem{Interface: on, Doing: doing, Err: err, Since: time.Now()})
	case err == nil:
		*list = slices.Delete(*list, at, at+1)
	default:
		(*list)[at].Err = err
	}
	return true
}

// Look notes which interfaces are used: what was wrong on those that have changed is over. names are of those that should be
// used.
func (p *Problems) Look(all []discovery.Interface, names []string, was, now []discovery.Interface) {
	before := len(p.list)
	isOver := func(o discovery.Problem) bool {
		return o.Interface != "" && o.Doing != working && !slices.ContainsFunc(now, func(i discovery.Interface) bool {
			return i.Name == o.Interface && slices.ContainsFunc(was, func(w discovery.Interface) bool { return IsSame(i, w) })
		})
	}
	p.list, p.failing = slices.DeleteFunc(p.list, isOver), slices.DeleteFunc(p.failing, isOver)
	if len(p.list) < before {
		p.tell()
	}
	for _, name := range names {
		p.Note(name, working, whyUnused(all, name, now))
	}
}

func (p *Problems) tell() {
	if p.Tell != nil {
		p.Tell(slices.Clone(p.list))
	}
}

// whyUnused returns why the interface of a name is not used; nil: it is.
func whyUnused(all []discovery.Interface, name string, now []discovery.Interface) error {
	isIt := func(i discovery.Interface) bool { return i.Name == name }
	at := slices.IndexFunc(all, isIt)
	switch {
	case slices.ContainsFunc(now, isIt):
		return nil
	case at < 0:
		return errAbsent
	case all[at].Flags&carries != carries:
		return errDown
	}
	return errUnfit
}
