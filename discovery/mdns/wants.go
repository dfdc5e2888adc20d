package mdns

import (
	"cmp"
	"slices"
	"time"
)

const (
	maxAsked   = 3 // questions out of turn for what one instance lacks
	maxLookUps = 8 // instances asked about at once; if it is more, everybody is asked
)

// A wanted is what is asked about out of turn.
type wanted struct {
	instance string
	host     string // empty: not known
}

// stalest returns the time of the oldest last sighting among complete instances; zero: there is none.
func (t *table) stalest() (oldest time.Time) {
	for _, i := range t.instances {
		if i.isComplete() && (oldest.IsZero() || i.heard.Before(oldest)) {
			oldest = i.heard
		}
	}
	return oldest
}

// wanting reports whether it is worth to ask out of turn, for an instance that is not complete, or in doubt.
func (t *table) wanting() bool { return len(t.wants) > 0 }

// want notes whether an instance is worth a question out of turn.
func (t *table) want(i *instance) {
	if i.isComplete() {
		i.asked = 0
	}
	if i.doubt || !i.isComplete() && i.asked < maxAsked {
		t.wants[i] = true
	} else {
		delete(t.wants, i)
	}
}

// ask returns what to ask about, in order, and notes that it is asked; nil: too much, so that everybody is to be asked.
func (t *table) ask() (list []wanted) {
	if len(t.wants) <= maxLookUps {
		for i := range t.wants {
			list = append(list, wanted{i.name, i.host})
		}
		slices.SortFunc(list, func(a, b wanted) int { return cmp.Or(cmp.Compare(a.instance, b.instance), cmp.Compare(a.host, b.host)) })
		list = slices.Compact(list) // an instance on two interfaces
	}
	t.asked()
	return list
}

// asked notes that everybody is asked.
func (t *table) asked() {
	for i := range t.wants {
		i.asked++
		i.doubt = false
		t.want(i)
	}
}
