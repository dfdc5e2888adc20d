package serve

// A list is requests in order, linked through Request.next: a request is in one list at most. The zero list is
// empty.
type list struct{ first, last *Request }

func (l *list) push(r *Request) {
	if l.first == nil {
		l.first = r
	} else {
		l.last.next = r
	}
	l.last = r
}

// pop returns nil if the list is empty.
func (l *list) pop() *Request {
	r := l.first
	if r == nil {
		return nil
	}
	if l.first = r.next; l.first == nil {
		l.last = nil
	}
	r.next = nil
	return r
}

// split empties the list into two, in the same order: the requests of session s, or of every session if s is nil, and the
// others.
func (l *list) split(s *Session) (of, others list) {
	for r := l.pop(); r != nil; r = l.pop() {
		if s == nil || r.session == s {
			of.push(r)
		} else {
			others.push(r)
		}
	}
	return of, others
}

// append moves all of m behind what is in the list.
func (l *list) append(m *list) {
	if l.first == nil {
		*l = *m
	} else if m.first != nil {
		l.last.next, l.last = m.first, m.last
	}
	*m = list{}
}
