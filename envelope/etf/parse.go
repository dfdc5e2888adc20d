package etf

import (
	"fmt"
	"slices"

	"github.com/seed-f6ddb928/peernet-go/envelope"
	"github.com/seed-f6ddb928/peernet-go/envelope/internal/values"
)

// Parse implements envelope.Codec. A reply whose result or reason cannot be decoded is no error, but has an Err that says
// so: see envelope.Undecodable. Names that an application could not use are refused, the protocol's own included, as this
// dialect has none. A nonce may be empty.
func (codec) Parse(body []byte, e *envelope.Envelope) error {
	*e = envelope.Envelope{}
	r := reader{b: body}
	if err := r.begin(); err != nil {
		return err
	}
	tag, err := r.atom()
	if err != nil {
		return fmt.Errorf("kind: %w", err)
	}
	for kind, arity := range arities {
		if e.Kind = envelope.Kind(kind); e.Kind.String() != string(tag) {
			continue
		}
		if r.arity != arity {
			return envelope.ErrArity
		}
		return r.parse(e)
	}
	return envelope.ErrKind
}

// arities holds how many elements each kind of envelope has. The first is an atom: the kind's name.
var arities = [...]int{envelope.KindCall: 4, envelope.KindReply: 3, envelope.KindSend: 3, envelope.KindPing: 2, envelope.KindPong: 2}

// parse reads the elements after the first one of an envelope of e's kind.
func (r *reader) parse(e *envelope.Envelope) (err error) {
	switch e.Kind {
	case envelope.KindCall:
		if e.ID, err = r.id(); err == nil {
			err = r.target(e, callElements)
		}
	case envelope.KindReply:
		if e.ID, err = r.id(); err == nil {
			parseResult(r.b, r.p, e)
		}
	case envelope.KindSend:
		err = r.target(e, sendElements)
	default:
		e.Nonce, err = r.nonce()
	}
	return err
}

// A reader reads the elements of an envelope one after the other.
type reader struct {
	b     []byte
	p     int // where the next element begins
	arity int // the elements of the envelope
}

// begin reads the version and the header of the envelope's tuple.
func (r *reader) begin() error {
	switch {
	case len(r.b) == 0:
		return envelope.ErrTruncated
	case r.b[0] != version:
		return ErrVersion
	case len(r.b) == 1:
		return envelope.ErrTruncated
	case !isTuple(r.b[1]):
		if err := guard(r.b[1:]); err != nil {
			return err
		}
		return ErrTuple
	}
	n, p, ok := header(r.b, 1)
	switch {
	case !ok:
		return envelope.ErrTruncated
	case n == 0:
		return envelope.ErrArity
	case uint64(n) > uint64(len(r.b)-p):
		return envelope.ErrCount
	}
	r.p, r.arity = p, int(n)
	return nil
}

// next guards the next element, which is a scalar, and moves on. It returns where the element begins.
func (r *reader) next() (p int, err error) {
	p = r.p
	w := walker{elements: 1}
	r.p, err = w.term(r.b, p, 1)
	return p, err
}

// atom reads the next element, an atom.
func (r *reader) atom() ([]byte, error) {
	p, err := r.next()
	if err != nil {
		return nil, err
	}
	if !isAtom(r.b[p]) {
		return nil, ErrNotAtom
	}
	return atomAt(r.b, p), nil
}

// id reads the next element, the id of a call.
func (r *reader) id() (envelope.CallID, error) {
	p, err := r.next()
	switch {
	case err != nil:
		return 0, fmt.Errorf("id: %w", err)
	case !isInteger(r.b[p]):
		return 0, fmt.Errorf("id: %w", envelope.ErrInteger)
	}
	h := format{}.Head(r.b, p)
	if h.N == 0 || h.Kind == values.Big || h.Kind == values.Int && int64(h.N) < 0 {
		return 0, envelope.ErrID
	}
	return envelope.CallID(h.N), nil
}

// target reads the name and the args of a call or a send, whose envelope holds elements terms without those in the args.
func (r *reader) target(e *envelope.Envelope, elements int) (err error) {
	if e.Name, err = r.atom(); err != nil {
		return fmt.Errorf("name: %w", err)
	}
	if err = envelope.CheckName(string(e.Name)); err != nil {
		return err
	}
	w := walker{elements: elements}
	if err = w.rest(r.b, r.p, 1); err != nil {
		return fmt.Errorf("args: %w", err)
	}
	e.Args = r.b[r.p:len(r.b):len(r.b)]
	return nil
}

// nonce reads the last element, a nonce.
func (r *reader) nonce() ([]byte, error) {
	w := walker{elements: nonceElements}
	if err := w.rest(r.b, r.p, 1); err != nil {
		return nil, fmt.Errorf("nonce: %w", err)
	}
	if r.b[r.p] != tagBinary {
		return nil, fmt.Errorf("nonce: %w", envelope.ErrBinary)
	}
	nonce := contents(r.b, r.p)
	if len(nonce) > envelope.MaxNonce {
		return nil, envelope.ErrNonce
	}
	return nonce, nil
}

// parseResult sets the result or the error of a reply to what body[p:] holds: {ok, Result} or {error, Reason}. What cannot
// be decoded fails that call, and not the session: a handler of that node may return what is nobody else's, such as a pid.
func parseResult(body []byte, p int, e *envelope.Envelope) {
	w := walker{elements: replyElements}
	tag, value := tagged(body, p, "ok", "error")
	if tag == "" {
		err := w.rest(body, p, 1)
		if err == nil {
			err = ErrReply
		}
		e.Err = envelope.Undecodable(err)
		return
	}
	err := w.rest(body, value, 1)
	switch {
	case tag == "ok" && err == nil:
		e.Result = body[value:len(body):len(body)]
	case tag == "ok":
		e.Err = envelope.Undecodable(err)
	case err == nil:
		e.Err = errorOf(body[value:len(body):len(body)])
	default:
		e.Err = undecodableError(body[value:], err)
	}
}

// tagged returns which of the tags {Tag, Value} at b[p] has, and where the value begins. Neither has passed the guard. The tag is
// "" if something else begins there.
func tagged(b []byte, p int, tags ...string) (tag string, value int) {
	if p >= len(b) || !isTuple(b[p]) {
		return "", 0
	}
	n, p, ok := header(b, p)
	if !ok || n != 2 || p >= len(b) || !isAtom(b[p]) {
		return "", 0
	}
	var w walker
	if value, err := w.term(b, p, 1); err == nil {
		if i := slices.Index(tags, string(contents(b, p))); i >= 0 {
			return tags[i], value
		}
	}
	return "", 0
}
