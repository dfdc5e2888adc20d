//go:build !unix

package datadir

import "io/fs"

// otherOwner returns nothing: what may be done to a file is not for its owner alone to say.
func otherOwner(fs.FileInfo) string { return "" }
