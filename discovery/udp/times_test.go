package udp

import (
	"testing"
	"time"
)

func TestAnnouncesGoOutWhenTheyAreDue(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		e := w.ear(w.Host(addr("10.0.0.9")), "udp4")
		n := w.node(1, w.Host(addr("10.0.0.1")))
		n.start()
		pass(11 * time.Second)
		e.wantOf(n.key, 0, 250*ms, 1000*ms, 6000*ms, 11000*ms)
		n.stop()
		pass(time.Minute)
		e.wantOf(n.key)
	})
}

func TestJitterShortensThePeriod(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		e := w.ear(w.Host(addr("10.0.0.9")), "udp4")
		n := w.node(1, w.Host(addr("10.0.0.1")))
		n.options.Jitter = func() float64 { return 0.5 }
		n.start()
		pass(11 * time.Second)
		e.wantOf(n.key, 0, 250*ms, 1000*ms, 5750*ms, 10500*ms)
	})
}

func TestANewKeyIsAnsweredAtOnceAndAtMostOnceASecond(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		e := w.ear(w.Host(addr("10.0.0.9")), "udp4")
		n := w.node(1, w.Host(addr("10.0.0.1")))
		n.options.Jitter = func() float64 { return 0.5 }
		n.start()
		say := func(k int) { e.says("10.0.0.255:4040", Announce{Port: 1, Key: key(k)}.Append(nil)) }
		pass(2 * time.Second)
		e.of(n.key)
		say(100)
		say(101)
		pass(500 * ms)
		e.wantOf(n.key, 2050*ms)
		say(100) // known
		pass(100 * ms)
		say(102)
		pass(time.Second)
		e.wantOf(n.key, 3050*ms)
	})
}
