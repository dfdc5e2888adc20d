package envelope

import (
	"errors"
	"fmt"

	"github.com/seed-f6ddb928/peernet-go/envelope/internal/values"
)

// Names of the sends that carry a long envelope in parts (wire.md §6.10).
const (
	// NamePart is the name of every part but the last.
	NamePart = "$/part"
	// NameLast is the name of the last part, or of what abandons the chain.
	NameLast = "$/last"
)

// Bounds of the bytes of a part (wire.md §6.10). A last part may be as short as one byte.
const (
	MinPart = 4 << 10  // so that a long envelope is no flood of tiny parts
	MaxPart = 64 << 10 // so that nothing waits long behind a part
)

// Reasons to refuse a part.
var (
	// ErrPart reports a part of fewer than MinPart or more than MaxPart bytes, or an empty last one.
	ErrPart = errors.New("envelope: a part has 4096 to 65536 bytes, and the last 1 to 65536")
	// ErrTotal reports a first part that has as many bytes as it says that the whole envelope has, or more.
	ErrTotal = errors.New("envelope: a first part has fewer bytes than the whole")
	// ErrCut reports a first part of an envelope that may not travel in parts.
	ErrCut = errors.New("envelope: only calls, replies, sends and $/data travel in parts")
)

// A Part is some of the bytes of an envelope that travels in parts: a chain. The bytes of all parts of a chain, one after
// the other, are the envelope.
type Part struct {
	Chain uint64 // chosen by the sender; never 0, and of one open chain at a time
	Bytes []byte // as parsed, they alias the args and have no room to append
	Total int    // bytes of the whole envelope in the first part; 0 in the others. As received, at most 2^31-1
	Last  bool   // nothing follows. If Bytes is nil, the envelope is abandoned: it was never sent
}

// AppendPart appends the send that carries p, and returns the longer slice. It panics if ParsePart would refuse p.
func AppendPart(b []byte, p Part) []byte {
	if err := p.check(); err != nil || p.Chain == 0 || p.Last && p.Total != 0 {
		panic(fmt.Sprintf("envelope: part of %d bytes, chain %d, total %d, last %v", len(p.Bytes), p.Chain, p.Total, p.Last))
	}
	elements := byte(2)
	if p.Total > 0 {
		elements = 3
	}
	b = appendPartChain(b, p.Chain, elements, p.Last)
	if p.Bytes == nil {
		return append(b, codeNil)
	}
	b = appendBinary(b, p.Bytes)
	if p.Total > 0 {
		b = appendUint(b, uint64(p.Total))
	}
	return b
}

// MaxPartHead is the most bytes that AppendPartHead appends.
const MaxPartHead = 24

// AppendPartHead appends what stands before the n bytes of a part that is not the first of its chain. With these bytes behind it,
// it is what AppendPart appends. So a part can be sent from where it lies.
func AppendPartHead(b []byte, chain uint64, n int, last bool) []byte {
	return appendSized(appendPartChain(b, chain, 2, last), codeBin8, uint64(n))
}

// appendPartChain appends a part up to its chain. Its args have that many elements.
func appendPartChain(b []byte, chain uint64, elements byte, last bool) []byte {
	name := NamePart
	if last {
		name = NameLast
	}
	b = beginSend(b, name)
	b = append(b, fixArray|elements)
	return appendUint(b, chain)
}

// ParsePart returns the Part in the args of a send called NamePart, or NameLast if last. Its args are [chain, bytes] or, of the
// first part, [chain, bytes, total]. Elements after them are ignored.
func ParsePart(args []byte, last bool) (Part, error) {
	what := "part"
	if last {
		what = "last"
	}
	return parseArgs(what, args, func(args []byte) (p Part, err error) {
		p.Last = last
		n, at, err := headerOf(args, 0, values.List)
		if err != nil {
			return p, err
		}
		if n < 2 {
			return p, ErrArity
		}
		chain, err := unsigned(args, at)
		switch {
		case err != nil:
			return p, fmt.Errorf("chain: %w", err)
		case chain == 0:
			return p, fmt.Errorf("chain: %w", ErrID)
		}
		p.Chain = chain
		at = skip(args, at)
		if !last || args[at] != codeNil {
			if p.Bytes, err = contentsOf(args, at, values.Binary); err != nil {
				return p, err
			}
		}
		if n > 2 && !last {
			if p.Total, err = clamped(args, skip(args, at)); err != nil {
				return p, fmt.Errorf("total: %w", err)
			}
			if p.Total == 0 {
				return p, ErrTotal
			}
		}
		return p, p.check()
	})
}

// check returns why p has the wrong size.
func (p *Part) check() error {
	switch n := len(p.Bytes); {
	case p.Last && p.Bytes == nil:
		return nil
	case n > MaxPart, n == 0, n < MinPart && !p.Last:
		return ErrPart
	case p.Total != 0 && n >= p.Total:
		return ErrTotal
	}
	return nil
}

// ParseHead returns what the first part of an envelope says of it: Kind, and ID and Name where the kind has them. The error is
// ErrCut if such an envelope may not travel in parts. What follows the head is not looked at: Parse checks the envelope when it
// is whole.
func ParseHead(first []byte) (e Envelope, err error) {
	if len(first) == 0 {
		return e, ErrTruncated
	}
	arity, p, err := headerOf(first, 0, values.List)
	if err != nil {
		return e, err
	}
	h := head{first: first, p: p}
	at, err := h.next()
	if err != nil {
		return e, err
	}
	kind, err := unsigned(first, at)
	switch {
	case err != nil:
		return e, fmt.Errorf("kind: %w", err)
	case kind > uint64(KindSend):
		return e, ErrCut
	case arity < int(arities[kind].fewest) || arity > int(arities[kind].most):
		return e, ErrArity
	}
	e.Kind = Kind(kind)
	if e.Kind != KindSend {
		if at, err = h.next(); err == nil {
			e.ID, err = callID(first, at)
		}
		if err != nil || e.Kind == KindReply {
			return e, err
		}
	}
	if at, err = h.next(); err != nil {
		return e, err
	}
	if e.Name, err = checked(first, at, "name", checkName); err != nil {
		return e, err
	}
	if e.Kind == KindSend && Reserved(e.Name) && string(e.Name) != NameData {
		err = ErrCut
	}
	return e, err
}

// A head walks over the first elements of an envelope that goes on after first.
type head struct {
	first []byte
	p     int // where the next element begins
}

// next returns where the next element begins, which first holds whole.
func (h *head) next() (at int, err error) {
	w := walker{elements: 1, partial: true}
	at = h.p
	h.p, err = w.value(h.first, at, 1)
	return at, err
}
