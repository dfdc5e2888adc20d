package counters

import "github.com/seed-f6ddb928/peernet-go/handshake"

// A HandshakeResult is what became of a connection up to the moment when both ends had accepted each other.
type HandshakeResult uint8

// Results of handshakes. The names are what programs see: append only.
const (
	CameUp     HandshakeResult = iota // the session came up
	NotTrusted                        // the other end proved a key that is not trusted here
	Refused                           // the other end does not trust this node
	Busy                              // one of the two has no room for the other
	WrongKey                          // another key answered than the one that was dialled, or than the one that knocked
	OwnKey                            // this node itself answered, or another one with its key
	NoKnock                           // private mode: no trusted key has knocked
	Mode                              // private mode is on at one end only
	BadMessage                        // what came is no handshake of this network
	Unanswered                        // the other end ended the connection in place of message 2
	TimedOut
	Evicted // made room for a newer connection
	Yielded // the peer was proved at another address first
	Stopped // by this node: it stops, or looks for the peer no more
	Failed  // any other way: the connection broke, mostly
	Dialect // the other end spoke a dialect that its key is not served in
	results
)

// HandshakeResults are the names of the results.
var HandshakeResults = [results]string{"ok", "not_trusted", "refused", "busy", "wrong_key", "own_key", "no_knock", "mode", "bad_message",
	"unanswered", "timeout", "evicted", "yielded", "stopped", "failed", "dialect"}

// Handshake counts the end of a handshake.
func (n *Node) Handshake(role handshake.Role, r HandshakeResult) { n.handshakes[role][r].Add(1) }

// Results returns the numbers of handshakes of this node in that role by result, without those that did not occur.
func (n *Node) Results(role handshake.Role) map[string]uint64 {
	var counts [results]uint64
	for r := range counts {
		counts[r] = n.handshakes[role][r].Load()
	}
	return byName(counts[:], HandshakeResults[:])
}
