package envelope

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"reflect"

	"github.com/seed-f6ddb928/peernet-go/envelope/internal/values"
)

// notation reads the value of the key word and the end of its object, and returns what the two stand for (wire.md §13.5).
// What lies in the value lies inside depth terms. The object has before entries before this one, which must be the only one.
func (r *jsonReader) notation(word string, before, depth int) (v any, err error) {
	switch word {
	case values.WordAtom, values.WordBinary:
		v, err = r.text(word)
	case values.WordTuple:
		v, err = r.tuple(depth)
	case values.WordAtoms:
		v, err = r.atoms(depth)
	case values.WordMap:
		v, err = r.pairs(depth)
	default:
		v, err = r.improper(depth)
	}
	switch {
	case err != nil:
		return nil, err
	case before > 0 || r.dec.More():
		return nil, fmt.Errorf("%w: %s must be the only key of its object; write $%s for a key", ErrNotation, word, word)
	}
	return v, r.delim(word, '}')
}

// badForm returns the error of a value of word in another form than the notation's.
func badForm(word string) error {
	return fmt.Errorf("%w: the value of %s has another form", ErrNotation, word)
}

// delim reads d, a bracket in the value of word.
func (r *jsonReader) delim(word string, d json.Delim) error {
	t, err := r.token()
	if err == nil && t != d {
		err = badForm(word)
	}
	return err
}

// text reads the value of "$atom" or "$binary".
func (r *jsonReader) text(word string) (any, error) {
	t, err := r.token()
	if err != nil {
		return nil, err
	}
	s, ok := t.(string)
	switch {
	case !ok:
		return nil, badForm(word)
	case word == values.WordAtom:
		return Atom(s), nil
	}
	data, err := base64.StdEncoding.DecodeString(s)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", badForm(word), err)
	}
	return data, nil
}

// list reads an array in the value of word.
func (r *jsonReader) list(word string, depth int) ([]any, error) {
	if err := r.delim(word, '['); err != nil {
		return nil, err
	}
	v, err := r.array(depth)
	list, _ := v.([]any)
	return list, err
}

// tuple reads the value of "$tuple".
func (r *jsonReader) tuple(depth int) (any, error) {
	list, err := r.list(values.WordTuple, depth)
	return Tuple(list), err
}

// atoms reads the value of "$atoms".
func (r *jsonReader) atoms(depth int) (any, error) {
	if err := r.delim(values.WordAtoms, '{'); err != nil {
		return nil, err
	}
	named := map[string]any{}
	for r.dec.More() {
		t, err := r.token()
		if err != nil {
			return nil, err
		}
		key := t.(string) // the decoder accepts no other
		if values.Word(key) != "" {
			return nil, badForm(values.WordAtoms)
		}
		if err := r.entry(named, key, depth); err != nil {
			return nil, err
		}
	}
	atoms := make(map[Atom]any, len(named))
	for key, value := range named {
		atoms[Atom(key)] = value
	}
	return atoms, r.delim(values.WordAtoms, '}')
}

// pairs reads the value of "$map": an array of arrays of a key and a value.
func (r *jsonReader) pairs(depth int) (any, error) {
	pairs := map[any]any{}
	if err := r.delim(values.WordMap, '['); err != nil {
		return nil, err
	}
	for r.dec.More() {
		if err := r.delim(values.WordMap, '['); err != nil {
			return nil, err
		}
		key, err := r.member(depth)
		if err != nil {
			return nil, err
		}
		if key != nil && !reflect.ValueOf(key).Comparable() {
			return nil, fmt.Errorf("%w: %T", ErrMapKey, key)
		}
		if _, twice := pairs[key]; twice {
			return nil, fmt.Errorf("%w: %s", ErrDuplicateKey, quote(fmt.Sprint(key)))
		}
		if pairs[key], err = r.member(depth); err != nil {
			return nil, err
		}
		if err := r.delim(values.WordMap, ']'); err != nil {
			return nil, err
		}
	}
	return pairs, r.delim(values.WordMap, ']')
}

// member reads the key or the value of a pair.
func (r *jsonReader) member(depth int) (any, error) {
	if !r.dec.More() {
		return nil, badForm(values.WordMap)
	}
	return r.value(depth)
}

// improper reads the value of "$improper": an array of an array of elements and a tail.
func (r *jsonReader) improper(depth int) (any, error) {
	if err := r.delim(values.WordImproper, '['); err != nil {
		return nil, err
	}
	list, err := r.list(values.WordImproper, depth)
	if err != nil {
		return nil, err
	}
	if len(list) == 0 || !r.dec.More() {
		return nil, badForm(values.WordImproper)
	}
	tail, err := r.value(depth)
	if err != nil {
		return nil, err
	}
	return ImproperList{list, tail}, r.delim(values.WordImproper, ']')
}
