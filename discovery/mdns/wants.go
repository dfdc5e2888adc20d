package mdns

import "time"

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

// wanted returns the instances that are worth a question out of turn.
func (t *table) wanted() (list []*instance) {
	for _, i := range t.instances {
		if i.isWanted() {
			list = append(list, i)
		}
	}
	return list
}
