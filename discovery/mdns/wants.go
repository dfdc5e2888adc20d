package mdns

import (
	"slices"
	"strings"
	"time"
)

const (
	maxAsked   = 3 // questions out of turn for what one instance lacks
	maxLookUps = 8 // instances asked about at once; if there are more, all nodes are asked
)

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

// asked notes that the instances that are worth it are asked about, and returns them by name.
func (t *table) asked() (list []*instance) {
	for _, i := range t.instances {
		if i.isWanted() {
			list = append(list, i)
			i.asked++
			i.doubt = false
		}
	}
	slices.SortFunc(list, func(a, b *instance) int { return strings.Compare(a.name, b.name) })
	return list
}
