package peernet

import "time"

// Timing says how long a node waits, and how often it does things. A field that is zero has its default. A value under 1 ms,
// or beyond all sense, fails New with a *ConfigError.
type Timing struct {
	Dial      time.Duration // one TCP connect, at most 1 h; 5 s. Less while other peers wait for their turn (docs/wire.md §7.5)
	Handshake time.Duration // from the connection to the peer's first valid frame, at most 1 h; 10 s
	PingAfter time.Duration // a link without inbound traffic for this long pings, at most 24 h; 15 s
	Pong      time.Duration // a ping unanswered for this long is missed, and two end the link, at most 1 h; 5 s
	Stall     time.Duration // a link that has written no byte for this long ends, at most 1 h; 30 s
	Linger    time.Duration // how long calls in flight may hold up the end of a session, at most 1 h; 30 s
	// LingerReplaced is how long calls and streams in flight may hold up the end of a session that another one has replaced
	// (`rotated`, `duplicate`), at most 30 days; 24 h. A session that is held up is not replaced by age again.
	LingerReplaced time.Duration

	Reload    time.Duration // how often the peers file is checked for changes, at most 24 h; 200 ms
	Rotate    time.Duration // age at which a link gets a new handshake, or up to a quarter more, at most 30 days; 60 min
	GuestIdle time.Duration // the session of a guest without calls for this long, or up to a quarter longer, ends, at most 1 h; 10 s
	GuestLife time.Duration // the session of a guest ends after this time: calls in flight have Linger, at most 24 h; 5 min

	Idle time.Duration // a link without calls, sends and streams for this long, or up to a quarter longer, ends, at most 30 days; never if zero
}

// leastTime catches a forgotten unit.
var leastTime = bound[time.Duration]{time.Millisecond, "too short for any network (is the unit missing?)"}

// check fills in the defaults. The error is a *ConfigError.
func (t *Timing) check() (err error) {
	const day = 24 * time.Hour
	check := func(field string, value *time.Duration, byDefault, most time.Duration) {
		checkField(&err, "Timing."+field, value, byDefault, leastTime, atMost(most))
	}
	check("Dial", &t.Dial, 5*time.Second, time.Hour)
	check("Handshake", &t.Handshake, 10*time.Second, time.Hour)
	check("PingAfter", &t.PingAfter, 15*time.Second, day)
	check("Pong", &t.Pong, 5*time.Second, time.Hour)
	check("Stall", &t.Stall, 30*time.Second, time.Hour)
	check("Linger", &t.Linger, 30*time.Second, time.Hour)
	check("LingerReplaced", &t.LingerReplaced, day, 30*day)
	check("Reload", &t.Reload, 200*time.Millisecond, day)
	check("Rotate", &t.Rotate, time.Hour, 30*day)
	check("GuestIdle", &t.GuestIdle, 10*time.Second, time.Hour)
	check("GuestLife", &t.GuestLife, 5*time.Minute, day)
	check("Idle", &t.Idle, 0, 30*day)
	return err
}
