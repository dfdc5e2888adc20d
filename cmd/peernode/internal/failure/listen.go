package failure

import (
	"errors"
	"io/fs"
	"net"
	"syscall"
)

// Listening returns an error of listening on an address in words, and with advice. Other errors have advice already.
func Listening(err error) error {
	if d, ok := errors.AsType[*net.DNSError](err); ok {
		return Usage(d.Name+": "+d.Err, "give the host as an address of this machine, or leave it out, with the colon or without")
	}
	switch o, ok := errors.AsType[*net.OpError](err); {
	case ok && o.Addr != nil && errors.Is(o, syscall.EADDRINUSE):
		return InUse("another program has "+o.Addr.String(), "choose another port, or end that program, which this shows: ss -ltnp")
	case ok && errors.Is(o, fs.ErrPermission):
		return WithAdvice(o, "the system does not let this user listen on that port: choose another, 1024 or above")
	case ok:
		return o // which has the address
	}
	return err
}

// InUse returns the error of listening on an address that somebody has: text says who.
func InUse(text, advice string) error { return WithAdvice(&inUse{text}, advice) }

// An inUse is a syscall.EADDRINUSE in other words.
type inUse struct{ text string }

func (e *inUse) Error() string { return e.text }
func (e *inUse) Unwrap() error { return syscall.EADDRINUSE }
