package durable

import (
	"errors"
	"io/fs"
	"os"
	"syscall"
	"time"
)

// NonBlock and NoFollow are 0 on Windows, whose named pipes are not in folders and whose links only administrators make.
const (
	NonBlock = 0
	NoFollow = 0
)

// errSharingViolation is ERROR_SHARING_VIOLATION: another process has the file open.
const errSharingViolation = syscall.Errno(32)

// renameFor is how long rename tries. A reader of the old file (another node, a virus scanner) has it open for
// milliseconds.
const renameFor = 2 * time.Second

// rename gives the file at from the name to, replacing what may have it. Windows refuses that while a process has the
// old file open, so rename tries for a while.
func rename(from, to string) error {
	deadline := time.Now().Add(renameFor)
	for pause := time.Millisecond; ; pause = min(2*pause, 100*time.Millisecond) {
		err := os.Rename(from, to)
		inUse := errors.Is(err, syscall.ERROR_ACCESS_DENIED) || errors.Is(err, errSharingViolation)
		if !inUse || time.Now().After(deadline) {
			return err
		}
		time.Sleep(pause)
	}
}

// syncFolder does nothing: Windows cannot sync a folder, and NTFS keeps names in a journal.
func syncFolder(string) error {
	return nil
}

// keepOwner does nothing: a new file on Windows belongs to whom its folder says.
func keepOwner(*os.File, string) error {
	return nil
}

// otherOwner returns "": on Windows the owner of a file does not decide alone what others may do to it.
func otherOwner(fs.FileInfo) string { return "" }
