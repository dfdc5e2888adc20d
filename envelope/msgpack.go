package envelope

// Msgpack is the codec of the native dialect (wire.md §6).
//
// Parse allocates nothing for calls without a trace, sends, pings, pongs and replies that succeeded. The Append methods
// allocate nothing but room in b if args is nil, a bool, an integer, a float64, a string, a []byte or a Raw.
//
// A value that holds itself fails with ErrDepth. Do not encode a cycle made only of pointers: encoding it does not end.
var Msgpack Codec = msgpackCodec{}

type msgpackCodec struct{}

// Values of the envelopes themselves: the array and its elements, without the values inside args, data or result.
const (
	callElements  = 1 + 4
	replyElements = 1 + 4
	errorElements = 1 + 4 + 3 // the array [code, text, data] has 3 more
	sendElements  = 1 + 3
)

// shortForms is an upper bound of the bytes of a call's array, kind, id, lengths and options, without name, args and
// trace.
const shortForms = 64

// AppendCall implements Codec.
func (msgpackCodec) AppendCall(b []byte, id CallID, name string, o Options, args any) ([]byte, error) {
	if id == 0 {
		return b, ErrID
	}
	if err := checkName(name); err != nil {
		return b, err
	}
	if err := checkTrace(o.Trace); err != nil {
		return b, err
	}
	if o.IsStream && o.Credit < 0 {
		return b, ErrCredit
	}
	options := 0
	if o.HasTimeout {
		options++
	}
	if o.Trace != "" {
		options++
	}
	if o.IsStream {
		options++
	}
	first, own := byte(fixArray|4), callElements
	if options > 0 {
		first, own = fixArray|5, callElements+1+2*options
	}
	out := growFor(b, args, shortForms+len(name)+len(o.Trace))
	out = append(out, first, byte(KindCall))
	out = appendUint(out, uint64(id))
	out = appendString(out, name)
	out, err := appendInside(b, out, args, 1, own)
	if err != nil || options == 0 {
		return out, err
	}
	out = append(out, fixMap|byte(options))
	if o.HasTimeout {
		out = appendString(out, "t")
		out = appendUint(out, milliseconds(o.Timeout, MaxTimeout))
	}
	if o.Trace != "" {
		out = appendString(out, "trace")
		out = appendString(out, o.Trace)
	}
	if o.IsStream {
		out = appendString(out, "s")
		out = appendUint(out, uint64(o.Credit))
	}
	return out, nil
}

// AppendReply implements Codec.
func (msgpackCodec) AppendReply(b []byte, id CallID, result any) ([]byte, error) {
	if id == 0 {
		return b, ErrID
	}
	out := growFor(b, result, shortForms)
	out = append(out, fixArray|4, byte(KindReply))
	out = appendUint(out, uint64(id))
	out = append(out, codeNil)
	return appendInside(b, out, result, 1, replyElements)
}

// AppendError implements Codec.
func (msgpackCodec) AppendError(b []byte, id CallID, e *RemoteError) ([]byte, error) {
	if id == 0 {
		return b, ErrID
	}
	if err := checkCode(string(e.Code)); err != nil {
		return b, err
	}
	out := append(b, fixArray|4, byte(KindReply))
	out = appendUint(out, uint64(id))
	size := byte(2)
	if !e.Data.IsZero() {
		size = 3
	}
	out = append(out, fixArray|size)
	out = appendString(out, string(e.Code))
	out = appendString(out, validText(e.Text))
	if size == 3 {
		var err error
		if out, err = appendRaw(b, out, e.Data, 2, errorElements); err != nil {
			return b, err
		}
	}
	return append(out, codeNil), nil
}

// AppendSend implements Codec.
func (msgpackCodec) AppendSend(b []byte, name string, args any) ([]byte, error) {
	if err := checkName(name); err != nil {
		return b, err
	}
	out := growFor(b, args, shortForms+len(name))
	out = appendString(append(out, fixArray|3, byte(KindSend)), name)
	return appendInside(b, out, args, 1, sendElements)
}

// AppendPing implements Codec.
func (msgpackCodec) AppendPing(b, nonce []byte) []byte { return appendNonce(b, KindPing, nonce) }

// AppendPong implements Codec.
func (msgpackCodec) AppendPong(b, nonce []byte) []byte { return appendNonce(b, KindPong, nonce) }

func appendNonce(b []byte, k Kind, nonce []byte) []byte {
	if len(nonce) == 0 || len(nonce) > MaxNonce {
		panic(ErrNonce)
	}
	return appendBinary(append(b, fixArray|2, byte(k)), nonce)
}

// AppendValue implements Codec.
func (msgpackCodec) AppendValue(b []byte, v any) ([]byte, error) { return appendInside(b, b, v, 0, 1) }
