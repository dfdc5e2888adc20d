package control

import "net"

// listen binds path. Who may connect is decided by the access list that the socket's file inherits from the
// data directory, which lies in the user's own profile unless the user says otherwise.
func listen(path string) (*net.UnixListener, error) {
	return net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
}
