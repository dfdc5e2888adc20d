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

// isWanted reports whether an instance is worth a question out of turn: it is not complete, or in doubt.
func (i *instance) isWanted() bool { return i.doubt || !i.isComplete() && i.asked < maxAsked }

// isWanting reports whether it is worth to ask out of turn.
func (t *table) isWanting() bool {
	for _, i := range t.instances {
		if i.isWanted() {
			return true
		}
	}
	return false
}

// ask returns what to ask about, in order, and notes that it is asked; nil: too much, so that everybody is to be asked.
func (t *table) ask() (list []wanted) {
	all := t.asked()
	if len(all) > maxLookUps {
		return nil
	}
	for _, i := range all {
		list = append(list, wanted{i.name, i.host})
	}
	slices.SortFunc(list, func(a, b wanted) int { return cmp.Or(cmp.Compare(a.instance, b.instance), cmp.Compare(a.host, b.host)) })
	return slices.Compact(list) // an instance on two interfaces
}

// asked notes that everybody is asked, and returns the instances that were worth it.
func (t *table) asked() (list []*instance) {
	for _, i := range t.instances {
		if i.isWanted() {
			list = append(list, i)
			i.asked++
			i.doubt = false
		}
	}
	return list
}
