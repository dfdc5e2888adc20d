package envelope

import (
	"bytes"
	"errors"
	"strconv"
	"testing"
	"time"

	"github.com/seed-f6ddb928/peernet-go/internal/test/vectors"
)

// vectorFile is testdata/vectors/envelope_native.json, described in the README there.
type vectorFile struct {
	Vectors []*vector  `json:"vectors"`
	Hostile []*hostile `json:"hostile"`
}

type vector struct {
	Name      string      `json:"name"`
	Envelope  vectors.Hex `json:"envelope"`
	Parts     []part      `json:"parts"`
	Written   vectors.Hex `json:"written"`
	ReadOnly  bool        `json:"read_only"`
	Kind      string      `json:"kind"`
	ID        string      `json:"id"`
	Handler   string      `json:"handler"`
	Args      vectors.Hex `json:"args"`
	TimeoutMS *int64      `json:"timeout_ms"`
	Trace     string      `json:"trace"`
	Result    vectors.Hex `json:"result"`
	Error     *struct {
		Code string      `json:"code"`
		Text string      `json:"text"`
		Data vectors.Hex `json:"data"`
	} `json:"error"`
	Nonce vectors.Hex `json:"nonce"`
	Hello *struct {
		V     int         `json:"v"`
		Agent string      `json:"agent"`
		Name  string      `json:"name"`
		Boot  vectors.Hex `json:"boot"`
		Max   int         `json:"max"`

		Message  int `json:"message"`
		Assemble int `json:"assemble"`
		Chains   int `json:"chains"`
	} `json:"hello"`
	Bye *struct {
		Code         string `json:"code"`
		Text         string `json:"text"`
		RetryAfterMS int64  `json:"retry_after_ms"`
	} `json:"bye"`
	Cancel string `json:"cancel"`
	Part   *struct {
		Chain     string `json:"chain"`
		Bytes     int    `json:"bytes"`
		Total     int    `json:"total"`
		Last      bool   `json:"last"`
		Abandoned bool   `json:"abandoned"`
	} `json:"part"`
}

type hostile struct {
	Name  string      `json:"name"`
	Layer string      `json:"layer"`
	Input vectors.Hex `json:"input"`
	Parts []part      `json:"parts"`
	Error string      `json:"error"`
}

// A part is a byte string that is repeated.
type part struct {
	Hex   vectors.Hex `json:"hex"`
	Times int         `json:"times"`
}

func join(whole []byte, parts []part) []byte {
	for _, p := range parts {
		whole = append(whole, bytes.Repeat(p.Hex, p.Times)...)
	}
	return whole
}

// loadVectors returns the file with its parts joined.
func loadVectors(t testing.TB) vectorFile {
	t.Helper()
	var f vectorFile
	vectors.Load(t, "envelope_native.json", &f)
	if len(f.Vectors) < 100 || len(f.Hostile) < 200 {
		t.Fatalf("%d vectors and %d hostile inputs: some are missing", len(f.Vectors), len(f.Hostile))
	}
	names := map[string]bool{}
	for _, v := range f.Vectors {
		v.Envelope = join(v.Envelope, v.Parts)
		names[v.Name] = true
	}
	for _, h := range f.Hostile {
		h.Input = join(h.Input, h.Parts)
		names[h.Name] = true
	}
	if len(names) != len(f.Vectors)+len(f.Hostile) {
		t.Fatal("a name appears twice")
	}
	return f
}

// refusals are the reasons to refuse bytes, as hostile vectors name them.
var refusals = map[string]error{
	"ErrTruncated": ErrTruncated, "ErrTrailing": ErrTrailing, "ErrFormat": ErrFormat, "ErrLength": ErrLength,
	"ErrCount": ErrCount, "ErrDepth": ErrDepth, "ErrElements": ErrElements, "ErrExtension": ErrExtension,
	"ErrTimestamp": ErrTimestamp, "ErrInteger": ErrInteger, "ErrNegative": ErrNegative, "ErrString": ErrString,
	"ErrBinary": ErrBinary, "ErrArray": ErrArray, "ErrMap": ErrMap, "ErrArity": ErrArity, "ErrKeys": ErrKeys,
	"ErrDuplicateKey": ErrDuplicateKey, "ErrNameLength": ErrNameLength, "ErrNameUTF8": ErrNameUTF8,
	"ErrNameControl": ErrNameControl, "ErrKind": ErrKind, "ErrID": ErrID, "ErrNonce": ErrNonce, "ErrTrace": ErrTrace,
	"ErrResultWithError": ErrResultWithError, "ErrCode": ErrCode, "ErrVersion": ErrVersion,
	"ErrHelloString": ErrHelloString, "ErrBoot": ErrBoot, "ErrPart": ErrPart, "ErrTotal": ErrTotal, "ErrCut": ErrCut,
	"ErrBool": ErrBool, "ErrCredit": ErrCredit,
}

