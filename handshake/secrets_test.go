package handshake

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"
)

// TestSecretsNeverPrint prints configs, states and results in many ways, alone and inside structs with exported and
// unexported fields, and looks for the bytes of each private and transport key.
func TestSecretsNeverPrint(t *testing.T) {
	f := counting(t)
	ic, rc := f.config(Initiator), f.config(Responder)
	ic.Rand, rc.Rand = readerFunc(ic.Rand.Read), readerFunc(rc.Rand.Read) // a bytes.Reader shows its bytes
	i, r := mustNew(t, ic), mustNew(t, rc)
	things := []any{ic, &ic, rc, i, r}
	mustRead(t, r, mustWrite(t, i))
	mustRead(t, i, mustWrite(t, r))
	middle := [2]State{*i, *r} // both ephemeral keys are alive here
	mustRead(t, r, mustWrite(t, i))
	a, b := i.Result(), r.Result()
	for _, s := range []*State{&middle[0], &middle[1], i, r} {
		things = append(things, s, *s, struct{ s State }{*s}, struct{ s *State }{s}, struct{ S *State }{s})
	}
	for _, x := range []Result{a, b} {
		things = append(things, x, &x, []Result{x}, map[string]Result{"x": x}, struct{ x Result }{x}, struct{ X Result }{x}, struct{ x *Result }{&x})
	}
	things = append(things, struct{ c Config }{ic}, struct{ C Config }{ic}, struct{ c *Config }{&ic})

	secrets := map[string][]byte{
		"initiator's static key": staticI, "initiator's ephemeral key": ephemeralI,
		"responder's static key": staticR, "responder's ephemeral key": ephemeralR,
		"key 1": f.key1, "key 2": f.key2,
	}
	for _, thing := range things {
		for way, text := range printed(thing) {
			for name, secret := range secrets {
				if shows(text, secret) {
					t.Errorf("%s of %T shows the %s: %s", way, thing, name, text)
				}
			}
		}
	}
	if shown := printed(struct{ k [32]byte }{a.SendKey()}); !shows(shown["%v"], f.key1) || !shows(shown["%#v"], f.key1) || !shows(shown["slog text"], f.key1) {
		t.Error("a bare key is not found where it is printed: this test proves nothing")
	}
}

// A readerFunc is a reader that prints nothing.
type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(b []byte) (int, error) { return f(b) }

// printed returns v as text, by the way it was printed.
func printed(v any) map[string]string {
	texts := make(map[string]string)
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%o", "%b", "%c"} {
		texts[verb] = fmt.Sprintf(verb, v)
	}
	if b, err := json.Marshal(v); err == nil { // a Config has a function in it and cannot be encoded
		texts["json"] = string(b)
	}
	var text, object bytes.Buffer
	slog.New(slog.NewTextHandler(&text, nil)).Info("x", "v", v)
	slog.New(slog.NewJSONHandler(&object, nil)).Info("x", "v", v)
	texts["slog text"], texts["slog json"] = text.String(), object.String()
	return texts
}

// shows reports whether text has the beginning of secret in one of the forms in which bytes are printed.
func shows(text string, secret []byte) bool {
	secret = secret[:6]
	list := func(format, separator string) string {
		var parts []string
		for _, b := range secret {
			parts = append(parts, fmt.Sprintf(format, b))
		}
		return strings.Join(parts, separator)
	}
	for _, form := range []string{
		string(secret), hex.EncodeToString(secret), strings.ToUpper(hex.EncodeToString(secret)), base64.StdEncoding.EncodeToString(secret),
		list("%d", " "), list("%d", ","), list("%#x", ", "), list("%x", " "), list("%X", " "), list("%o", " "), list("%b", " "),
	} {
		if strings.Contains(text, form) {
			return true
		}
	}
	return false
}
