package counters

import "time"

// Stats are what a Peer, or all together, had counted at one moment.
type Stats struct {
	Counts
	Sessions    int           // that are up
	InFlight    int           // calls of ours
	Queued      int           // bytes that wait to be written, or are being written
	StreamBytes int           // reserved for streams with the peer
	RTT         time.Duration // of the last ping; of one peer alone, as SmoothedRTT is
	SmoothedRTT time.Duration // 0: there was no ping
}

// add adds what can be added.
func (s *Stats) add(o *Stats) {
	s.Counts.add(&o.Counts)
	s.Sessions += o.Sessions
	s.InFlight += o.InFlight
	s.Queued += o.Queued
	s.StreamBytes += o.StreamBytes
}

// Counts are numbers by Counter.
type Counts [counters]uint64

// CallsIn returns how the calls of the peer ended.
func (c *Counts) CallsIn() Calls { return c[callsIn:callsOut] }

// CallsOut returns how the calls of this node ended.
func (c *Counts) CallsOut() Calls { return c[callsOut:BytesOut] }

// SessionsEnded returns how many sessions ended, by reason, "other" for all that are not known; without those that did not
// occur.
func (c *Counts) SessionsEnded() map[string]uint64 { return byName(c[sessionsEnded:], EndReasons[:]) }

func (c *Counts) add(d *Counts) {
	for i, n := range d {
		c[i] += n
	}
}

// Calls are numbers by CallResult.
type Calls []uint64

// Errors returns how many calls were answered with an error, by code, "other" for all that are not known; without those
// that did not occur.
func (c Calls) Errors() map[string]uint64 { return byName(c[:OK], CallErrors[:]) }

// byName returns the numbers that are not 0 by their names.
func byName[N ~string](numbers []uint64, names []N) map[string]uint64 {
	m := make(map[string]uint64)
	for i, n := range numbers {
		if n > 0 {
			m[string(names[i])] = n
		}
	}
	return m
}
