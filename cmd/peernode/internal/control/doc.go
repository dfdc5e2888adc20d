// Package control is the control socket of a running node: how the subcommands of peernode talk to it.
//
// It is HTTP with JSON bodies over a Unix socket in the node's data directory. Every operation is POST /v1/NAME. A status
// of 200 carries the answer, any other status an Error. The answer of watch is a stream: a line for each thing to tell,
// and an Error as the last line. Operations that carry bytes answer with status 101, as HTTP switches to another protocol, here
// peernode-bytes: pieces, each with its kind and its length in front, 1 and 3 bytes, big-endian. So the end of a direction is told
// from a process that was killed. Only the user the node runs as, and root, can reach the socket: its mode is 0600 at
// every moment of its life, and where the system tells who is at the other end, the server and the client check that too.
//
// A client asks for an Operation. A server has a function for each operation that it serves, and a function that says what
// an error means to a person.
package control
