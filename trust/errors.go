package trust

import (
	"errors"
	"fmt"

	"github.com/seed-f6ddb928/peernet-go/internal/durable"
)

// Errors of [Set.Find].
var (
	// ErrNotFound is returned for a key or a label that no peer has.
	ErrNotFound = errors.New("no such peer")
	// ErrAmbiguous is returned for a label that several peers have. The file may hold such labels; Add refuses them.
	ErrAmbiguous = errors.New("several peers have this label")
)

// Reasons to refuse a peer, in a line of the file or in [Set.Add]. A bad key gives the error of identity.ParsePublicKey
// or identity.NewPublicKey.
var (
	// ErrSelf is returned for our own key: see [WithSelf].
	ErrSelf = errors.New("this is our own key")
	// ErrDuplicate is returned for a line with the key of an earlier good line.
	ErrDuplicate = errors.New("the key is on an earlier line")
	// ErrCharacter is returned for an option or a label with an invisible character or bytes that are not UTF-8.
	ErrCharacter = errors.New("bad character")
	// ErrQuote is returned for a quotation mark that does not open or close a whole value or label, and for a backslash
	// between them that is not before a quotation mark or a backslash.
	ErrQuote = errors.New("misplaced quotation mark or backslash")
	// ErrComment is returned for a "#" after a space in a label or value without quotation marks: a comment may be meant.
	ErrComment = errors.New(`" #" begins no comment here: give the comment a line of its own, or put the text in quotation marks`)
	// ErrOptionName is returned for a name that is not a-z followed by a-z, 0-9 and "-" or that is another spelling of
	// "addr", and for a label without quotation marks in which an option could be meant. A label whose first word has a
	// "=" is read as an option, unless it is quoted.
	ErrOptionName = errors.New("not an option: write addr=HOST:PORT or dialect=WORD, without spaces and before the label (a label with such a text in it must be quoted)")
	// ErrOptionValue is returned for an address that is not host:port, for a dialect that is not a word, and for a second
	// dialect.
	ErrOptionValue = errors.New("bad value of an option")
	// ErrLabelTooLong is returned for a label of more than 64 bytes.
	ErrLabelTooLong = errors.New("label too long")
	// ErrLabelIsKey is returned for a label that is a key or looks like one: people would take it for that key's peer.
	ErrLabelIsKey = errors.New("label looks like a key")
	// ErrLabelTaken is returned by Add for a label that another peer has.
	ErrLabelTaken = errors.New("another peer has this label")
	// ErrLineTooLong is returned for a line of more than 4,096 bytes.
	ErrLineTooLong = errors.New("line too long")
	// ErrTooManyProblems follows the first 100 problems and stands for all others.
	ErrTooManyProblems = errors.New("this line is bad, and perhaps others after it")
)

// Reasons why a peers file cannot be used as it is. A file that cannot be read gives the system's error.
var (
	// ErrPermissions is returned for a file that others than its owner may write: they would decide who is trusted.
	ErrPermissions = errors.New("others may write it")
	// ErrFileKind is returned for a path that leads to a folder, a pipe, a device: to anything but a file. It is the path of
	// the peers file, or of the file beside it that writers lock; the text says which, and what is there.
	ErrFileKind = durable.ErrNotRegular
	// ErrOwner is returned for an edit of another user's file, which that user would lose.
	ErrOwner = durable.ErrOwner
	// ErrFileTooLarge is returned for a file of more than 1 MiB, and for an Add that would make it so.
	ErrFileTooLarge = durable.ErrTooLarge
	// ErrFileEncoding is returned for a file that begins as text in UTF-16 does.
	ErrFileEncoding = errors.New("it is in UTF-16: save it as UTF-8")
	// ErrFileMissing is returned for a file that was there before and is gone.
	ErrFileMissing = errors.New("the file is gone; its peers are still trusted (make an empty file to trust nobody)")
	// ErrFileGarbled is returned for a file that has lost its last good line and gained a bad one.
	ErrFileGarbled = errors.New("no good line is left; the peers read before are still trusted")
	// ErrFileChanging is returned if each reading of the file, for half a second, misses other peers.
	ErrFileChanging = errors.New("the file is still being written")
	// ErrLocked is returned if another process holds the file's lock for 5 seconds.
	ErrLocked = errors.New("another process holds the lock")
)

// A LineError is a line of the peers file that trusts nobody because it is wrong.
type LineError struct {
	Line int   // from 1
	Err  error // one of the reasons to refuse a peer
}

// Error returns "line N: " and the reason.
func (e *LineError) Error() string {
	return fmt.Sprintf("line %d: %v", e.Line, e.Err)
}

// Unwrap returns the reason.
func (e *LineError) Unwrap() error {
	return e.Err
}
