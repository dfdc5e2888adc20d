//go:build !unix

package control

import (
	"net"
	"os"
)

// openFlags is 0 where no pipe has a name in a folder.
const openFlags = 0

// handOver does nothing: a new file belongs to the user that its folder says.
func handOver(*os.File) error { return nil }

// listen binds path, in place of a socket that a killed node left. Who may connect is decided by the access list that the
// socket's file inherits from the data directory, which lies in the user's own profile unless the user says otherwise.
func listen(path string) (*net.UnixListener, error) {
	os.Remove(path) // else listenAt says what is wrong
	return listenAt(path)
}
