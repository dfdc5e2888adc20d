//go:build !amd64 || !gc || purego

package channel

// allocsPerMessage is how often sealing or opening a message allocates: the portable code of x/crypto lets its one-time key
// for Poly1305, 32 bytes, escape to the heap.
const allocsPerMessage = 1
