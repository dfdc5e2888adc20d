// Package pairing makes two nodes trust each other by a short code: wire.md §14. It is CPace (draft-irtf-cfrg-cpace-21,
// suite CPACE-RISTR255-SHA512) with a confirmation by each side, inside a session and bound to its handshake hash and both
// static keys. Bytes in, bytes out; it does no I/O and knows no time.
//
// One side makes a [Code] and an [Offer] of it, the other side a [Joiner] for each session:
//
//	joiner                        offerer
//	Share         ---- share ---->  Answer
//	Confirm       <--- share -----
//	              - confirmation ->  Verify: the offer is over; trust is written down
//	Finish        <- confirmation -
//
// Nothing that travels can be tested against a guess without taking part: an attacker has one guess for each
// confirmation. An offer takes one, and the caller bounds those of a joiner.
//
// Secrets are overwritten as soon as they are not needed. Copies in the libraries for the group and for SHA-512 stay until
// their memory is used again.
package pairing
