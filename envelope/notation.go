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
func (r *jsonReader) notation(word string, before, depth int) (any, error) {
	t, err := r.token()
	if err != nil {
		return nil, err
	}
	v := any(t)
	switch {
	case t == json.Delim('{') && word == values.WordAtoms:
		v, err = r.object(depth, word)
	case t == json.Delim('[') && word == values.WordTuple:
		v, err = r.array(depth)
	case t == json.Delim('[') && word == values.WordMap:
		v, err = r.pairs(depth)
	case t == json.Delim('[') && word == values.WordImproper:
		v, err = r.pair(word, depth)
	}
	if err == nil {
		v, err = meaning(word, v)
	}
	switch {
	case err != nil:
		return nil, err
	case before > 0 || r.dec.More():
		return nil, fmt.Errorf("%w: %s must be the only key of its object; write $%s for a key", ErrNotation, word, word)
	}
	_, err = r.token()
	return v, err
}

// inner reads the beginning of an array that is a part of the value of word. It is no value, so it is not counted.
func (r *jsonReader) inner(word string) error {
	t, err := r.token()
	if err == nil && t != json.Delim('[') {
		err = badForm(word)
	}
	return err
}

// pairs reads the pairs of "$map", and the end of their array.
func (r *jsonReader) pairs(depth int) (any, error) {
	list := []any{}
	for r.dec.More() {
		if err := r.inner(values.WordMap); err != nil {
			return nil, err
		}
		pair, err := r.pair(values.WordMap, depth)
		if err != nil {
			return nil, err
		}
		list = append(list, pair)
	}
	_, err := r.token()
	return list, err
}

// pair reads the two elements of an array, and its end: a key and a value in "$map", the elements and the tail in
// "$improper". It refuses a third before it reads it.
func (r *jsonReader) pair(word string, depth int) (any, error) {
	list := make([]any, 0, 2)
	for r.dec.More() {
		var v any
		var err error
		switch {
		case len(list) == 2:
			err = badForm(word)
		case len(list) == 0 && word == values.WordImproper:
			if err = r.inner(word); err == nil {
				v, err = r.array(depth)
			}
		default:
			v, err = r.value(depth)
		}
		if err != nil {
			return nil, err
		}
		list = append(list, v)
	}
	_, err := r.token()
	if err == nil && len(list) != 2 {
		err = badForm(word)
	}
	return list, err
}

// badForm returns the error of a value of word in another form than the notation's.
func badForm(word string) error {
	return fmt.Errorf("%w: the value of %s has another form", ErrNotation, word)
}

// meaning returns what an object with the one key word and the value v stands for.
func meaning(word string, v any) (any, error) {
	text, isText := v.(string)
	list, isList := v.([]any)
	named, isNamed := v.(map[string]any)
	switch {
	case word == values.WordAtom && isText:
		return Atom(text), nil
	case word == values.WordBinary && isText:
		data, err := base64.StdEncoding.DecodeString(text)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", badForm(word), err)
		}
		return data, nil
	case word == values.WordTuple && isList:
		return Tuple(list), nil
	case word == values.WordAtoms && isNamed:
		atoms := make(map[Atom]any, len(named))
		for key, value := range named {
			atoms[Atom(key)] = value
		}
		return atoms, nil
	case word == values.WordMap && isList:
		return mapOf(list)
	case word == values.WordImproper && isList:
		if elements := list[0].([]any); len(elements) > 0 {
			return ImproperList{elements, list[1]}, nil
		}
	}
	return nil, badForm(word)
}

// mapOf returns the map that is the value of "$map": what pairs read.
func mapOf(list []any) (any, error) {
	m := make(map[any]any, len(list))
	for _, v := range list {
		pair := v.([]any)
		key := pair[0]
		if key != nil && !reflect.ValueOf(key).Comparable() {
			return nil, fmt.Errorf("%w: %T", ErrMapKey, key)
		}
		if _, twice := m[key]; twice {
			return nil, fmt.Errorf("%w: %s", ErrDuplicateKey, quote(fmt.Sprint(key)))
		}
		m[key] = pair[1]
	}
	return m, nil
}
