package etf

import (
	"bytes"
	"encoding/json"
	"errors"
	"testing"

	"github.com/seed-f6ddb928/peernet-go/envelope"
	"github.com/seed-f6ddb928/peernet-go/internal/test/vectors"
)

// seeds adds every vector of both files.
func seeds(f *testing.F) {
	f.Helper()
	for _, v := range vectors.Envelopes(f) {
		f.Add([]byte(v.ETF))
		f.Add([]byte(v.ETFUTF8))
	}
	for _, layer := range []string{"term", "envelope"} {
		for _, v := range vectors.HostileTerms(f, layer) {
			if len(v.ETF) <= 1<<16 {
				f.Add([]byte(v.ETF))
			}
		}
	}
}

// FuzzTerm decodes any bytes. What decodes has one shortest form, which decodes into the same; the value that it decodes into
// encodes to that form, but for the order of maps. No byte is looked at twice in different ways: the guard and the readers agree
// where terms end.
func FuzzTerm(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, whole []byte) {
		if len(whole) == 0 {
			return
		}
		b := whole[1:]
		var v any
		err := Codec.DecodeValue(b, &v)
		guarded := guard(b)
		if guarded != nil {
			if !errors.Is(err, envelope.ErrDecode) {
				t.Fatalf("the guard says %v, the decoder %v", guarded, err)
			}
			return
		}
		if end := skip(b, 0); end != len(b) {
			t.Fatalf("a term of %d bytes ends at %d", len(b), end)
		}
		short, end := appendShortest(nil, b, 0, false)
		if end != len(b) || guard(short) != nil {
			t.Fatalf("shortest form %x, to %d: %v", short, end, guard(short))
		}
		if again, _ := appendShortest(nil, short, 0, false); !bytes.Equal(again, short) {
			t.Fatalf("the shortest form of %x is %x", short, again)
		}
		if text, jsonErr := Codec.AppendJSON(nil, b); jsonErr != nil || !json.Valid(text) {
			t.Fatalf("as JSON: %s, %v", text, jsonErr)
		}
		if err != nil {
			if !errors.Is(err, envelope.ErrMapKey) && !errors.Is(err, envelope.ErrDuplicateKey) {
				t.Fatalf("a good term does not decode: %v", err)
			}
			return
		}
		encoded, err := Codec.AppendValue(nil, v)
		if err != nil {
			if errors.Is(err, envelope.ErrElements) { // a string counts one more where it is written
				return
			}
			t.Fatalf("%#v does not encode: %v", v, err)
		}
		got, _ := appendShortest(nil, encoded, 0, true)
		want, _ := appendShortest(nil, b, 0, true)
		if !bytes.Equal(got, want) {
			t.Fatalf("%x encodes to %x", want, got)
		}
	})
}

// FuzzParse parses any bytes. What is parsed, written again, parses the same.
func FuzzParse(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, body []byte) {
		var e, again envelope.Envelope
		if err := Codec.Parse(body, &e); err != nil {
			return
		}
		var (
			b   []byte
			err error
		)
		switch e.Kind {
		case envelope.KindCall:
			b, err = Codec.AppendCall(nil, e.ID, string(e.Name), e.Options, envelope.NewRaw(Codec, e.Args))
		case envelope.KindSend:
			b, err = Codec.AppendSend(nil, string(e.Name), envelope.NewRaw(Codec, e.Args))
		case envelope.KindPing:
			b = Codec.AppendPing(nil, e.Nonce)
		case envelope.KindPong:
			b = Codec.AppendPong(nil, e.Nonce)
		default:
			if e.Err == nil {
				b, err = Codec.AppendReply(nil, e.ID, envelope.NewRaw(Codec, e.Result))
				break
			}
			if e.Result != nil {
				t.Fatal("a result and an error")
			}
			b, err = Codec.AppendError(nil, e.ID, e.Err)
		}
		if err != nil {
			t.Fatalf("%+v cannot be written: %v", e, err)
		}
		if err := Codec.Parse(b, &again); err != nil {
			t.Fatalf("%x: %v", b, err)
		}
		same := e.Kind == again.Kind && e.ID == again.ID && bytes.Equal(e.Name, again.Name) && bytes.Equal(e.Args, again.Args) &&
			bytes.Equal(e.Result, again.Result) && bytes.Equal(e.Nonce, again.Nonce) && (e.Err == nil) == (again.Err == nil)
		if !same || e.Err != nil && e.Err.Code != again.Err.Code {
			t.Fatalf("%+v comes back as %+v", e, again)
		}
	})
}
