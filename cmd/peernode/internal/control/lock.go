package control

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/gofrs/flock"
)

// lockTime is how long a node tries to get the lock: commands that ask whether a node runs hold it for a moment.
const lockTime = 200 * time.Millisecond

// A Lock is held by the one node that runs on a data directory. The system releases it when the process ends, however
// that happens, so the lock is never stale.
type Lock struct{ file *flock.Flock }

// Acquire takes the lock of the data directory dir, or fails at once: with ErrRunning if a node has the lock, with
// ErrFileKind if something other than a file has its name.
func Acquire(dir string) (*Lock, error) {
	path := filepath.Join(dir, lockName)
	if err := regularFile.check(path); err != nil {
		return nil, err
	}
	f, err := create(path)
	switch {
	case err == nil:
		f.Close()
	case !errors.Is(err, fs.ErrExist):
		return nil, fmt.Errorf("locking the data directory: %w", err)
	}
	l := &Lock{flock.New(path, flock.SetFlag(os.O_RDWR|openFlags))}
	ctx, cancel := context.WithTimeout(context.Background(), lockTime)
	defer cancel()
	switch _, err := l.file.TryLockContext(ctx, lockTime/20); {
	case errors.Is(err, context.DeadlineExceeded):
		return nil, ErrRunning
	case err != nil:
		return nil, fmt.Errorf("locking the data directory: %w", err)
	}
	info, err := l.file.Stat()
	if err == nil {
		err = regularFile.checkInfo(path, info) // something else may have taken its place
	}
	if err == nil {
		err = checkNoNode(dir) // somebody may have removed the file that a node has locked
	}
	if err != nil {
		l.Release()
		return nil, err
	}
	return l, nil
}

// checkNoNode returns nil only if no process listens on the control socket of the data directory dir: ErrRunning if a node
// answers, and what kept it from being asked otherwise. A node that is slow, or another user's, must keep its socket.
func checkNoNode(dir string) error {
	ctx, cancel := context.WithTimeout(context.Background(), lockTime)
	defer cancel()
	conn, err := dial(ctx, dir)
	switch {
	case err == nil:
		return errors.Join(ErrRunning, conn.Close())
	case errors.Is(err, ErrNoNode):
		return nil
	}
	return fmt.Errorf("asking whether another node runs: %w", err)
}

// isHeld says whether a node holds the lock of the data directory dir. It does not make the lock's file.
func isHeld(dir string) bool {
	file := flock.New(filepath.Join(dir, lockName), flock.SetFlag(os.O_RDONLY|openFlags))
	defer file.Close()
	free, err := file.TryRLock() // shared, so that two commands that ask do not take each other for a node
	return err == nil && !free
}

// Release releases the lock. The file stays: if it were removed, two nodes could lock two files of one name.
func (l *Lock) Release() error { return l.file.Close() }
