package etf

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math"
	"math/big"
	"reflect"
	"testing"
	"unicode/utf8"

	"github.com/seed-f6ddb928/peernet-go/envelope"
	"github.com/seed-f6ddb928/peernet-go/internal/test/vectors"
)

// goValue returns the Go value that a described term decodes into.
func goValue(t *testing.T, d vectors.Term) any {
	t.Helper()
	list := func(terms []vectors.Term) []any {
		values := make([]any, len(terms))
		for i := range terms {
			values[i] = goValue(t, terms[i])
		}
		return values
	}
	switch d.Type {
	case "atom":
		switch name := d.Text(t); name {
		case "nil":
			return nil
		case "true", "false":
			return name == "true"
		default:
			return envelope.Atom(name)
		}
	case "int":
		i, ok := new(big.Int).SetString(d.Text(t), 10)
		if !ok {
			t.Fatalf("%s is no integer", d.Text(t))
		}
		switch {
		case i.IsInt64():
			return i.Int64()
		case i.IsUint64():
			return i.Uint64()
		}
		return i
	case "float":
		return math.Float64frombits(binary.BigEndian.Uint64(d.Bits))
	case "binary":
		if data := d.Bytes(t); !utf8.Valid(data) {
			return data
		}
		return string(d.Bytes(t))
	case "tuple":
		return envelope.Tuple(list(d.Elements(t)))
	case "list":
		if d.Tail != nil {
			return envelope.ImproperList{Elements: list(d.Elements(t)), Tail: goValue(t, *d.Tail)}
		}
		return list(d.Elements(t))
	}
	named, mixed := map[string]any{}, map[any]any{}
	for _, entry := range d.Entries(t) {
		key := goValue(t, entry[0])
		if !reflect.ValueOf(key).Comparable() {
			return envelope.ErrMapKey
		}
		value := goValue(t, entry[1])
		mixed[key] = value
		if name, ok := key.(string); ok {
			named[name] = value
		}
	}
	if len(named) == len(mixed) {
		return named
	}
	return mixed
}

// hasBadKey reports whether a described term holds a map with a key that Go cannot look up.
func hasBadKey(t *testing.T, d vectors.Term) bool {
	if d.Type == "map" {
		for _, entry := range d.Entries(t) {
			if hasBadKey(t, entry[0]) || hasBadKey(t, entry[1]) || entry[0].Type == "list" || entry[0].Type == "tuple" || entry[0].Type == "map" {
				return true
			}
		}
	}
	if d.Type == "tuple" || d.Type == "list" {
		for _, e := range d.Elements(t) {
			if hasBadKey(t, e) {
				return true
			}
		}
	}
	return false
}

// TestVectorsDecodeAndEncode decodes both forms of every vector into the value that it describes. The shortest form of
// both is etf_utf8, byte for byte. The value, encoded again, is the same value, and the same bytes but for the order of maps.
func TestVectorsDecodeAndEncode(t *testing.T) {
	for _, v := range vectors.Envelopes(t) {
		t.Run(v.Name, func(t *testing.T) {
			for _, form := range [][]byte{v.ETF, v.ETFUTF8} {
				term := form[1:]
				if short, end := appendShortest([]byte{version}, form, 1, false); end != len(form) || !bytes.Equal(short, v.ETFUTF8) {
					t.Errorf("shortest form:\ngot  %x\nwant %x", short, v.ETFUTF8)
				}
				var got any
				err := Codec.DecodeValue(term, &got)
				if hasBadKey(t, v.Term) {
					if !errors.Is(err, envelope.ErrMapKey) {
						t.Errorf("got %v, want ErrMapKey", err)
					}
					continue
				}
				if err != nil {
					t.Fatal(err)
				}
				if want := goValue(t, v.Term); !reflect.DeepEqual(got, want) {
					t.Fatalf("got %#v, want %#v", got, want)
				}
				b, err := Codec.AppendValue(nil, got)
				if err != nil {
					t.Fatal(err)
				}
				a, _ := appendShortest(nil, b, 0, true)
				z, _ := appendShortest(nil, term, 0, true)
				if !bytes.Equal(a, z) || len(b) != len(v.ETFUTF8)-1 {
					t.Errorf("encoded again: %x", b)
				}
			}
		})
	}
}

