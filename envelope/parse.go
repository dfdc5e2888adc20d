package envelope

import (
	"cmp"
	"fmt"

	"github.com/seed-f6ddb928/peernet-go/envelope/internal/values"
)

// maxArity is the most elements that an envelope has: a call with options.
const maxArity = 5

// arities holds the fewest and the most elements of each kind of envelope.
var arities = [...]struct{ fewest, most uint8 }{
	KindCall: {4, 5}, KindReply: {4, 4}, KindSend: {3, 3}, KindPing: {2, 2}, KindPong: {2, 2},
}

// Parse implements Codec.
func (msgpackCodec) Parse(body []byte, e *Envelope) error {
	*e = Envelope{}
	var at [maxArity]int
	arity, err := elements(body, &at)
	if err != nil {
		return err
	}
	kind, err := unsigned(body, at[0])
	switch {
	case err != nil:
		return fmt.Errorf("kind: %w", err)
	case kind >= uint64(len(arities)):
		return ErrKind
	case arity < int(arities[kind].fewest) || arity > int(arities[kind].most):
		return ErrArity
	}
	e.Kind = Kind(kind)
	switch e.Kind {
	case KindCall:
		return parseCall(body, at[:arity], e)
	case KindReply:
		return parseReply(body, at[:arity], e)
	case KindSend:
		return parseTarget(body, at[1:arity], e)
	}
	return parseNonce(body, at[1], e)
}

// elements guards body, which must hold one array of 1 to maxArity elements and nothing else, and sets at to where they
// begin. If Guard refuses body, elements gives the same reason.
func elements(body []byte, at *[maxArity]int) (arity int, err error) {
	if len(body) == 0 {
		return 0, ErrTruncated
	}
	arity, p := int(body[0])-fixArray, 1
	if forms[body[0]].kind != values.List || arity > maxArity { // not the shortest form, in which envelopes are sent
		arity, p, err = headerOf(body, 0, values.List)
	}
	if err != nil || arity == 0 || arity > maxArity || arity > len(body)-p {
		return 0, cmp.Or(guardAll(body), err, ErrArity)
	}
	w := walker{elements: 1 + arity}
	for i := range arity {
		at[i] = p
		if p, err = w.value(body, p, 1); err != nil {
			return 0, err
		}
	}
	if p != len(body) {
		return 0, ErrTrailing
	}
	return arity, nil
}

// parseCall reads [0, id, name, args] or [0, id, name, args, options], wire.md §6.3.
func parseCall(body []byte, at []int, e *Envelope) (err error) {
	if e.ID, err = callID(body, at[1]); err != nil {
		return err
	}
	end := len(body)
	if len(at) == 5 {
		end = at[4]
	}
	if err := parseTarget(body[:end], at[2:], e); err != nil || len(at) == 4 {
		return err
	}
	if err := eachKey(body, end, e.Options.parseField); err != nil {
		return fmt.Errorf("options: %w", err)
	}
	return nil
}

// parseTarget reads the name and the args of a call or a send: all that is left of a send (wire.md §6.5).
func parseTarget(body []byte, at []int, e *Envelope) (err error) {
	e.Args = body[at[1]:len(body):len(body)]
	e.Name, err = checked(body, at[0], "name", checkName)
	return err
}

// parseField sets the option that travels under key, if there is one, to the value at b[p].
func (o *Options) parseField(key, b []byte, p int) error {
	switch string(key) {
	case "t":
		ms, err := unsigned(b, p)
		o.HasTimeout = true
		o.Timeout = duration(ms, MaxTimeout)
		return err
	case "trace":
		trace, err := contentsOf(b, p, values.String)
		if err = cmp.Or(err, checkTrace(trace)); err == nil {
			o.Trace = string(trace)
		}
		return err
	case "s":
		n, err := credit(b, p)
		o.IsStream, o.Credit = true, int32(n)
		return err
	}
	return nil
}

// parseReply reads [1, id, error, result], wire.md §6.4.
func parseReply(body []byte, at []int, e *Envelope) (err error) {
	if e.ID, err = callID(body, at[1]); err != nil {
		return err
	}
	result := body[at[3]:len(body):len(body)]
	if body[at[2]] == codeNil {
		e.Result = result
		return nil
	}
	if e.Err, err = parseError(body, at[2]); err != nil {
		return fmt.Errorf("error: %w", err)
	}
	if result[0] != codeNil {
		return ErrResultWithError
	}
	return nil
}

// parseError reads [code, text] or [code, text, data].
func parseError(body []byte, p int) (*RemoteError, error) {
	n, p, err := headerOf(body, p, values.List)
	if err != nil {
		return nil, err
	}
	if n != 2 && n != 3 {
		return nil, ErrArity
	}
	code, text, p, err := codeAndText(body, p, n)
	if err != nil {
		return nil, err
	}
	e := &RemoteError{Code: Code(code), Text: validText(string(text))}
	if n == 3 {
		end := skip(body, p)
		e.Data = NewRaw(msgpackCodec{}, body[p:end:end])
	}
	return e, nil
}

// codeAndText reads the code at body[p] and, if the array of n elements that it begins has more, the text after it. It
// returns where both end.
func codeAndText(body []byte, p, n int) (code, text []byte, end int, err error) {
	if code, err = checked(body, p, "code", checkCode); err != nil || n == 1 {
		return code, nil, p, err
	}
	p = skip(body, p)
	if text, err = contentsOf(body, p, values.String); err != nil {
		return nil, nil, 0, fmt.Errorf("text: %w", err)
	}
	return code, text, skip(body, p), nil
}

// parseNonce reads [3, nonce] or [4, nonce], wire.md §6.6.
func parseNonce(body []byte, p int, e *Envelope) (err error) {
	if e.Nonce, err = contentsOf(body, p, values.Binary); err != nil {
		return fmt.Errorf("nonce: %w", err)
	}
	if len(e.Nonce) == 0 || len(e.Nonce) > MaxNonce {
		return ErrNonce
	}
	return nil
}

// parseArgs guards the args of the protocol's own message what, which must be one value, and returns the result of
// parse.
func parseArgs[T any](what string, args []byte, parse func([]byte) (T, error)) (v T, err error) {
	if err = guardAll(args); err == nil {
		v, err = parse(args)
	}
	if err != nil {
		var zero T
		return zero, fmt.Errorf("%s: %w", what, err)
	}
	return v, nil
}

// callID returns the id at body[p].
func callID(body []byte, p int) (CallID, error) {
	id, err := unsigned(body, p)
	if err != nil {
		return 0, fmt.Errorf("id: %w", err)
	}
	if id == 0 {
		return 0, ErrID
	}
	return CallID(id), nil
}

// checked returns the string at body[p], which is what the envelope calls its name or its code, if check accepts it.
func checked(body []byte, p int, what string, check func([]byte) error) ([]byte, error) {
	s, err := contentsOf(body, p, values.String)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", what, err)
	}
	return s, check(s)
}
