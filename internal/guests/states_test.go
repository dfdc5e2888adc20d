package guests

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/seed-f6ddb928/peernet-go/internal/session"
)

// A situation is what the actor knows when a message comes.
type situation struct {
	name    string
	arrange func(r *rig)
}

var situations = []situation{
	{"empty", func(*rig) {}},
	{"guest proved", (*rig).connect},
	{"guest admitted", func(r *rig) { r.connect(); r.prove() }},
	{"guest up", func(r *rig) { r.connect(); r.prove(); r.greet() }},
	{"host shaking", func(r *rig) { r.begin(shaking) }},
	{"host proved", func(r *rig) { r.begin(proved) }},
	{"host up", func(r *rig) { r.begin(up) }},
	{"stopped", func(r *rig) { r.give(Stop{}) }},
}

// Cells of the table.
const (
	ignored = ""
	never   = "-" // cannot come: nothing that would post it runs
)

// messages are all that the actor can be told, and what comes of that in each situation, in the order above: see rig.outcome.
var messages = []struct {
	name string
	give func(r *rig)
	want [8]string
}{
	{"Begin, to a host that lets it in", func(r *rig) { r.begun = make(chan Begun, 1); r.begin(up) },
		[8]string{"=up", "=up", "=up", "=up", "=up", "=up", "=up", never}},
	{"Begin, and there is no room", func(r *rig) { r.atLimit(); r.begun = make(chan Begun, 1); r.begin(refused) },
		[8]string{"=busy", "=busy", "=busy", "=busy", "=busy", "=busy", "=busy", "=shutdown"}},
	{"Proved", (*rig).prove,
		[8]string{never, ignored, never, never, never, never, never, never}},
	{"Proved, but no handler is left", func(r *rig) { r.set(&r.takes, false); r.prove() },
		[8]string{never, ">bye shutdown", never, never, never, never, never, never}},
	{"Proved, but the key is blocked", func(r *rig) { r.set(&r.blocked, true); r.prove() },
		[8]string{never, ">bye revoked", never, never, never, never, never, never}},
	{"Up", (*rig).greet,
		[8]string{never, ignored, "+came", never, never, never, never, never}},
	{"lookDue, unused", func(*rig) { time.Sleep(idleTime + idleTime/looks) },
		[8]string{ignored, ignored, ">bye idle", "+gone idle >bye idle", ignored, ignored, ignored, ignored}},
	{"lookDue, in use", func(r *rig) {
		for range 8 {
			time.Sleep(idleTime / 4)
			r.call()
		}
	}, [8]string{never, never, never, ignored, never, never, never, never}},
	{"lifeDue", func(r *rig) {
		for range lifeTime / (idleTime / 2) {
			time.Sleep(idleTime / 2)
			r.call()
		}
		time.Sleep(3 * time.Second)
	}, [8]string{never, never, never, "+gone shutdown >bye shutdown", never, never, never, never}},
	{"Ended", func(r *rig) { _ = r.far.Conn.Close() },
		[8]string{never, ignored, ignored, "+gone lost", "=handshake", "=lost", ignored, never}},
	{"childStopped, of nobody", func(r *rig) { r.give(childStopped{actor.NewPID("nobody", "at all")}) },
		[8]string{ignored, ignored, ignored, ignored, ignored, ignored, ignored, ignored}},
	{"Ended, of nobody", func(r *rig) { r.give(session.Ended{Session: actor.NewPID("nobody", "at all")}) },
		[8]string{ignored, ignored, ignored, ignored, ignored, ignored, ignored, ignored}},
	{"CloseGuests", func(r *rig) { r.give(CloseGuests{}); time.Sleep(3 * time.Second) },
		[8]string{ignored, ignored, ">bye shutdown", "+gone shutdown >bye shutdown", ignored, ignored, ignored, ignored}},
	{"CloseBlocked, of others", func(r *rig) { r.give(CloseBlocked{}) },
		[8]string{ignored, ignored, ignored, ignored, ignored, ignored, ignored, ignored}},
	{"CloseBlocked", func(r *rig) { r.set(&r.blocked, true); r.give(CloseBlocked{}); time.Sleep(3 * time.Second) },
		[8]string{ignored, ignored, ">bye revoked", "+gone revoked >bye revoked", ignored, "=revoked", ">bye revoked", ignored}},
	{"Stop", func(r *rig) { r.give(Stop{}); time.Sleep(3 * time.Second) },
		[8]string{"+stopped", "+stopped", "+stopped >bye shutdown", "+gone shutdown +stopped >bye shutdown", "+stopped =handshake", "+stopped =shutdown", "+stopped >bye shutdown", ignored}},
	{"Stopping", func(r *rig) { r.System.Root.Stop(r.pid); time.Sleep(3 * time.Second) },
		[8]string{ignored, ignored, ignored, "+gone lost", ignored, ignored, ignored, ignored}},
}

// TestEveryMessageInEverySituation holds the table.
func TestEveryMessageInEverySituation(t *testing.T) {
	for i, in := range situations {
		for _, m := range messages {
			want := m.want[i]
			if want == never {
				continue
			}
			t.Run(in.name+", "+m.name, func(t *testing.T) {
				onRig(t, func(r *rig) {
					in.arrange(r)
					r.outcome()
					m.give(r)
					synctest.Wait()
					if got := r.outcome(); got != want {
						t.Errorf("%q, want %q", got, want)
					}
				})
			})
		}
	}
}
