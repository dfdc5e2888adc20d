package session

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/seed-f6ddb928/peernet-go/envelope"
	"github.com/seed-f6ddb928/peernet-go/internal/test/vectors"
)

// A vector is one plaintext of testdata/vectors/envelope_native.json.
type vector struct {
	name  string
	plain []byte
}

// A part is a byte string and how often it is repeated.
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

// envelopes returns the plaintexts that must be taken and those that must be refused. Arguments of the protocol's
// own messages are in their sends.
func envelopes(t testing.TB) (good, hostile []vector) {
	t.Helper()
	var f struct {
		Vectors []json.RawMessage `json:"vectors"`
		Hostile []struct {
			Name  string      `json:"name"`
			Layer string      `json:"layer"`
			Input vectors.Hex `json:"input"`
			Parts []part      `json:"parts"`
			Error string      `json:"error"`
		} `json:"hostile"`
	}
	vectors.Load(t, "envelope_native.json", &f)
	for _, b := range f.Vectors {
		var v struct {
			Name     string      `json:"name"`
			Envelope vectors.Hex `json:"envelope"`
			Parts    []part      `json:"parts"`
			Part     *struct {
				Total int `json:"total"`
			} `json:"part"`
		}
		if err := json.Unmarshal(b, &v); err != nil {
			t.Fatal(err)
		}
		plain := join(v.Envelope, v.Parts)
		if v.Part == nil {
			good = append(good, vector{v.Name, plain})
		} else { // good in itself, but a part of nothing, or the first of something that is no envelope
			hostile = append(hostile, vector{v.Name, plain})
		}
	}
	for _, h := range f.Hostile {
		plain := join(h.Input, h.Parts)
		if h.Layer == "head" {
			if h.Error == "ErrTruncated" || h.Error == "ErrLength" {
				continue // with what a part needs behind them these are heads
			}
			first := append(plain, make([]byte, envelope.MinPart)...)
			plain = envelope.AppendPart(nil, envelope.Part{Chain: 1, Bytes: first, Total: 2 * len(first)})
		}
		if name := map[string]string{"hello": envelope.NameHello, "bye": envelope.NameBye, "cancel": envelope.NameCancel,
			"part": envelope.NamePart, "last": envelope.NameLast}[h.Layer]; name != "" {
			plain = append(append([]byte{0x93, byte(envelope.KindSend), 0xa0 | byte(len(name))}, name...), plain...)
		}
		hostile = append(hostile, vector{h.Name, plain})
	}
	if len(good) < 100 || len(hostile) < 200 {
		t.Fatalf("%d vectors and %d hostile ones: some are missing", len(good), len(hostile))
	}
	return good, hostile
}

// streamEnvelopes returns the plaintexts of testdata/vectors/streams.json, good and hostile ones.
func streamEnvelopes(t testing.TB) (all []vector) {
	t.Helper()
	var f struct {
		Vectors []json.RawMessage `json:"vectors"`
		Hostile []struct {
			Name  string      `json:"name"`
			Layer string      `json:"layer"`
			Input vectors.Hex `json:"input"`
			Error string      `json:"error"`
		} `json:"hostile"`
	}
	vectors.Load(t, "streams.json", &f)
	for _, b := range f.Vectors {
		var v struct {
			Name     string      `json:"name"`
			Envelope vectors.Hex `json:"envelope"`
		}
		if err := json.Unmarshal(b, &v); err != nil {
			t.Fatal(err)
		}
		all = append(all, vector{v.Name, v.Envelope})
	}
	for _, h := range f.Hostile {
		plain := []byte(h.Input)
		if name := "$/" + h.Layer; h.Layer != "envelope" {
			plain = append(append([]byte{0x93, byte(envelope.KindSend), 0xa0 | byte(len(name))}, name...), plain...)
		}
		all = append(all, vector{h.Name, plain})
	}
	if len(all) < 50 {
		t.Fatalf("%d vectors: some are missing", len(all))
	}
	return all
}