// read reads input with the layer of a hostile vector.
func read(t testing.TB, layer string, input []byte) error {
	t.Helper()
	switch layer {
	case "envelope":
		return Msgpack.Parse(input, new(Envelope))
	case "hello":
		_, err := ParseHello(input)
		return err
	case "bye":
		_, err := ParseBye(input)
		return err
	case "cancel":
		_, err := ParseCancel(input)
		return err
	case "part", "last":
		_, err := ParsePart(input, layer == "last")
		return err
	case "head":
		_, err := ParseHead(input)
		return err
	}
	t.Fatalf("no layer %q", layer)
	return nil
}

// reencode writes e with the Append methods.
func reencode(t testing.TB, e *Envelope) []byte {
	t.Helper()
	var (
		b   []byte
		err error
	)
	switch {
	case e.Kind == KindCall:
		b, err = Msgpack.AppendCall(nil, e.ID, string(e.Name), e.Options, NewRaw(Msgpack, e.Args))
	case e.Kind == KindReply && e.Err != nil:
		b, err = Msgpack.AppendError(nil, e.ID, e.Err)
	case e.Kind == KindReply:
		b, err = Msgpack.AppendReply(nil, e.ID, NewRaw(Msgpack, e.Result))
	case e.Kind == KindSend:
		b, err = Msgpack.AppendSend(nil, string(e.Name), NewRaw(Msgpack, e.Args))
	case e.Kind == KindPing:
		b = Msgpack.AppendPing(nil, e.Nonce)
	case e.Kind == KindPong:
		b = Msgpack.AppendPong(nil, e.Nonce)
	}
	if err != nil {
		t.Fatalf("encoding a parsed %v: %v", e.Kind, err)
	}
	return b
}

func TestVectorsParseToTheirFields(t *testing.T) {
	for _, v := range loadVectors(t).Vectors {
		t.Run(v.Name, func(t *testing.T) {
			var e Envelope
			if err := Msgpack.Parse(v.Envelope, &e); err != nil {
				t.Fatal(err)
			}
			if e.Kind.String() != v.Kind {
				t.Errorf("kind is %v, not %s", e.Kind, v.Kind)
			}
			if id := strconv.FormatUint(uint64(e.ID), 10); v.ID != "" && id != v.ID || v.ID == "" && e.ID != 0 {
				t.Errorf("id is %s, not %q", id, v.ID)
			}
			if string(e.Name) != v.Handler {
				t.Errorf("name is %q, not %q", e.Name, v.Handler)
			}
			if v.Parts == nil && !bytes.Equal(e.Args, v.Args) {
				t.Errorf("args are %x, not %x", e.Args, v.Args)
			}
			if !bytes.Equal(e.Result, v.Result) {
				t.Errorf("result is %x, not %x", e.Result, v.Result)
			}
			if !bytes.Equal(e.Nonce, v.Nonce) {
				t.Errorf("nonce is %x, not %x", e.Nonce, v.Nonce)
			}
			want := Options{Trace: v.Trace}
			if v.TimeoutMS != nil {
				want.HasTimeout, want.Timeout = true, time.Duration(*v.TimeoutMS)*time.Millisecond
			}
			if e.Options != want {
				t.Errorf("options are %+v, not %+v", e.Options, want)
			}
			switch {
			case (e.Err == nil) != (v.Error == nil):
				t.Errorf("error is %v", e.Err)
			case e.Err != nil:
				if string(e.Err.Code) != v.Error.Code || e.Err.Text != v.Error.Text || !bytes.Equal(e.Err.Data.Bytes(), v.Error.Data) {
					t.Errorf("error is %q %q %x", e.Err.Code, e.Err.Text, e.Err.Data.Bytes())
				}
			}
		})
	}
}

func TestVectorsAreWrittenByteForByte(t *testing.T) {
	for _, v := range loadVectors(t).Vectors {
		t.Run(v.Name, func(t *testing.T) {
			var e Envelope
			if err := Msgpack.Parse(v.Envelope, &e); err != nil {
				t.Fatal(err)
			}
			want := v.Written
			if want == nil {
				want = v.Envelope
			}
			if v.ReadOnly && v.Kind == KindSend.String() {
				return // see TestProtocolVectors
			}
			if got := reencode(t, &e); !bytes.Equal(got, want) {
				t.Errorf("written as %.100x\nnot          %.100x", got, want)
			}
		})
	}
}

