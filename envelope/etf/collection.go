package etf

import (
	"bytes"
	"fmt"
	"reflect"

	"github.com/seed-f6ddb928/peernet-go/envelope"
	"github.com/seed-f6ddb928/peernet-go/envelope/internal/layout"
)

// readList is readTerm for a slice, or for an array of the same length.
func readList(b []byte, p int, v reflect.Value) (end int, err error) {
	if v.Type().Elem().Kind() == reflect.Uint8 {
		if b[p] != tagBinary {
			return 0, envelope.ErrBinary
		}
		data := contents(b, p)
		if v.Kind() == reflect.Slice {
			v.SetBytes(bytes.Clone(data))
		} else if copy(v.Bytes(), data) < max(len(data), v.Len()) {
			return 0, errLength
		}
		return skip(b, p), nil
	}
	tag := b[p]
	n, first := 0, p+1
	switch {
	case isTuple(tag), tag == tagString, tag == tagList:
		count, begin, _ := header(b, p)
		n, first = int(count), begin
	case tag != tagNil:
		return 0, envelope.ErrArray
	}
	if v.Kind() == reflect.Slice {
		v.Set(reflect.MakeSlice(v.Type(), n, n))
	}
	if n != v.Len() {
		return 0, errLength
	}
	p = first
	for i := 0; i < n && err == nil; i++ {
		if tag == tagString {
			_, err = readTerm([]byte{tagSmallInteger, b[p]}, 0, v.Index(i))
			p++
		} else {
			p, err = readTerm(b, p, v.Index(i))
		}
	}
	if tag != tagList || err != nil {
		return p, err
	}
	if b[p] != tagNil {
		return 0, errKind // an improper list
	}
	return p + 1, nil
}

// readMap is readTerm for a map, to which the entries are added.
func readMap(b []byte, p int, v reflect.Value) (end int, err error) {
	if b[p] != tagMap {
		return 0, envelope.ErrMap
	}
	n, p, _ := header(b, p)
	entries := reflect.MakeMapWithSize(v.Type(), int(n))
	if end, err = readEntries(b, p, int(n), entries); err != nil {
		return 0, err
	}
	if v.IsNil() {
		v.Set(entries)
		return end, nil
	}
	for entry := entries.MapRange(); entry.Next(); {
		v.SetMapIndex(entry.Key(), entry.Value())
	}
	return end, nil
}

// readStruct is readTerm for a struct with layout l. Keys that no field has are ignored. A field may be set once: its key
// may come as an atom and as a binary.
func readStruct(b []byte, p int, v reflect.Value, l *layout.Layout) (end int, err error) {
	if b[p] != tagMap {
		return 0, envelope.ErrMap
	}
	n, p, _ := header(b, p)
	var room [64]bool
	seen := room[:]
	if len(l.Fields) > len(room) {
		seen = make([]bool, len(l.Fields))
	}
	for ; n > 0; n-- {
		name, err := textAt(b, p)
		if err != nil {
			return 0, err
		}
		i := l.IndexOf(name)
		p = skip(b, p)
		if i < 0 {
			p = skip(b, p)
			continue
		}
		if seen[i] {
			err = envelope.ErrDuplicateKey
		} else {
			p, err = readTerm(b, p, l.Fields[i].GetOrMake(v))
		}
		if err != nil {
			return 0, fmt.Errorf("field %q: %w", name, err)
		}
		seen[i] = true
	}
	return p, nil
}

// readEntries adds the n entries from b[p] on to the empty map v. Two keys that become one in Go are refused, since one of
// the values would be lost.
func readEntries(b []byte, p, n int, v reflect.Value) (end int, err error) {
	key, value := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
	for range n {
		key.SetZero()
		value.SetZero()
		if p, err = readTerm(b, p, key); err != nil {
			return 0, err
		}
		if !isKey(key) {
			return 0, fmt.Errorf("%w: %s", envelope.ErrMapKey, key.Type())
		}
		if p, err = readTerm(b, p, value); err != nil {
			return 0, err
		}
		v.SetMapIndex(key, value)
	}
	if v.Len() != n {
		return 0, envelope.ErrDuplicateKey
	}
	return p, nil
}

// isKey reports whether Go can look key up: a pointer, as to a big.Int, would be found by its address alone.
func isKey(key reflect.Value) bool {
	if !key.Comparable() {
		return false
	}
	if key.Kind() == reflect.Interface {
		key = key.Elem()
	}
	return key.Kind() != reflect.Pointer
}
