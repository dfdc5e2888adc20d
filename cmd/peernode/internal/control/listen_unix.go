//go:build !windows

package control

import (
	"net"
	"os"
	"path/filepath"
)

// listen binds path so that nobody but this user can connect at any moment, whatever the umask and the mode
// of the directory: the socket is made in a directory that only this user may enter, gets its mode there and
// is then moved into place, over a socket that a killed node left.
func listen(path string) (*net.UnixListener, error) {
	private := filepath.Join(filepath.Dir(path), ".control")
	if err := os.RemoveAll(private); err != nil {
		return nil, err
	}
	if err := os.Mkdir(private, 0o700); err != nil {
		return nil, err
	}
	defer os.RemoveAll(private)

	draft := filepath.Join(private, "s") // shorter than path
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: draft, Net: "unix"})
	if err != nil {
		return nil, err
	}
	l.SetUnlinkOnClose(false) // it would remove draft
	if err := os.Chmod(draft, 0o600); err != nil {
		l.Close()
		return nil, err
	}
	if err := os.Rename(draft, path); err != nil {
		l.Close()
		return nil, err
	}
	return l, nil
}
