package control

import (
	"fmt"
	"net"
	"os"
)

// checkServerSide returns an error unless the process that connected may command this node. The mode of the socket says
// the same; this check holds even if somebody changes the mode.
func checkServerSide(c net.Conn) error { return check(c, mayCommand) }

// checkClientSide returns an error unless the process that listens may be given commands: another user could listen at
// the path of a node that has ended.
func checkClientSide(c net.Conn) error { return check(c, mayServe) }

// mayCommand says whether a process of the user peer may command a node of the user self.
func mayCommand(peer, self int) bool { return peer == self || peer == 0 }

// mayServe says whether a process of the user peer may be the node that the user self commands. Root may command all
// nodes.
func mayServe(peer, self int) bool { return peer == self || peer == 0 || self == 0 }

// check returns an error unless the user at the other end of c is allowed. Where the system does not tell the user, the
// mode of the socket protects alone.
func check(c net.Conn, allowed func(peer, self int) bool) error {
	peer, known, err := peerUser(c)
	if err != nil {
		return fmt.Errorf("asking who is at the control socket's other end: %w", err)
	}
	if known && !allowed(peer, os.Geteuid()) {
		return fmt.Errorf("%w (uid %d)", ErrOtherUser, peer)
	}
	return nil
}
