//go:build !unix

package control

import (
	"net"
	"os"
)

// openFlags is 0 where no pipe has a name in a folder.
const openFlags = 0

// listen binds path, in place of a socket that a killed node left. Who may connect is decided by the access list that the
// socket's file inherits from the data directory, which lies in the user's own profile unless the user says otherwise.
func listen(path string) (*net.UnixListener, error) {
	os.Remove(path) // else listenAt says what is wrong
	return listenAt(path)
}
