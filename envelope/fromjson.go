package envelope

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/seed-f6ddb928/peernet-go/envelope/internal/values"
)

// Reasons of FromJSON to refuse a text, beside ErrDepth, ErrElements and ErrDuplicateKey.
var (
	// ErrJSON reports a text that is not one JSON value.
	ErrJSON = errors.New("envelope: not JSON")
	// ErrNotation reports an object with a word of the notation of wire.md §13.5 as a key, but not its form.
	ErrNotation = errors.New("envelope: not the notation of a value")
	// ErrNumber reports a number that an int64, a uint64 or a float64 cannot hold: a whole one that would lose digits, or
	// one beyond the range of a float64.
	ErrNumber = errors.New("envelope: a number that cannot be represented")
)

// FromJSON returns the one value that text holds, in a form that every codec can encode: nil, bool, string, []any and
// map[string]any; int64 for numbers written without fraction and exponent (uint64 above 2^63-1), float64 for the others.
//
// In the notation of wire.md §13.5 it may hold more: an [Atom], a [Tuple], an [ImproperList], a []byte, a map[Atom]any or
// a map[any]any. In the native dialect atoms are strings and tuples are arrays.
//
// It applies the guard's limits of depth and number as it reads. It refuses an object with a key twice.
func FromJSON(text []byte) (any, error) {
	r := jsonReader{dec: json.NewDecoder(bytes.NewReader(text))}
	r.dec.UseNumber()
	v, err := r.value(0)
	if err != nil {
		return nil, err
	}
	if _, err := r.dec.Token(); err != io.EOF {
		return nil, fmt.Errorf("%w: something follows the value", ErrJSON)
	}
	return v, nil
}

// A jsonReader reads values token by token, so that it builds no value that exceeds the limits.
type jsonReader struct {
	dec      *json.Decoder
	elements int // values read so far, keys included
}

// token returns the next token.
func (r *jsonReader) token() (json.Token, error) {
	t, err := r.dec.Token()
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrJSON, err)
	}
	return t, nil
}

// count counts one value.
func (r *jsonReader) count() error {
	if r.elements == MaxElements {
		return ErrElements
	}
	r.elements++
	return nil
}

// value counts and reads a value that lies inside depth arrays and objects. Its recursion ends at MaxDepth.
func (r *jsonReader) value(depth int) (any, error) {
	t, err := r.token()
	if err != nil {
		return nil, err
	}
	if err := r.count(); err != nil {
		return nil, err
	}
	switch t := t.(type) {
	case json.Delim:
		if depth == MaxDepth {
			return nil, ErrDepth
		}
		if t == '[' {
			return r.array(depth + 1)
		}
		return r.object(depth+1, "")
	case json.Number:
		return number(t.String())
	default:
		return t, nil
	}
}

// array reads the elements of an array, and its end.
func (r *jsonReader) array(depth int) (any, error) {
	list := []any{}
	for r.dec.More() {
		v, err := r.value(depth)
		if err != nil {
			return nil, err
		}
		list = append(list, v)
	}
	_, err := r.token()
	return list, err
}

// object reads the entries of an object, and its end: a map, or what the notation stands for if a key is a word of it. Within
// the value of a word, no key may be one.
func (r *jsonReader) object(depth int, within string) (any, error) {
	object := map[string]any{}
	for r.dec.More() {
		t, err := r.token()
		if err != nil {
			return nil, err
		}
		key := t.(string) // the decoder accepts no other
		switch word := values.Word(key); {
		case word != "" && within != "":
			return nil, badForm(within)
		case word != "":
			return r.notation(word, len(object), depth)
		}
		if err := r.count(); err != nil {
			return nil, err
		}
		key = values.Unescape(key)
		if _, twice := object[key]; twice {
			return nil, fmt.Errorf("%w: %s", ErrDuplicateKey, quote(key))
		}
		if object[key], err = r.value(depth); err != nil {
			return nil, err
		}
	}
	_, err := r.token()
	return object, err
}

// number returns the value of a JSON number. Whole ones do not pass through a float, which would lose digits.
func number(s string) (any, error) {
	if strings.ContainsAny(s, ".eE") {
		if f, err := strconv.ParseFloat(s, 64); err == nil {
			return f, nil
		}
	} else if i, err := strconv.ParseInt(s, 10, 64); err == nil {
		return i, nil
	} else if u, err := strconv.ParseUint(s, 10, 64); err == nil {
		return u, nil
	}
	return nil, fmt.Errorf("%w: %s", ErrNumber, quote(s))
}
