package control

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
)

// Files in a data directory.
const (
	socketName = "control.sock" // the socket
	lockName   = "node.lock"    // locked while a node runs
)

// maxPath is how long the path of a Unix socket may be for the system: sun_path of the systems that descend from BSD, less
// its terminating zero. Other systems have room for a few bytes more.
const maxPath = 103

// withShortPath calls use with a path of the file at path that the system takes as the path of a socket. A long path gets
// a symbolic link to its directory, which lies in a private directory of the system's temporary one until use returns.
func withShortPath(path string, use func(short string) error) error {
	if len(path) <= maxPath {
		return use(path)
	}
	private, err := os.MkdirTemp("", "peernode-") // mode 0700, so nobody else can lead the link elsewhere
	if err != nil {
		return err
	}
	defer os.RemoveAll(private) // the link, not what it leads to
	link := filepath.Join(private, "d")
	short := filepath.Join(link, filepath.Base(path))
	if len(short) > maxPath {
		return ErrPathTooLong
	}
	if err := os.Symlink(filepath.Dir(path), link); err != nil {
		return fmt.Errorf("%w: %w", ErrPathTooLong, err) // Windows lets few users make links
	}
	return use(short)
}

// listenAt binds path, however long it is. Closing the listener leaves the socket: its name may be another one by then.
func listenAt(path string) (l *net.UnixListener, err error) {
	err = withShortPath(path, func(short string) error {
		l, err = net.ListenUnix("unix", &net.UnixAddr{Name: short, Net: "unix"})
		return err
	})
	if err == nil {
		l.SetUnlinkOnClose(false)
	}
	return l, err
}
