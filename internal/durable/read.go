package durable

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
)

// ErrTooLarge is returned for a file that holds more bytes than the caller takes.
var ErrTooLarge = errors.New("file too large")

// Read returns the content of the file at path and its permissions, which are of one and the same file even if another
// takes its place meanwhile. The caller owns the bytes.
//
// Symbolic links are followed. What is not a regular file fails with a [*KindError], at once: a pipe without a writer
// does not hold the caller up. A file of more than limit bytes fails with [ErrTooLarge] and is not read.
func Read(path string, limit int) ([]byte, fs.FileMode, error) {
	if err := CheckRegular(path); err != nil {
		return nil, 0, err
	}
	file, err := os.OpenFile(path, os.O_RDONLY|NonBlock, 0)
	if err != nil {
		return nil, 0, err // names the path
	}
	defer file.Close()
	info, err := file.Stat()
	if err == nil {
		err = CheckInfo(path, info) // something else may have taken its place
	}
	switch {
	case err != nil:
		return nil, 0, err
	case info.Size() > int64(limit):
		return nil, 0, fmt.Errorf("reading %s: %w: %d bytes, at most %d are taken", path, ErrTooLarge, info.Size(), limit)
	}
	// The file may grow while it is read, so the bound holds here too.
	data, err := io.ReadAll(io.LimitReader(file, int64(limit)+1))
	switch {
	case err != nil:
		return nil, 0, err
	case len(data) > limit:
		return nil, 0, fmt.Errorf("reading %s: %w: at most %d bytes are taken", path, ErrTooLarge, limit)
	}
	return data, info.Mode().Perm(), nil
}
