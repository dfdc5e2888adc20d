package handshake

import "fmt"

// A Role is one of the two ends of a connection. The initiator is the end that has dialled.
type Role uint8

const (
	Initiator Role = iota // sends messages 1 and 3
	Responder             // sends message 2
)

// Opposite returns the role of the other end.
func (r Role) Opposite() Role {
	if r == Initiator {
		return Responder
	}
	return Initiator
}

// String returns "initiator" or "responder".
func (r Role) String() string {
	switch r {
	case Initiator:
		return "initiator"
	case Responder:
		return "responder"
	}
	return fmt.Sprintf("Role(%d)", uint8(r))
}
