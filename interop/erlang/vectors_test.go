package erlang_test

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/seed-f6ddb928/peernet-go/internal/test/vectors"
)

// The peer on the BEAM computes the messages, hashes and keys of every handshake of noise_xx_beam.json, and its transport frames.
func TestPeerReplaysTheHandshakes(t *testing.T) {
	b := startProcess(t)
	for _, v := range vectors.Noise(t, vectors.NoiseBEAM).Vectors {
		b.do(`{handshake,"%x","%x","%x","%x"}`, v.InitiatorStaticPrivate, v.InitiatorEphemeralPrivate,
			v.ResponderStaticPrivate, v.ResponderEphemeralPrivate)
		want := fmt.Sprintf(`{handshake,["%x","%x","%x","%x","%x","%x"]}`, v.Messages[0].Frame, v.Messages[1].Frame, v.Messages[2].Frame,
			v.HandshakeHash, v.KeyInitiatorToResponder, v.KeyResponderToInitiator)
		if got := b.await("{handshake,"); got != want {
			t.Errorf("%s:\n got %s\nwant %s", v.Name, got, want)
		}
		for direction, key := range map[string]vectors.Hex{
			vectors.ToResponder: v.KeyInitiatorToResponder, vectors.ToInitiator: v.KeyResponderToInitiator,
		} {
			var plains, frames []string
			for _, m := range v.Transport {
				if m.Direction == direction {
					plains, frames = append(plains, fmt.Sprintf(`"%x"`, m.Plaintext)), append(frames, fmt.Sprintf(`"%x"`, m.Frame))
				}
			}
			b.do(`{transport,"%x",[%s]}`, key, strings.Join(plains, ","))
			if got, want := b.await("{transport,"), "{transport,["+strings.Join(frames, ",")+"]}"; got != want {
				t.Errorf("%s: %s:\n got %s\nwant %s", v.Name, direction, got, want)
			}
		}
	}
}

// The peer on the BEAM decodes both forms of every envelope to the term that is described, and encodes one of them again.
func TestPeerReadsTheEnvelopes(t *testing.T) {
	var file struct {
		OTP     string `json:"otp_release"`
		Vectors []struct {
			Name string         `json:"name"`
			ETF  vectors.Hex    `json:"etf"`
			UTF8 vectors.Hex    `json:"etf_utf8"`
			Term map[string]any `json:"term"`
		} `json:"vectors"`
	}
	vectors.Load(t, "etf_envelopes.json", &file)
	if len(file.Vectors) == 0 {
		t.Fatal("no vectors")
	}
	b := startProcess(t)
	for _, v := range file.Vectors {
		text := erlang(t, v.Term)
		forms := []string{fmt.Sprintf("%x", v.ETF), fmt.Sprintf("%x", v.UTF8)}
		for _, form := range forms {
			b.do(`{term,"%s",%s}`, form, text)
			got := b.await("{term,")
			if encoded, ok := strings.CutPrefix(got, `{term,{true,"`); !ok || !slices.Contains(forms, strings.TrimSuffix(encoded, `"}}`)) {
				t.Errorf("%s: %s: %s: %s", v.Name, form, text, got)
			}
		}
	}
}

// The peer on the BEAM refuses what etf_hostile.json says that OTP refuses, and accepts what OTP accepts.
func TestPeerDecodesSafely(t *testing.T) {
	var file struct {
		Vectors []map[string]any `json:"vectors"`
	}
	vectors.Load(t, "etf_hostile.json", &file)
	if len(file.Vectors) == 0 {
		t.Fatal("no vectors")
	}
	b := startProcess(t)
	b.do("{know,[elixir_compiler_0,'Elixir.GenServer',peer_call,calling_self]}") // which the BEAM that made the file had
	b.await("known")
	for _, v := range file.Vectors {
		want, known := v["otp_safe"].(string)
		if !known {
			continue
		}
		b.do(`{safe,"%s"}`, v["etf"])
		if got := b.await("{safe,"); got != "{safe,"+want+"}" {
			t.Errorf("%s: %s, want %s", v["name"], got, want)
		}
	}
}

// erlang writes a described term as Erlang does.
func erlang(t *testing.T, described any) string {
	t.Helper()
	d, ok := described.(map[string]any)
	if !ok {
		t.Fatalf("no term: %v", described)
	}
	list := func(v any) string {
		var parts []string
		for _, e := range v.([]any) {
			parts = append(parts, erlang(t, e))
		}
		return strings.Join(parts, ",")
	}
	switch kind, value := d["t"], d["v"]; kind {
	case "atom":
		return atom(value.(string))
	case "int":
		return value.(string)
	case "float":
		bits, err := strconv.ParseUint(d["bits"].(string), 16, 64)
		if err != nil {
			t.Fatal(err)
		}
		mantissa, exponent, _ := strings.Cut(strconv.FormatFloat(math.Float64frombits(bits), 'e', -1, 64), "e")
		if !strings.Contains(mantissa, ".") {
			mantissa += ".0"
		}
		return mantissa + "e" + exponent
	case "binary":
		return binary(vectors.Unhex(value.(string)))
	case "tuple":
		return "{" + list(value) + "}"
	case "list":
		if tail, improper := d["tail"]; improper {
			return "[" + list(value) + "|" + erlang(t, tail) + "]"
		}
		return "[" + list(value) + "]"
	case "map":
		var parts []string
		for _, pair := range value.([]any) {
			pair := pair.([]any)
			parts = append(parts, erlang(t, pair[0])+"=>"+erlang(t, pair[1]))
		}
		return "#{" + strings.Join(parts, ",") + "}"
	default:
		t.Fatalf("a term of the kind %v, of %v", kind, slices.Sorted(maps.Keys(d)))
		return ""
	}
}

// atom writes an atom, in quotes.
func atom(name string) string {
	var b strings.Builder
	b.WriteByte('\'')
	for _, r := range name {
		switch {
		case r == '\'' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r < ' ' || r > '~':
			fmt.Fprintf(&b, `\x{%x}`, r)
		default:
			b.WriteRune(r)
		}
	}
	b.WriteByte('\'')
	return b.String()
}

// binary writes a binary, byte by byte.
func binary(bytes []byte) string {
	parts := make([]string, len(bytes))
	for i, c := range bytes {
		parts[i] = strconv.Itoa(int(c))
	}
	return "<<" + strings.Join(parts, ",") + ">>"
}
