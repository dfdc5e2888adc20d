package pairing

import (
	"crypto/sha512"
	"crypto/subtle"
	"errors"
	"io"
	"sync"
)

// runLimit is how many runs an offer takes (wire.md §9), and keeps until it ends, of 0.5 KiB each. A person who mistypes needs two
// or three, and each costs two scalar multiplications.
const runLimit = 1024

// Reasons why an offer takes no message.
var (
	// ErrOver is returned once an offer has ended: by the first confirmation, by [Offer.End], or by too many runs.
	ErrOver = errors.New("the pairing code is used up")
	// ErrTooManyRuns is returned once: for the run that ends the offer.
	ErrTooManyRuns = errors.New("the pairing code is used up by too many runs")
	// ErrUnknownRun is returned for a confirmation without an answered share before it in the same session.
	ErrUnknownRun = errors.New("no pairing is under way in this session")
)

// An Offer is the side that shows a code. It lasts for one confirmation, right or wrong. It is safe for concurrent use.
type Offer struct {
	label string

	mu    sync.Mutex             // guards the rest
	code  Code                   // zero once the offer is over
	count int                    // of runs that were begun
	runs  map[[32]byte]*offerRun // by the hash of the session; nil: its share is not answered, or was bad
}

// An offerRun is a run that waits for its confirmation.
type offerRun struct {
	key        [sha512.Size]byte
	transcript []byte
}

// NewOffer returns an offer of code. label is what this node calls itself; it may be empty. It fails with [ErrLabel].
func NewOffer(code Code, label string) (*Offer, error) {
	if err := checkLabel(label); err != nil {
		return nil, err
	}
	return &Offer{label: label, code: code, runs: make(map[[32]byte]*offerRun)}, nil
}

// Answer takes a joiner's share and returns this side's, which gives away nothing about the code. A session has one run, also if
// its share is bad: a second share there is ErrMessage. It reads 32 bytes of random, and fails if it cannot, or with [ErrOver],
// [ErrTooManyRuns], [ErrMessage] or [ErrPoint].
func (o *Offer) Answer(binding Binding, message []byte, random io.Reader) ([]byte, error) {
	m, err := parseShare(message, kindJoinerShare)
	if err != nil {
		return nil, err
	}
	code, err := o.begin(binding.Hash)
	if err != nil {
		return nil, err
	}
	r, err := newRun(code, binding, random)
	if err != nil {
		return nil, err
	}
	waiting := new(offerRun)
	if waiting.key, waiting.transcript, err = r.confirmationKey(m.point, false); err != nil {
		return nil, err
	}
	if err := o.wait(binding.Hash, waiting); err != nil {
		return nil, err
	}
	return shareMessage{kindOffererShare, r.own.public}.append(nil), nil
}

// begin counts the run of a session and returns the code.
func (o *Offer) begin(hash [32]byte) (Code, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.code.IsZero() {
		return Code{}, ErrOver
	}
	if _, had := o.runs[hash]; had {
		return Code{}, ErrMessage
	}
	if o.count == runLimit {
		o.end()
		return Code{}, ErrTooManyRuns
	}
	o.count++
	o.runs[hash] = nil
	return o.code, nil
}

// wait keeps a run until its confirmation, unless the offer has ended meanwhile.
func (o *Offer) wait(hash [32]byte, r *offerRun) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.code.IsZero() {
		clear(r.key[:])
		return ErrOver
	}
	o.runs[hash] = r
	return nil
}

// Verify takes a joiner's confirmation. Whether it is right or wrong, the offer is over, and every other run with it; only
// [ErrMessage], [ErrLabel], [ErrUnknownRun] and [ErrOver] leave it as it was. If it returns nil, the key of the session's
// initiator is the one to trust, label is what the joiner calls itself, and answer is for the joiner: to be sent when the
// trust has been written down. Otherwise it fails with [ErrWrongCode].
func (o *Offer) Verify(binding Binding, message []byte) (answer []byte, label string, err error) {
	m, err := parseConfirmation(message, kindJoinerConfirmation)
	if err != nil {
		return nil, "", err
	}
	r, err := o.take(binding.Hash)
	if err != nil {
		return nil, "", err
	}
	defer clear(r.key[:])
	want := tagOf(&r.key, kindJoinerConfirmation, r.transcript, m.label)
	if subtle.ConstantTimeCompare(want[:], m.tag[:]) != 1 {
		return nil, "", ErrWrongCode
	}
	tag := tagOf(&r.key, kindOffererConfirmation, r.transcript, o.label)
	return confirmation{kindOffererConfirmation, tag, o.label}.append(nil), m.label, nil
}

// take takes the run of a session and ends the offer in one step, so that no two confirmations are ever verified.
func (o *Offer) take(hash [32]byte) (*offerRun, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.code.IsZero() {
		return nil, ErrOver
	}
	r := o.runs[hash]
	if r == nil {
		return nil, ErrUnknownRun
	}
	o.runs[hash] = nil // end clears the keys of the others alone
	o.end()
	return r, nil
}

// End ends the offer: its time is over, or its person has changed their mind. It reports whether the offer was open.
func (o *Offer) End() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	open := !o.code.IsZero()
	o.end()
	return open
}

// end forgets the code and all runs. The caller holds mu.
func (o *Offer) end() {
	for _, r := range o.runs {
		if r != nil {
			clear(r.key[:])
		}
	}
	o.code, o.runs = Code{}, nil
}

// IsOver reports whether the offer has ended.
func (o *Offer) IsOver() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.code.IsZero()
}

// Runs returns how many runs were begun.
func (o *Offer) Runs() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.count
}