// TestVectorsParseAsEnvelopes parses every vector, and writes the envelope again from its parts.
func TestVectorsParseAsEnvelopes(t *testing.T) {
	for _, v := range vectors.Envelopes(t) {
		t.Run(v.Name, func(t *testing.T) {
			for _, form := range [][]byte{v.ETF, v.ETFUTF8} {
				var e envelope.Envelope
				if err := Codec.Parse(form, &e); err != nil {
					t.Fatal(err)
				}
				elements := v.Term.Elements(t)
				if want := elements[0].Text(t); e.Kind.String() != want {
					t.Errorf("a %v, want a %s", e.Kind, want)
				}
				var (
					again []byte
					err   error
				)
				switch e.Kind {
				case envelope.KindCall:
					again, err = Codec.AppendCall(nil, e.ID, string(e.Name), envelope.Options{}, envelope.NewRaw(Codec, e.Args))
				case envelope.KindSend:
					again, err = Codec.AppendSend(nil, string(e.Name), envelope.NewRaw(Codec, e.Args))
				case envelope.KindPing:
					again = Codec.AppendPing(nil, e.Nonce)
				case envelope.KindPong:
					again = Codec.AppendPong(nil, e.Nonce)
				default:
					if e.Err != nil {
						return // TestVectorsOfErrors
					}
					again, err = Codec.AppendReply(nil, e.ID, envelope.NewRaw(Codec, e.Result))
				}
				if err != nil {
					t.Fatal(err)
				}
				if short, _ := appendShortest([]byte{version}, again, 1, false); !bytes.Equal(short, v.ETFUTF8) {
					t.Errorf("written again:\ngot  %x\nwant %x", short, v.ETFUTF8)
				}
			}
		})
	}
}

// TestTruncatedVectorsAreRefused cuts both forms of every vector at every byte. A reply whose result is cut fails its call.
func TestTruncatedVectorsAreRefused(t *testing.T) {
	for _, v := range vectors.Envelopes(t) {
		for _, form := range [][]byte{v.ETF, v.ETFUTF8} {
			for size := range form {
				if size > 0 && guard(form[1:size]) == nil {
					t.Errorf("%s: %d bytes pass the guard", v.Name, size)
				}
				var e envelope.Envelope
				if err := Codec.Parse(form[:size:size], &e); err == nil && !errors.Is(e.Err, envelope.ErrDecode) {
					t.Errorf("%s: %d bytes are parsed", v.Name, size)
				}
			}
			var e envelope.Envelope
			if err := Codec.Parse(append(bytes.Clone(form), 106), &e); err == nil && !errors.Is(e.Err, envelope.ErrTrailing) {
				t.Errorf("%s: bytes may follow", v.Name)
			}
		}
	}
}

// TestHostileTermsAreRefused gives every hostile term to the guard and to Parse. Atoms that no node has pass: this codec
// keeps none.
func TestHostileTermsAreRefused(t *testing.T) {
	for _, v := range vectors.HostileTerms(t, "term") {
		var e envelope.Envelope
		err := Codec.Parse(v.ETF, &e)
		isReply := err == nil && e.Kind == envelope.KindReply
		switch {
		case v.Kind == "atoms":
			if err := guard(v.ETF[1:]); err != nil {
				t.Errorf("%s: %v", v.Name, err)
			}
			continue
		case isReply && !errors.Is(e.Err, envelope.ErrDecode):
			t.Errorf("%s: a reply with %v", v.Name, e.Err)
		case !isReply && err == nil:
			t.Errorf("%s is parsed", v.Name)
		}
		if len(v.ETF) > 0 && v.ETF[0] == version && guard(v.ETF[1:]) == nil {
			t.Errorf("%s passes the guard", v.Name)
		}
		for _, into := range []any{new(any), new(envelope.Raw), new(string), new([]any), new(map[string]any)} {
			if len(v.ETF) > 0 && v.ETF[0] == version {
				if err := Codec.DecodeValue(v.ETF[1:], into); !errors.Is(err, envelope.ErrDecode) {
					t.Errorf("%s into %T: %v", v.Name, into, err)
				}
			}
		}
	}
	for _, v := range vectors.HostileTerms(t, "envelope") {
		var e envelope.Envelope
		if err := Codec.Parse(v.ETF, &e); err == nil {
			t.Errorf("%s is parsed", v.Name)
		}
	}
}

// TestWhyHostileTermsAreRefused names the reason for each kind.
func TestWhyHostileTermsAreRefused(t *testing.T) {
	wants := map[string][]error{
		"length":     {envelope.ErrLength, envelope.ErrCount, ErrBig, envelope.ErrTruncated},
		"depth":      {envelope.ErrDepth, ErrForm},
		"compressed": {ErrTag},
		"opaque":     {ErrTag},
		"value":      {ErrAtom, ErrFloat, ErrTag, envelope.ErrDuplicateKey},
		"truncated":  {envelope.ErrTruncated, envelope.ErrCount, envelope.ErrLength},
	}
	for _, v := range vectors.HostileTerms(t, "term") {
		want, known := wants[v.Kind]
		if !known {
			continue
		}
		err := guard(v.ETF[1:])
		ok := false
		for _, w := range want {
			ok = ok || errors.Is(err, w)
		}
		if !ok {
			t.Errorf("%s: got %v, want one of %v", v.Name, err, want)
		}
	}
}
