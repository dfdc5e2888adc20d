// Package idtable finds calls by their ids, which mostly count up.
package idtable

import "github.com/seed-f6ddb928/peernet-go/envelope"

// slots is how many ids a table can hold without a map. It is a power of two.
const slots = 64

// A Table maps ids to values. It is fast if ids count up and few of them are in it at once:
// then each costs an index. Other ids cost a map. The zero Table is empty. It is not safe for concurrent use.
type Table[V any] struct {
	ring *[slots]slot[V]       // nil until the first Put; an id lies at its value modulo slots
	more map[envelope.CallID]V // ids whose slot was taken
}

type slot[V any] struct {
	id    envelope.CallID
	value V
}

// at returns the slot that holds id; nil: none does.
func (t *Table[V]) at(id envelope.CallID) *slot[V] {
	if t.ring == nil || t.ring[id%slots].id != id {
		return nil
	}
	return &t.ring[id%slots]
}

// Get returns the value of id, or the zero value if the table does not have id.
func (t *Table[V]) Get(id envelope.CallID) V {
	if s := t.at(id); s != nil {
		return s.value
	}
	return t.more[id]
}

// Put enters id, which must not be 0 nor there already.
func (t *Table[V]) Put(id envelope.CallID, v V) {
	if t.ring == nil {
		t.ring = new([slots]slot[V])
	}
	if s := &t.ring[id%slots]; s.id == 0 {
		*s = slot[V]{id, v}
		return
	}
	if t.more == nil {
		t.more = make(map[envelope.CallID]V)
	}
	t.more[id] = v
}

// Take removes id and returns its value, zero if there was none.
func (t *Table[V]) Take(id envelope.CallID) V {
	v := t.Get(id)
	if s := t.at(id); s != nil {
		*s = slot[V]{}
	} else {
		delete(t.more, id)
	}
	return v
}

// All calls f with every value. f must not change the table.
func (t *Table[V]) All(f func(V)) {
	if t.ring == nil {
		return
	}
	for i := range t.ring {
		if t.ring[i].id != 0 {
			f(t.ring[i].value)
		}
	}
	for _, v := range t.more {
		f(v)
	}
}
