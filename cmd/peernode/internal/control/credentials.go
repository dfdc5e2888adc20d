package control

import (
	"fmt"
	"net"
	"os"
)

// checkServerSide says whether the process that connected may command this node. The mode of the socket says
// the same; this holds even if somebody loosens it.
func checkServerSide(c net.Conn) error { return check(c, mayCommand) }

// checkClientSide says whether the process that listens may be given commands. It keeps a stranger from
// answering at the path of a node that has gone.
func checkClientSide(c net.Conn) error { return check(c, mayServe) }

// mayCommand says whether a process of the user peer may command a node of the user self.
func mayCommand(peer, self int) bool { return peer == self || peer == 0 }

// mayServe says whether a process of the user peer may be the node that the user self commands. Root may
// command anybody's.
func mayServe(peer, self int) bool { return peer == self || peer == 0 || self == 0 }

// check asks the system who is at the other end of c. Where it does not tell, the mode of the socket and of
// its directory must do.
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
