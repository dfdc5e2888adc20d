package serve

import (
	"slices"
	"testing"

	"github.com/seed-f6ddb928/peernet-go/envelope"
)

func TestListKeepsOrder(t *testing.T) {
	a, b := new(Session), new(Session)
	push := func(l *list, s *Session, ids ...envelope.CallID) {
		for _, id := range ids {
			l.push(&Request{session: s, id: id})
		}
	}
	drain := func(l *list) (ids []envelope.CallID) {
		for r := l.pop(); r != nil; r = l.pop() {
			if r.next != nil {
				t.Errorf("request %d has left the list and still knows the next", r.id)
			}
			ids = append(ids, r.id)
		}
		if *l != (list{}) {
			t.Error("an empty list holds on to a request")
		}
		return ids
	}
	want := func(what string, l *list, ids ...envelope.CallID) {
		t.Helper()
		if got := drain(l); !slices.Equal(got, ids) {
			t.Errorf("%s: %v, want %v", what, got, ids)
		}
	}

	var l, m list
	want("empty", &l)
	push(&l, a, 1, 2, 3)
	want("pushed", &l, 1, 2, 3)

	push(&l, a, 1)
	push(&l, b, 2)
	push(&l, a, 3)
	push(&l, b, 4)
	of, others := l.split(b)
	want("split", &l)
	want("of the session", &of, 2, 4)
	want("others", &others, 1, 3)

	l.append(&m)
	want("nothing taken by nothing", &l)
	push(&m, a, 1, 2)
	l.append(&m)
	want("taken from", &m)
	push(&m, a, 3)
	l.append(&m)
	l.append(&m)
	push(&l, a, 4)
	want("taken", &l, 1, 2, 3, 4)
}
