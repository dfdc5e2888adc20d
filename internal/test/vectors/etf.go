package vectors

import (
	"encoding/json"
	"testing"
)

// Names of the files that hold External Term Format.
const (
	ETFEnvelopes = "etf_envelopes.json"
	ETFHostile   = "etf_hostile.json"
)

// ETFEnvelope is one envelope as OTP encodes it.
type ETFEnvelope struct {
	Name    string `json:"name"`
	Term    Term   `json:"term"`
	ETF     Hex    `json:"etf"`      // as OTP 25 writes it
	ETFUTF8 Hex    `json:"etf_utf8"` // as OTP 26 and later write it
}

// Term describes a term.
type Term struct {
	Type  string          `json:"t"`
	Value json.RawMessage `json:"v"`              // as the README of the vectors says
	Bits  Hex             `json:"bits,omitempty"` // of a float
	Tail  *Term           `json:"tail,omitempty"` // of an improper list
}

// Text returns the value of an atom or an integer.
func (d Term) Text(t testing.TB) string {
	t.Helper()
	var s string
	d.value(t, &s)
	return s
}

// Bytes returns the value of a binary.
func (d Term) Bytes(t testing.TB) []byte {
	t.Helper()
	var b Hex
	d.value(t, &b)
	return b
}

// Elements returns the value of a tuple or a list.
func (d Term) Elements(t testing.TB) []Term {
	t.Helper()
	var list []Term
	d.value(t, &list)
	return list
}

// Entries returns the value of a map, in the order of the wire.
func (d Term) Entries(t testing.TB) [][2]Term {
	t.Helper()
	var entries [][2]Term
	d.value(t, &entries)
	return entries
}

func (d Term) value(t testing.TB, v any) {
	t.Helper()
	if err := json.Unmarshal(d.Value, v); err != nil {
		t.Fatalf("vectors: a term of type %s: %v", d.Type, err)
	}
}

// Envelopes loads the envelopes in External Term Format.
func Envelopes(t testing.TB) []ETFEnvelope {
	t.Helper()
	var f struct {
		OTPRelease string        `json:"otp_release"`
		Vectors    []ETFEnvelope `json:"vectors"`
	}
	Load(t, ETFEnvelopes, &f)
	if len(f.Vectors) == 0 {
		t.Fatalf("vectors: %s holds none", ETFEnvelopes)
	}
	return f.Vectors
}

// Hostile is an input that must be refused.
type Hostile struct {
	Name          string `json:"name"`
	Layer         string `json:"layer"` // "term", "envelope" or "handshake_message_1"
	Kind          string `json:"kind"`
	ETF           Hex    `json:"etf"`
	Verdict       string `json:"verdict"`        // always "reject"
	OTPSafe       string `json:"otp_safe"`       // what OTP does with it
	RealResponder string `json:"real_responder"` // what that node's responder does with it
}

// HostileTerms loads the inputs to refuse of one layer.
func HostileTerms(t testing.TB, layer string) []Hostile {
	t.Helper()
	var f struct {
		Vectors []Hostile `json:"vectors"`
	}
	Load(t, ETFHostile, &f)
	var found []Hostile
	for _, v := range f.Vectors {
		if v.Layer == layer {
			found = append(found, v)
		}
	}
	if len(found) == 0 {
		t.Fatalf("vectors: %s holds none of layer %s", ETFHostile, layer)
	}
	return found
}
