package etf

import (
	"strings"
	"unicode/utf8"

	"github.com/seed-f6ddb928/peernet-go/envelope"
	"github.com/seed-f6ddb928/peernet-go/envelope/internal/values"
)

// Reasons that nodes on the BEAM know (wire.md §13.3).
const (
	reasonNoHandler = "no_such_handle"
	reasonForbidden = "forbidden"
	reasonCrash     = "handler_crash" // {handler_crash, Info}
)

// appendReason appends the reason that stands for e.
func appendReason(b []byte, e *envelope.RemoteError) []byte {
	switch e.Code {
	case envelope.CodeNoHandler:
		return appendAtom(b, reasonNoHandler)
	case envelope.CodeForbidden:
		return appendAtom(b, reasonForbidden)
	}
	text := string(e.Code)
	if e.Text != "" {
		text += separator + strings.ToValidUTF8(e.Text, "\uFFFD")
	}
	return appendBinary(appendAtom(appendTuple(b, 2), reasonCrash), text)
}

// separator stands between the code and the text of an error in one binary.
const separator = ": "

// errorOf returns the error that a reason, which has passed the guard, stands for.
func errorOf(reason []byte) *envelope.RemoteError {
	if isAtom(reason[0]) {
		return errorOfAtom(string(atomAt(reason, 0)))
	}
	tag, info := tagged(reason, 0, reasonCrash)
	switch {
	case tag == "":
		return &envelope.RemoteError{Code: envelope.CodeFailed, Text: describe(reason, 0), Data: rawOf(reason)}
	case reason[info] != tagBinary || !utf8.Valid(contents(reason, info)):
		return &envelope.RemoteError{Code: envelope.CodeInternal, Text: describeCrash(reason, info), Data: rawOf(reason[info:])}
	}
	whole := string(contents(reason, info))
	code, text, _ := strings.Cut(whole, separator)
	if envelope.CheckCode(code) != nil {
		return &envelope.RemoteError{Code: envelope.CodeInternal, Text: whole}
	}
	return &envelope.RemoteError{Code: envelope.Code(code), Text: text}
}

// errorOfAtom returns the error of which an atom is the reason: its code is the atom, if it can be a code.
func errorOfAtom(name string) *envelope.RemoteError {
	switch {
	case name == reasonNoHandler:
		return &envelope.RemoteError{Code: envelope.CodeNoHandler}
	case envelope.CheckCode(name) != nil:
		return &envelope.RemoteError{Code: envelope.CodeFailed, Text: name}
	}
	return &envelope.RemoteError{Code: envelope.Code(name)} // forbidden is the same on both sides
}

// undecodableError returns the error of a reply whose reason the guard has refused with err: a crash, if the reason begins as
// that of one does.
func undecodableError(reason []byte, err error) *envelope.RemoteError {
	e := envelope.Undecodable(err)
	if tag, _ := tagged(reason, 0, reasonCrash); tag != "" {
		e.Code = envelope.CodeInternal
	}
	return e
}

// rawOf returns a guarded term as a Raw.
func rawOf(term []byte) envelope.Raw { return envelope.NewRaw(Codec, term) }

// describeCrash returns the info of a crash for people: that node sends {error, Exception, Stack} or {Kind, Reason}. The stack
// is left out.
func describeCrash(b []byte, p int) string {
	if isTuple(b[p]) {
		if n, first, _ := header(b, p); n == 3 && isAtomNamed(b, first, "error") {
			return describe(b, skip(b, first))
		}
	}
	return describe(b, p)
}

// describe returns the guarded term at b[p] for people: the name and the message of an exception, otherwise JSON.
func describe(b []byte, p int) string {
	name, message := exception(b, p)
	if message == "" {
		text, _ := values.AppendJSON(format{}, nil, b, p, envelope.MaxText) // every term has a JSON form
		message = string(text)
	}
	if name != "" {
		message = strings.TrimPrefix(name, "Elixir.") + separator + message
	}
	return envelope.ErrorText(message)
}

// exception returns the name and the message of the exception at b[p]. If the term is no exception, both are empty.
func exception(b []byte, p int) (name, message string) {
	if b[p] != tagMap {
		return "", ""
	}
	n, p, _ := header(b, p)
	for range n {
		value := skip(b, p)
		switch {
		case isAtomNamed(b, p, "__struct__") && isAtom(b[value]):
			name = string(atomAt(b, value))
		case isAtomNamed(b, p, "message") && b[value] == tagBinary:
			message = string(contents(b, value))
		}
		p = skip(b, value)
	}
	return name, message
}
