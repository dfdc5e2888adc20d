package pairing

import (
	"errors"
	"fmt"
	"unicode/utf8"
)

// Sizes of the messages in bytes: wire.md §14.4.
const (
	// ShareSize is the length of a share.
	ShareSize = 1 + pointSize
	// LabelLimit is the longest label. It is that of a peers file.
	LabelLimit = 64
	// ConfirmationLimit is the longest confirmation; the shortest has LabelLimit less.
	ConfirmationLimit = 1 + tagSize + LabelLimit
)

// The first byte of a message says which it is.
const (
	kindJoinerShare         = 1
	kindOffererShare        = 2
	kindJoinerConfirmation  = 3
	kindOffererConfirmation = 4
)

// Reasons to refuse a message.
var (
	// ErrMessage is returned for bytes that are not the message that is due.
	ErrMessage = errors.New("not the pairing message that is due")
	// ErrLabel is returned for a label of more than 64 bytes, or that is not UTF-8.
	ErrLabel = errors.New("bad label")
)

// IsConfirmation reports whether a joiner's message is a confirmation, and not a share, if it is one at all.
func IsConfirmation(message []byte) bool {
	return len(message) > 0 && message[0] == kindJoinerConfirmation
}

// A shareMessage is the point of one side, as it travels.
type shareMessage struct {
	kind  byte
	point [pointSize]byte // not checked: only multiply tells whether it is a point
}

// append appends the 33 bytes of m to b.
func (m shareMessage) append(b []byte) []byte {
	return append(append(b, m.kind), m.point[:]...)
}

// parseShare reads the share of that kind.
func parseShare(b []byte, kind byte) (shareMessage, error) {
	if len(b) != ShareSize || b[0] != kind {
		return shareMessage{}, ErrMessage
	}
	return shareMessage{kind, [pointSize]byte(b[1:])}, nil
}

// A confirmation proves that its sender knows the code, and for which label.
type confirmation struct {
	kind  byte
	tag   [tagSize]byte
	label string // what the sender calls itself; may be empty
}

// append appends m to b: its kind, its tag, and its label to the end.
func (m confirmation) append(b []byte) []byte {
	b = append(append(b, m.kind), m.tag[:]...)
	return append(b, m.label...)
}

// parseConfirmation reads the confirmation of that kind.
func parseConfirmation(b []byte, kind byte) (confirmation, error) {
	if len(b) < 1+tagSize || len(b) > ConfirmationLimit || b[0] != kind {
		return confirmation{}, ErrMessage
	}
	m := confirmation{kind, [tagSize]byte(b[1:]), string(b[1+tagSize:])}
	return m, checkLabel(m.label)
}

// checkLabel returns why label cannot be in a confirmation, or nil.
func checkLabel(label string) error {
	if len(label) > LabelLimit || !utf8.ValidString(label) {
		return fmt.Errorf("%w: want at most %d bytes of UTF-8", ErrLabel, LabelLimit)
	}
	return nil
}
