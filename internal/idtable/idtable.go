// Package idtable finds calls by their ids, which mostly count up.
package idtable

import "github.com/seed-f6ddb928/peernet-go/envelope"

// leastSlots is how many slots a table begins with. It is a power of two.
const leastSlots = 8

// A Table maps ids to values. It is fast if ids count up: then each costs an index. Ids that lie far from the others cost a map.
// The zero Table is empty. It is not safe for concurrent use.
type Table[V any] struct {
	slots []slot[V] // a power of two, nil until the first Put; an id lies at its value modulo their number
	used  int
	calm  int                   // Puts since a quarter of the slots was used
	more  map[envelope.CallID]V // ids whose slot was taken
}

type slot[V any] struct {
	id    envelope.CallID
	value V
}

// at returns the slot for id. There must be slots.
func (t *Table[V]) at(id envelope.CallID) *slot[V] {
	return &t.slots[id&envelope.CallID(len(t.slots)-1)]
}

// holder returns the slot that holds id; nil: none does.
func (t *Table[V]) holder(id envelope.CallID) *slot[V] {
	if t.used == 0 || id == 0 {
		return nil
	}
	if s := t.at(id); s.id == id {
		return s
	}
	return nil
}

// Get returns the value of id, or the zero value if the table does not have id.
func (t *Table[V]) Get(id envelope.CallID) V {
	if s := t.holder(id); s != nil {
		return s.value
	}
	return t.more[id]
}

// Put enters id, which must not be 0 nor there already.
func (t *Table[V]) Put(id envelope.CallID, v V) {
	if t.slots == nil {
		t.slots = make([]slot[V], leastSlots)
	}
	for t.at(id).id != 0 && t.used >= len(t.slots)/2 {
		t.grow()
	}
	if s := t.at(id); s.id == 0 {
		*s = slot[V]{id, v}
		if t.used++; t.used >= len(t.slots)/4 {
			t.calm = 0
		}
		t.calm++
		return
	}
	if t.more == nil {
		t.more = make(map[envelope.CallID]V)
	}
	t.more[id] = v
}

// grow doubles the slots. Ids that have a slot each still have one each.
func (t *Table[V]) grow() {
	old := t.slots
	t.slots = make([]slot[V], 2*len(old))
	for _, s := range old {
		if s.id != 0 {
			*t.at(s.id) = s
		}
	}
}

// Take removes id and returns its value, zero if there was none. What the table has grown to is given back once it is empty and has
// not been needed for a while.
func (t *Table[V]) Take(id envelope.CallID) V {
	s := t.holder(id)
	if s == nil {
		v := t.more[id]
		delete(t.more, id)
		return v
	}
	v := s.value
	*s = slot[V]{}
	if t.used--; t.used == 0 && len(t.slots) > leastSlots && t.calm > len(t.slots) {
		t.slots = nil
	}
	return v
}

// All calls f with every value. f must not change the table.
func (t *Table[V]) All(f func(V)) {
	for i := range t.slots {
		if t.slots[i].id != 0 {
			f(t.slots[i].value)
		}
	}
	for _, v := range t.more {
		f(v)
	}
}
