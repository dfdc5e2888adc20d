package control

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/gofrs/flock"
)

// A Lock is held by the one node that runs on a data directory. The system takes it back when the process
// ends in whatever way, so that it is never stale.
type Lock struct{ file *flock.Flock }

// Acquire takes the lock of the data directory dir, or fails at once: with ErrRunning if a node has it, with
// ErrFileKind if what has its name is no file.
func Acquire(dir string) (*Lock, error) {
	path := filepath.Join(dir, lockName)
	if err := checkFile(path); err != nil {
		return nil, err
	}
	l := &Lock{flock.New(path, flock.SetPermissions(0o600), flock.SetFlag(os.O_CREATE|os.O_RDWR|nonBlock))}
	switch ok, err := l.file.TryLock(); {
	case err != nil:
		return nil, fmt.Errorf("locking the data directory: %w", err)
	case !ok:
		return nil, ErrRunning
	}
	info, err := l.file.Stat()
	if err == nil {
		err = checkInfo(path, info) // something else may have taken its place
	}
	if err != nil {
		l.Release()
		return nil, err
	}
	return l, nil
}

// Release gives the lock back. The file stays: to remove it would let two nodes lock two files of one name.
func (l *Lock) Release() error { return l.file.Close() }
