package control

import (
	"fmt"
	"path/filepath"

	"github.com/gofrs/flock"
)

// A Lock is held by the one node that runs on a data directory. The system takes it back when the process
// ends in whatever way, so that it is never stale.
type Lock struct{ file *flock.Flock }

// Acquire takes the lock of the data directory dir, or fails at once with ErrRunning.
func Acquire(dir string) (*Lock, error) {
	l := &Lock{flock.New(filepath.Join(dir, lockName), flock.SetPermissions(0o600))}
	switch ok, err := l.file.TryLock(); {
	case err != nil:
		return nil, fmt.Errorf("locking the data directory: %w", err)
	case !ok:
		return nil, ErrRunning
	}
	return l, nil
}

// Release gives the lock back. The file stays: to remove it would let two nodes lock two files of one name.
func (l *Lock) Release() error { return l.file.Close() }
