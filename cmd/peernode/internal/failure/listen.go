package failure

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
)

// Listening adds advice to an error of listening on an address. Other errors have advice already.
func Listening(err error) error {
	if d, ok := errors.AsType[*net.DNSError](err); ok {
		return Usage(fmt.Sprintf("listen: %v", d), "give the host as an address of this machine, or leave it out for all addresses")
	}
	if o, ok := errors.AsType[*net.OpError](err); ok && errors.Is(o, fs.ErrPermission) {
		return WithAdvice(err, "the system does not let this user listen on that port: choose another, 1024 or above")
	}
	return err
}
