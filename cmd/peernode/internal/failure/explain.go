package failure

import (
	"cmp"
	"errors"
	"io/fs"
	"net"
	"os"
	"slices"
	"strings"

	"github.com/seed-f6ddb928/peernet-go/cmd/peernode/internal/control"
	"github.com/seed-f6ddb928/peernet-go/cmd/peernode/internal/text"
	"github.com/seed-f6ddb928/peernet-go/envelope"
	"github.com/seed-f6ddb928/peernet-go/peernet"
)

// Explain says what err means to the user: in words, as a code for programs, as an exit code, and as advice.
func Explain(err error) *control.Error {
	if e, ok := errors.AsType[*control.Error](err); ok {
		return e // the node has explained it
	}
	e := &control.Error{Code: "failed", Text: text.OneLine(inWords(err.Error(), err)), Exit: ExitFailed}
	if r, ok := errors.AsType[*peernet.RemoteError](err); ok {
		e.Code, e.Advice = string(r.Code), "the peer's handler ran and reported this"
	}
	list := meanings
	if _, ok := errors.AsType[*streamError](err); ok {
		list = slices.Concat(meaningsOfStreams, meanings)
	}
	for _, m := range list {
		if slices.ContainsFunc(m.errs, func(target error) bool { return errors.Is(err, target) }) {
			e.Code, e.Exit, e.Advice = m.code, m.exit, m.advice
			break
		}
	}
	if errors.Is(err, envelope.ErrDecode) {
		e.Advice = "the peer's handler ran, and answered with what no other node can read, such as a pid"
	}
	if e.Code == "interrupted" {
		e.Text = e.Code
	}
	if _, ok := errors.AsType[*peernet.ConfigError](err); ok {
		e.Code, e.Exit, e.Advice = "bad_config", ExitUsage, "change or leave out the flag that sets it"
	}
	if _, ok := errors.AsType[*net.DNSError](err); ok {
		e.Code, e.Exit, e.Advice = "unknown_host", ExitUnreachable, "check the name of the host, or give its address"
	}
	if a, ok := errors.AsType[*advised](err); ok {
		e.Advice = a.advice
		if a.usage {
			e.Code, e.Exit = "usage", ExitUsage
		}
	}
	about, ok := errors.AsType[*peerError](err)
	if !ok {
		about = new(peerError)
	}
	names := strings.NewReplacer(selfWord, cmp.Or(about.self, "KEY"), peerWord, cmp.Or(text.ShellWord(about.peer), "PEER"))
	e.Advice = names.Replace(e.Advice)
	return e
}

// inWords returns the text of an error without the names of system calls and name servers in err and its causes:
// "/x: permission denied" in place of "open /x: permission denied".
func inWords(text string, err error) string {
	switch e := err.(type) {
	case *fs.PathError:
		text = strings.Replace(text, e.Error(), e.Path+": "+e.Err.Error(), 1)
	case *os.LinkError:
		text = strings.Replace(text, e.Error(), e.New+": "+e.Err.Error(), 1)
	case *os.SyscallError:
		text = strings.Replace(text, e.Error(), e.Err.Error(), 1)
	case *net.OpError:
		words := e.Err.Error()
		if e.Addr != nil {
			words = e.Addr.String() + ": " + words
		}
		text = strings.Replace(text, e.Error(), words, 1)
	case *net.DNSError: // without the name server, which nobody has asked about
		text = strings.Replace(text, e.Error(), e.Name+": "+e.Err, 1)
	}
	switch e := err.(type) {
	case interface{ Unwrap() error }:
		return inWords(text, e.Unwrap())
	case interface{ Unwrap() []error }:
		for _, cause := range e.Unwrap() {
			text = inWords(text, cause)
		}
	}
	return text
}