func TestProtocolVectors(t *testing.T) {
	n := 0
	for _, v := range loadVectors(t).Vectors {
		if v.Hello == nil && v.Bye == nil && v.Cancel == "" && v.Part == nil {
			continue
		}
		n++
		t.Run(v.Name, func(t *testing.T) {
			var e Envelope
			if err := Msgpack.Parse(v.Envelope, &e); err != nil {
				t.Fatal(err)
			}
			if !Reserved(e.Name) {
				t.Errorf("%q is not reserved", e.Name)
			}
			var written []byte
			switch {
			case v.Hello != nil:
				want := Hello{Version: v.Hello.V, Agent: v.Hello.Agent, Name: v.Hello.Name, Max: v.Hello.Max,
					Message: v.Hello.Message, Assemble: v.Hello.Assemble, Chains: v.Hello.Chains}
				want.HasBoot = copy(want.Boot[:], v.Hello.Boot) == len(want.Boot)
				got, err := ParseHello(e.Args)
				if err != nil || got != want {
					t.Fatalf("says %+v, %v; not %+v", got, err, want)
				}
				written = AppendHello(nil, got)
			case v.Bye != nil:
				want := Bye{Reason(v.Bye.Code), v.Bye.Text, time.Duration(v.Bye.RetryAfterMS) * time.Millisecond}
				got, err := ParseBye(e.Args)
				if err != nil || got != want {
					t.Fatalf("says %+v, %v; not %+v", got, err, want)
				}
				written = AppendBye(nil, got)
			case v.Part != nil:
				want := v.Part
				got, err := ParsePart(e.Args, want.Last)
				if err != nil || strconv.FormatUint(got.Chain, 10) != want.Chain || len(got.Bytes) != want.Bytes ||
					got.Total != want.Total || got.Last != want.Last || (got.Bytes == nil) != want.Abandoned {
					t.Fatalf("says %d bytes of chain %d, total %d, last %v, %v; not %+v", len(got.Bytes), got.Chain, got.Total, got.Last,
						err, want)
				}
				written = AppendPart(nil, got)
			default:
				got, err := ParseCancel(e.Args)
				if err != nil || strconv.FormatUint(uint64(got), 10) != v.Cancel {
					t.Fatalf("says %d, %v; not %s", got, err, v.Cancel)
				}
				written = AppendCancel(nil, got)
			}
			if bytes.Equal(written, v.Envelope) == v.ReadOnly {
				t.Errorf("written as %x\nread from  %x", written, v.Envelope)
			}
		})
	}
	if n < 20 {
		t.Fatalf("only %d vectors of protocol messages", n)
	}
}

func TestEveryTruncationFails(t *testing.T) {
	for _, v := range loadVectors(t).Vectors {
		t.Run(v.Name, func(t *testing.T) {
			step := 1 + len(v.Envelope)/2000 // all prefixes of all but the few vectors that show a limit
			for n := 0; n < len(v.Envelope); n += step {
				if err := Msgpack.Parse(v.Envelope[:n:n], new(Envelope)); err == nil {
					t.Errorf("the first %d bytes parse", n)
				}
			}
			var e Envelope
			if err := Msgpack.Parse(v.Envelope, &e); err != nil {
				t.Fatal(err)
			}
			for layer, begun := range map[string]bool{"hello": v.Hello != nil, "bye": v.Bye != nil, "cancel": v.Cancel != "",
				"part": v.Part != nil && !v.Part.Last, "last": v.Part != nil && v.Part.Last} {
				for n := 0; begun && n < len(e.Args); n += step {
					if read(t, layer, e.Args[:n:n]) == nil {
						t.Errorf("the first %d bytes of the args are a %s", n, layer)
					}
				}
			}
		})
	}
}

func TestEveryTrailingByteFails(t *testing.T) {
	for _, v := range loadVectors(t).Vectors {
		if err := Msgpack.Parse(append(v.Envelope, codeNil), new(Envelope)); !errors.Is(err, ErrTrailing) {
			t.Errorf("%s with a byte more: %v", v.Name, err)
		}
	}
}

func TestHostileVectorsFailForExactlyTheirReason(t *testing.T) {
	seen := map[string]bool{}
	for _, h := range loadStreams(t).Hostile { // see TestHostileStreamVectorsFailForExactlyTheirReason
		seen[h.Error] = true
	}
	for _, h := range loadVectors(t).Hostile {
		t.Run(h.Name, func(t *testing.T) {
			if refusals[h.Error] == nil {
				t.Fatalf("no error is called %q", h.Error)
			}
			seen[h.Error] = true
			err := read(t, h.Layer, h.Input)
			for name, reason := range refusals {
				if errors.Is(err, reason) != (name == h.Error) {
					t.Errorf("%v is %s: %v; want %s", err, name, errors.Is(err, reason), h.Error)
				}
			}
		})
	}
	for name := range refusals {
		if !seen[name] {
			t.Errorf("no hostile vector fails with %s", name)
		}
	}
}

// TestParsedSlicesHaveNoRoom checks that an append to a slice of a parsed body cannot overwrite the bytes that follow.
func TestParsedSlicesHaveNoRoom(t *testing.T) {
	for _, v := range loadVectors(t).Vectors {
		var e Envelope
		if err := Msgpack.Parse(v.Envelope, &e); err != nil {
			t.Fatal(err)
		}
		data := []byte(nil)
		if e.Err != nil {
			data = e.Err.Data.Bytes()
		}
		for _, s := range [][]byte{e.Name, e.Args, e.Result, e.Nonce, data} {
			if cap(s) != len(s) {
				t.Errorf("%s: a slice of %d bytes has room for %d", v.Name, len(s), cap(s))
			}
		}
	}
}
