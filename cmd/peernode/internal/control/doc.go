// Package control is the control socket of a running node: how the subcommands of peernode talk to it.
//
// It is HTTP with JSON bodies over a Unix socket in the node's data directory. Every operation is
// POST /v1/NAME; a status of 200 carries the answer, any other an Error. The answer of watch is a stream: a
// line for each thing to tell, and an Error as the last. Only the user the node runs as, and root, can reach
// it: the socket's mode is 0600 at every moment of its life, and where the system tells who is at the other
// end, that is checked as well.
//
// A client asks for an Operation, and a server serves it: it is told what does it. What an error means to a person is said
// by the function given to NewServer.
package control
