//go:build !unix

package control

// nonBlock is 0 where no pipe has a name in a folder.
const nonBlock = 0
