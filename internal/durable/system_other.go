//go:build !unix && !windows

package durable

import "os"

// NonBlock is 0 where the system has no such flag.
const NonBlock = 0

// rename gives the file at from the name to, replacing what may have it.
func rename(from, to string) error {
	return os.Rename(from, to)
}

// syncFolder does nothing where the system cannot sync a folder.
func syncFolder(string) error {
	return nil
}
