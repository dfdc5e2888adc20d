//go:build !unix

package control

// openFlags is 0 where no pipe has a name in a folder.
const openFlags = 0
