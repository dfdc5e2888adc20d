//go:build !unix

package datadir

import "io/fs"

// otherOwner returns "": on this system the owner of a file does not decide alone what others may do to it.
func otherOwner(fs.FileInfo) string { return "" }
