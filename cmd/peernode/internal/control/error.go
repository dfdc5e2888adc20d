package control

import "errors"

// Errors of this package.
var (
	// ErrNoNode: no process answers at the data directory's control socket.
	ErrNoNode = errors.New("no node runs on this data directory")
	// ErrNoSocket: a node holds the data directory's lock, but there is no control socket.
	ErrNoSocket = errors.New("the node that runs on this data directory has no control socket")
	// ErrRunning: another process holds the data directory's lock.
	ErrRunning = errors.New("another node already runs on this data directory")
	// ErrFileKind: something else has the name of one of the node's files.
	ErrFileKind = errors.New("something else is in the place of one of the node's files")
	// ErrPathTooLong: the system takes neither the socket's path nor that of a link to its directory as the path of a socket.
	ErrPathTooLong = errors.New("no directory with a path short enough for a control socket")
	// ErrOtherUser: the process at the other end of the socket belongs to another user.
	ErrOtherUser = errors.New("the control socket's other end belongs to another user")
	// ErrRequest: the operation does not take this request.
	ErrRequest = errors.New("the node does not understand this request")
	// ErrTooLarge: a request or an answer is over its limit.
	ErrTooLarge = errors.New("too large for the control socket")
	// ErrBusy: the node serves as many requests as it may.
	ErrBusy = errors.New("too many commands at this node at once")
	// ErrStopping: the node is being stopped.
	ErrStopping = errors.New("the node is stopping")
	// ErrGone: the node ended in the middle of an answer.
	ErrGone = errors.New("the node has gone")
)

// An Error is a failure as it travels over the control socket.
type Error struct {
	Code   string `json:"code"`           // for programs; never changes
	Text   string `json:"text"`           // for people; one line
	Advice string `json:"hint,omitempty"` // what to do about it; one line
	Exit   int    `json:"exit"`           // the exit code peernode ends with
}

// Error returns the text.
func (e *Error) Error() string { return e.Text }

// errorBody is the body of an answer whose status is not 200.
type errorBody struct {
	Error *Error `json:"error"`
}
