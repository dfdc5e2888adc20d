package durable

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
)

// ErrTooLarge is returned for a file that holds more bytes than the caller accepts.
var ErrTooLarge = errors.New("file too large")

// Read returns the content of the file at path and its permissions. Both are of the same file, even if another takes
// its place meanwhile. The caller owns the bytes.
//
// Symbolic links are followed. Anything but a regular file fails with an [ErrNotRegular], at once: a pipe without a
// writer does not block the caller. A file of more than limit bytes fails with [ErrTooLarge] and is not read.
func Read(path string, limit int) ([]byte, fs.FileMode, error) {
	if err := CheckRegular(os.Stat(path)); err != nil {
		return nil, 0, err
	}
	file, err := os.OpenFile(path, os.O_RDONLY|NonBlock, 0)
	if err != nil {
		return nil, 0, err
	}
	defer file.Close()
	info, err := file.Stat()
	if err := CheckRegular(info, err); err != nil { // something else may have taken its place
		return nil, 0, err
	}
	// A limit on the size alone would not do: the file may grow while it is read.
	var data []byte
	if info.Size() <= int64(limit) {
		data, err = io.ReadAll(io.LimitReader(file, int64(limit)+1))
	}
	switch {
	case err != nil:
		return nil, 0, err
	case info.Size() > int64(limit) || len(data) > limit:
		return nil, 0, fmt.Errorf("%w: at most %d bytes are read", ErrTooLarge, limit)
	}
	return data, info.Mode().Perm(), nil
}
