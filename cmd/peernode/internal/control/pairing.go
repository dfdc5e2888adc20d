package control

import "time"

// Operations of pairing by a code.
var (
	// OfferPairing makes the node offer a pairing, and returns the code. The offer goes on after the answer.
	OfferPairing = Operation[PairingOffer]{"pair_offer", maxPlain}
	// AwaitPairing waits until more than Attempts nodes have begun to join the offer, or one has joined it and is connected.
	// The offer ends with the client.
	AwaitPairing = Operation[PairingState]{"pair_await", maxPlain}
	// JoinPairing joins the offer with the code, and waits until its node is connected.
	JoinPairing = Operation[Peer]{"pair_join", maxPlain}
)

// A PairingOffer is an offer as it was made.
type PairingOffer struct {
	Code   string    `json:"code"`
	Number uint16    `json:"number"`
	Until  time.Time `json:"until"`
}

// A PairingState is what has become of an offer.
type PairingState struct {
	Attempts int   `json:"attempts"`
	Peer     *Peer `json:"peer,omitempty"` // that has joined
}
