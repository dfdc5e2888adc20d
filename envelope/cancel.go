package envelope

// NameCancel is the name of the send that stops one of the sender's calls on the same session (wire.md §6.9). The call
// still gets its reply.
const NameCancel = "$/cancel"

// AppendCancel appends the send that cancels the call with that id, and returns the longer slice. It panics if id is 0.
func AppendCancel(b []byte, id CallID) []byte {
	if id == 0 {
		panic(ErrID)
	}
	b = beginSend(b, NameCancel)
	return appendUint(b, uint64(id))
}

// ParseCancel returns the id in the args of a send called NameCancel: the args are that integer.
func ParseCancel(args []byte) (CallID, error) {
	return parseArgs("cancel", args, func(args []byte) (CallID, error) { return callID(args, 0) })
}
