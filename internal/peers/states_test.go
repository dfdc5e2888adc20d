package peers

import (
	"net/netip"
	"testing"
	"time"

	"github.com/seed-f6ddb928/peernet-go/envelope"
	"github.com/seed-f6ddb928/peernet-go/internal/netwatch"
)

// What a cell of the table may say besides the new state, with the session that calls use and the time until the next
// dial: what the parent was told (+), which dials began or were called off, what the ends of the sessions heard (a>), and
// what a Connect was answered (=).
const (
	ignored = ""
	never   = "-" // cannot come: nothing that would post it runs
)

// messages are all that a peer can be told, and what it makes of that in each situation, in this order; nil: it can come
// in none of them.
//
//	alone:    unknown, dialling, handshaking, not accepted, backing off, fallen, asleep, at the limit
//	together: initiator, responder, rotating, rotating and handshaking, arbiter, not arbiter, two boots
//	leaving:  half-closed, stopped, stopped with two, revoked, replaced
var messages = []struct {
	name                     string
	give                     func(r *rig)
	alone, together, leaving []string
}{
	// Commands.
	{"Change, a new address", tells(sighted(z)),
		[]string{"dialling dial z", "dialling dial z", ignored, ignored, "dialling dial z", "dialling dial z", ignored, ignored},
		[]string{ignored, ignored, "connected a dial z", ignored, ignored, ignored, ignored},
		[]string{ignored, ignored, ignored, ignored, ignored}},
	{"Change, a known address", tells(sighted(x)),
		[]string{"dialling dial x", ignored, ignored, ignored, ignored, ignored, ignored, ignored},
		[]string{ignored, ignored, ignored, ignored, ignored, ignored, ignored},
		[]string{ignored, ignored, ignored, ignored, ignored}},
	{"Change, known and gone", tells(lost(x)),
		[]string{ignored, ignored, ignored, ignored, ignored, ignored, "unknown", ignored},
		[]string{ignored, ignored, ignored, ignored, ignored, ignored, ignored},
		[]string{ignored, ignored, ignored, ignored, ignored}},
	{"connect", func(r *rig) { r.connect() },
		[]string{"unknown =no address", ignored, ignored, ignored, "dialling dial x", "dialling dial x", "dialling dial x", "backing off 33.75s =full"},
		[]string{"connected a =up", "connected a =up", "connected a =up", "connected a =up", "connected a =up", "connected a =up", "connected b =up"},
		[]string{"dialling dial x", "found =stopping", "found =stopping", "found =stopping", "dialling a dial x"}},
	{"connect, with an address", func(r *rig) { r.connect(z) },
		[]string{"dialling dial z", "dialling dial z", ignored, ignored, "dialling dial z", "dialling dial z", "dialling dial z", "backing off 33.75s =full"},
		[]string{"connected a =up", "connected a =up", "connected a =up", "connected a =up", "connected a =up", "connected a =up", "connected b =up"},
		[]string{"dialling dial z", "found =stopping", "found =stopping", "found =stopping", "dialling a dial z"}},
	{"Wake", tells(Wake{}),
		[]string{ignored, ignored, ignored, ignored, ignored, ignored, "dialling dial x", ignored},
		[]string{ignored, ignored, ignored, ignored, ignored, ignored, ignored},
		[]string{ignored, ignored, ignored, ignored, ignored}},
	{"moved, asleep before", tells(netwatch.Change{Slept: time.Hour}),
		[]string{ignored, "dialling dial x off x", "dialling dial y", "dialling dial y a>ping", "dialling dial x", "dialling dial x", ignored, ignored},
		[]string{"connected a a>ping", "connected a a>ping", "connected a dial x off x a>ping", "connected a dial x a>ping", "connected a a>ping b>ping", "connected a a>ping b>ping", "connected b a>ping b>ping"},
		[]string{"backing off 5.25s a>ping", "found a>ping", "found a>ping b>ping", ignored, "connected a 1s a>ping b>ping"}},
	{"moved, an address is gone", tells(netwatch.Change{Gone: []netip.Addr{nearX}}),
		[]string{ignored, "dialling dial x off x", "dialling dial y", "dialling dial y a>bye unresponsive", "dialling dial x", "dialling dial x", ignored, ignored},
		[]string{"dialling dial x +down unresponsive a>bye unresponsive", "connected a a>ping", "dialling dial x off x +down unresponsive a>bye unresponsive", "dialling dial x +down unresponsive a>bye unresponsive", "connected b a>bye unresponsive b>ping", "connected b a>bye unresponsive b>ping", "connected b a>bye unresponsive b>ping"},
		[]string{"backing off 5.25s +down shutdown by peer a>bye unresponsive", "found +down unresponsive a>bye unresponsive", "found a>bye unresponsive b>ping", ignored, "dialling dial x +down unresponsive a>bye unresponsive b>ping"}},
	{"revoke", tells(leave{envelope.ReasonRevoked}),
		[]string{"gone", "gone off x =not trusted", "gone a>cut =not trusted", "found a>bye revoked =not trusted", "gone", "gone", "gone", "gone"},
		[]string{"found +down revoked a>bye revoked", "unknown +down revoked a>bye revoked", "found off x +down revoked a>bye revoked", "found +down revoked a>bye revoked", "found +down revoked a>bye revoked b>bye revoked", "found +down revoked a>bye revoked b>bye revoked", "found +down revoked a>bye revoked b>bye revoked"},
		[]string{"found a>bye revoked", "found a>bye revoked", "found a>bye revoked b>bye revoked", ignored, "found a>bye revoked b>bye revoked"}},
	{"stop", tells(leave{envelope.ReasonShutdown}),
		[]string{"gone", "gone off x =stopping", "gone a>cut =stopping", "found a>bye shutdown =stopping", "gone", "gone", "gone", "gone"},
		[]string{"found a>bye shutdown", "unknown a>bye shutdown", "found off x a>bye shutdown", "found a>bye shutdown", "found a>bye shutdown b>bye shutdown", "found a>bye shutdown b>bye shutdown", "found a>bye shutdown b>bye shutdown"},
		[]string{"found", ignored, ignored, ignored, "found b>bye shutdown"}},

	// Sessions that the peer initiates.
	{"Inbound", func(r *rig) { r.inbound("c") },
		[]string{"unknown c>hello", "dialling c>hello", "dialling c>hello", "dialling c>hello", "backing off 250ms c>hello", "backing off 250ms c>hello", "found c>hello", "backing off 33.75s c>bye busy"},
		[]string{"connected a c>hello", "connected a c>hello", "connected a c>hello", "connected a c>hello", "connected a c>hello", "connected a c>hello", "connected b c>hello"},
		[]string{"backing off 5.25s c>hello", "found c>bye shutdown", "found c>bye shutdown", "found c>bye revoked", "connected a 1s c>hello"}},
	{"Inbound, not trusted any more", func(r *rig) { distrusts(r); r.inbound("c") },
		[]string{"unknown c>bye refused", "dialling c>bye refused", "dialling c>bye refused", "dialling c>bye refused", "backing off 250ms c>bye refused", "backing off 250ms c>bye refused", "found c>bye refused", "backing off 33.75s c>bye refused"},
		[]string{"connected a c>bye refused", "connected a c>bye refused", "connected a c>bye refused", "connected a c>bye refused", "connected a c>bye refused", "connected a c>bye refused", "connected b c>bye refused"},
		[]string{"backing off 5.25s c>bye refused", "found c>bye shutdown", "found c>bye shutdown", "found c>bye revoked", "connected a 1s c>bye refused"}},
	{"Inbound, at the limit", func(r *rig) { r.fill(); r.inbound("c") },
		[]string{"unknown c>bye busy", "dialling c>bye busy", "dialling c>bye busy", "dialling c>bye busy", "backing off 250ms c>bye busy", "backing off 250ms c>bye busy", "found c>bye busy", "backing off 33.75s c>bye busy"},
		[]string{"connected a c>bye busy", "connected a c>bye busy", "connected a c>bye busy", "connected a c>bye busy", "connected a c>bye busy", "connected a c>bye busy", "connected b c>bye busy"},
		[]string{"backing off 5.25s c>bye busy", "found c>bye shutdown", "found c>bye shutdown", "found c>bye revoked", "connected a 1s c>bye busy"}},
	{"Inbound, the fifth", crowds,
		[]string{"unknown c>bye busy", "dialling c>bye busy", "dialling c>bye busy", "dialling c>bye busy", "backing off 250ms c>bye busy", "backing off 250ms c>bye busy", "found c>bye busy", never},
		[]string{"connected a c>bye busy", "connected a c>bye busy", "connected a c>bye busy", "connected a c>bye busy", "connected a c>bye busy", "connected a c>bye busy", "connected b c>bye busy"},
		[]string{"backing off 5.25s c>bye busy", never, never, never, "connected a 1s c>bye busy"}},
	{"Up of c", func(r *rig) { r.inbound("c").says(aHello(1)) },
		[]string{"connected c +up c>hello", "connected c off x +up c>hello =up", "connected c +up c>hello =up", "connected c +up c>hello =up", "connected c +up c>hello", "connected c +up c>hello", "connected c +up c>hello", never},
		[]string{"connected a a>ping c>hello", "connected c a>bye duplicate c>hello", "connected a off x a>ping c>hello", "connected a a>ping c>hello", "connected a c>hello", "connected a b>ping c>hello", "connected b c>hello"},
		[]string{"connected c c>hello", never, never, never, "connected c c>hello"}},
	{"Up of c, another boot", func(r *rig) { r.inbound("c").says(aHello(3)) },
		[]string{"connected c +up c>hello", "connected c off x +up c>hello =up", "connected c +up c>hello =up", "connected c +up c>hello =up", "connected c +up c>hello", "connected c +up c>hello", "connected c +up c>hello", never},
		[]string{"connected c a>ping c>hello", "connected c a>ping c>hello", "connected c off x a>ping c>hello", "connected c a>ping c>hello", "connected c a>ping c>hello", "connected c a>ping c>hello", "connected b c>hello"},
		[]string{"connected c c>hello", never, never, never, "connected c c>hello"}},

	// Dials and handshakes.
	{"dialled, won", func(r *rig) { r.won(x, "c") },
		[]string{never, ignored, never, never, never, never, never, never},
		[]string{never, never, ignored, never, never, never, never},
		nil},
	{"dialled, lost", func(r *rig) { r.lost(x) },
		[]string{never, "backing off 250ms =unreachable", never, never, never, never, never, never},
		[]string{never, never, ignored, never, never, never, never},
		nil},
	{"timerDue, a dial is due", waits,
		[]string{never, never, never, never, "dialling dial x", "dialling dial x", never, ignored},
		nil,
		[]string{"dialling dial x", never, never, never, "dialling a dial x"}},
	{"handshakeSlow", func(r *rig) { time.Sleep(patience) },
		[]string{never, never, "dialling dial y", "dialling dial y", never, never, never, never},
		nil, nil},
	{"dialAllowed", mayDial,
		[]string{never, ignored, "dialling dial y", ignored, never, never, never, never},
		[]string{never, never, ignored, ignored, never, never, never},
		nil},
	{"Proved of a", shakes("a"),
		[]string{never, never, "dialling a>hello a>ping", never, never, never, never, never},
		nil, nil},
	{"Proved of a, not trusted any more", func(r *rig) { distrusts(r); shakes("a")(r) },
		[]string{never, never, "dialling a>bye refused", never, never, never, never, never},
		nil, nil},
	{"Proved of a, at the limit", func(r *rig) { r.fill(); shakes("a")(r) },
		[]string{never, never, "dialling a>bye busy", never, never, never, never, never},
		nil, nil},
	{"Proved of b", shakes("b"),
		nil,
		[]string{never, never, never, "connected a b>hello b>ping", never, never, never},
		nil},
	{"Up of a", says("a", aHello(1)),
		[]string{never, never, "connected a +up a>hello a>ping =up", "connected a +up =up", never, never, never, never},
		nil, nil},
	{"Up of b", says("b", aHello(1)),
		nil,
		[]string{never, never, never, "connected b a>bye rotated b>hello b>ping", never, never, never},
		[]string{never, never, never, never, "connected b"}},
	{"Up of b, another boot", says("b", aHello(2)),
		nil,
		[]string{never, never, never, "connected b a>ping b>hello b>ping", never, never, never},
		[]string{never, never, never, never, "connected b"}},

	// What goes on while a session is up.
	{"Greeted of b", says("b", aHello(1)),
		nil,
		[]string{never, never, never, never, ignored, ignored, never},
		[]string{never, never, ignored, never, never}},
	{"Greeted of b, another boot", says("b", aHello(2)),
		nil,
		[]string{never, never, never, never, ignored, ignored, never},
		[]string{never, never, ignored, never, never}},
	{"Probed, a answers", tellsOf("a", answers),
		[]string{never, never, never, ignored, never, never, never, never},
		[]string{ignored, ignored, ignored, ignored, "connected a b>bye duplicate", ignored, "connected a +conflict b>bye conflict"},
		[]string{ignored, ignored, ignored, ignored, ignored}},
	{"Probed, a is silent", tellsOf("a", isSilent),
		[]string{never, never, never, ignored, never, never, never, never},
		[]string{ignored, ignored, ignored, ignored, "connected b a>bye duplicate", "connected b a>bye unresponsive", "connected b a>bye unresponsive"},
		[]string{ignored, ignored, ignored, ignored, ignored}},
	{"Probed, b answers", tellsOf("b", answers),
		nil,
		[]string{never, never, never, never, ignored, ignored, ignored},
		[]string{never, never, ignored, never, ignored}},
	{"timerDue, a is old", rotates("a"),
		[]string{never, never, never, ignored, never, never, never, never},
		[]string{"connected a dial x", ignored, ignored, ignored, ignored, ignored, ignored},
		[]string{ignored, ignored, ignored, ignored, ignored}},
	{"RotationDue of a", tellsOf("a", needsRotation),
		[]string{never, never, never, ignored, never, never, never, never},
		[]string{"connected a dial x", ignored, ignored, ignored, ignored, ignored, ignored},
		[]string{ignored, ignored, ignored, ignored, ignored}},
	{"timerDue, nothing is due", (*rig).expire,
		[]string{never, never, never, ignored, never, never, never, never},
		[]string{ignored, ignored, ignored, ignored, ignored, ignored, ignored},
		[]string{ignored, ignored, ignored, ignored, ignored}},
	{"timerDue, a is idle", idles("a"),
		[]string{never, never, never, ignored, never, never, never, never},
		[]string{"found a>bye idle", "unknown a>bye idle", "found off x a>bye idle", "found a>bye idle", "connected b a>bye idle", "connected b a>bye idle", "connected b a>bye idle"},
		[]string{ignored, ignored, ignored, ignored, ignored}},
	{"timerDue, b is idle", idles("b"),
		nil,
		[]string{never, never, never, never, "connected a b>bye idle", "connected a b>bye idle", "connected a b>bye idle"},
		[]string{never, never, ignored, never, ignored}},

	// Half-closes that the peer begins.
	{"HalfClosed of a: duplicate", says("a", aBye(envelope.ReasonDuplicate)),
		[]string{never, never, "dialling a>hello a>ping a>bye duplicate", "dialling a>bye duplicate", never, never, never, never},
		[]string{"backing off 250ms a>bye duplicate", "unknown a>bye duplicate", "dialling a>bye duplicate", "dialling a>bye duplicate", "connected b a>bye duplicate", "connected b a>bye duplicate", "connected b a>bye duplicate"},
		[]string{ignored, ignored, ignored, ignored, ignored}},
	{"HalfClosed of a: rotated", says("a", aBye(envelope.ReasonRotated)),
		[]string{never, never, "dialling a>hello a>ping a>bye rotated", "dialling a>bye rotated", never, never, never, never},
		[]string{"backing off 250ms a>bye rotated", "unknown a>bye rotated", "dialling a>bye rotated", "dialling a>bye rotated", "connected b a>bye rotated", "connected b a>bye rotated", "connected b a>bye rotated"},
		[]string{ignored, ignored, ignored, ignored, ignored}},
	{"HalfClosed of a: idle", says("a", aBye(envelope.ReasonIdle)),
		[]string{never, never, "dialling a>hello a>ping a>bye idle", "dialling a>bye idle", never, never, never, never},
		[]string{"found a>bye idle", "unknown a>bye idle", "found off x a>bye idle", "found a>bye idle", "connected b a>bye idle", "connected b a>bye idle", "connected b a>bye idle"},
		[]string{ignored, ignored, ignored, ignored, ignored}},
	{"HalfClosed of a: shutdown", says("a", aBye(envelope.ReasonShutdown)),
		[]string{never, never, "dialling a>hello a>ping a>bye shutdown", "dialling a>bye shutdown", never, never, never, never},
		[]string{"backing off 5.25s a>bye shutdown", "unknown a>bye shutdown", "backing off 5.25s off x a>bye shutdown", "backing off 5.25s a>bye shutdown", "connected b a>bye shutdown", "connected b a>bye shutdown", "connected b a>bye shutdown"},
		[]string{ignored, ignored, ignored, ignored, ignored}},
	{"HalfClosed of b: duplicate", says("b", aBye(envelope.ReasonDuplicate)),
		nil,
		[]string{never, never, never, "connected a b>hello b>ping b>bye duplicate", "connected a b>bye duplicate", "connected a b>bye duplicate", "connected a b>bye duplicate"},
		[]string{never, never, ignored, never, "backing off 1s b>bye duplicate"}},
	{"HalfClosed of b: shutdown", says("b", aBye(envelope.ReasonShutdown)),
		nil,
		[]string{never, never, never, "connected a b>hello b>ping b>bye shutdown", "connected a b>bye shutdown", "connected a b>bye shutdown", "connected a b>bye shutdown"},
		[]string{never, never, ignored, never, "backing off 1s b>bye shutdown"}},

	// The end of a session.
	{"Ending of a", says("a", aBreach),
		[]string{never, never, "dialling a>hello a>ping a>bye protocol", "dialling a>bye protocol", never, never, never, never},
		[]string{"backing off 250ms +down protocol a>bye protocol", "unknown +down protocol a>bye protocol", "dialling +down protocol a>bye protocol", "dialling +down protocol a>bye protocol", "connected b a>bye protocol", "connected b a>bye protocol", "connected b a>bye protocol"},
		[]string{"backing off 5.25s a>bye protocol", "found a>bye protocol", "found a>bye protocol", ignored, "connected a 1s a>bye protocol"}},
	{"Ending of b", says("b", aBreach),
		nil,
		[]string{never, never, never, "connected a b>hello b>ping b>bye protocol", "connected a b>bye protocol", "connected a b>bye protocol", "connected a b>bye protocol"},
		[]string{never, never, "found b>bye protocol", never, "connected a 1s b>bye protocol"}},
	{"Ended of a: lost", hangsUp("a"),
		[]string{never, never, "dialling dial y", "dialling dial y", never, never, never, never},
		[]string{"backing off 250ms +down lost", "unknown +down lost", "dialling +down lost", "dialling +down lost", "connected b", "connected b", ignored},
		[]string{"backing off 5.25s +down shutdown by peer", "gone +down lost", ignored, "gone", ignored}},
	{"Ended of a: duplicate", leaves("a", envelope.ReasonDuplicate),
		[]string{never, never, "backing off 250ms =busy", "backing off 250ms =busy", never, never, never, never},
		[]string{"backing off 250ms +down duplicate by peer", "unknown +down duplicate by peer", "dialling +down duplicate by peer", "dialling +down duplicate by peer", "connected b", "connected b", ignored},
		[]string{"backing off 5.25s +down shutdown by peer", "gone +down shutdown", ignored, "gone", ignored}},
	{"Ended of a: idle", leaves("a", envelope.ReasonIdle),
		[]string{never, never, "backing off 250ms =busy", "backing off 250ms =busy", never, never, never, never},
		[]string{"found +down idle by peer", "unknown +down idle by peer", "found off x +down idle by peer", "found +down idle by peer", "connected b", "connected b", ignored},
		[]string{"backing off 5.25s +down shutdown by peer", "gone +down shutdown", ignored, "gone", ignored}},
	{"Ended of a: shutdown", leaves("a", envelope.ReasonShutdown),
		[]string{never, never, "backing off 5.25s =busy", "backing off 5.25s =busy", never, never, never, never},
		[]string{"backing off 5.25s +down shutdown by peer", "unknown +down shutdown by peer", "backing off 5.25s off x +down shutdown by peer", "backing off 5.25s +down shutdown by peer", "connected b", "connected b", ignored},
		[]string{"backing off 5.25s +down shutdown by peer", "gone +down shutdown", ignored, "gone", ignored}},
	{"Ended of a: refused", leaves("a", envelope.ReasonRefused),
		[]string{never, never, "backing off 1m0s =refused", "backing off 1m0s =refused", never, never, never, never},
		[]string{"backing off 1m0s +down refused by peer", "unknown +down refused by peer", "backing off 1m0s off x +down refused by peer", "backing off 1m0s +down refused by peer", "connected b", "connected b", ignored},
		[]string{"backing off 1m0s +down shutdown by peer", "gone +down refused by peer", ignored, "gone", "backing off 1m0s +down refused by peer"}},
	{"Ended of a: revoked", leaves("a", envelope.ReasonRevoked),
		[]string{never, never, "backing off 1m0s =refused", "backing off 1m0s =refused", never, never, never, never},
		[]string{"backing off 1m0s +down revoked by peer", "unknown +down revoked by peer", "backing off 1m0s off x +down revoked by peer", "backing off 1m0s +down revoked by peer", "connected b", "connected b", ignored},
		[]string{"backing off 1m0s +down shutdown by peer", "gone +down revoked by peer", ignored, "gone", "backing off 1m0s +down revoked by peer"}},
	{"Ended of a: busy", leaves("a", envelope.ReasonBusy),
		[]string{never, never, "backing off 5.25s =busy", "backing off 5.25s =busy", never, never, never, never},
		[]string{"backing off 5.25s +down busy by peer", "unknown +down busy by peer", "backing off 5.25s off x +down busy by peer", "backing off 5.25s +down busy by peer", "connected b", "connected b", ignored},
		[]string{"backing off 5.25s +down shutdown by peer", "gone +down busy by peer", ignored, "gone", "backing off 5.25s +down busy by peer"}},
	{"Ended of a: conflict", leaves("a", envelope.ReasonConflict),
		[]string{never, never, "backing off 1m0s +conflict by peer =busy", "backing off 1m0s +conflict by peer =busy", never, never, never, never},
		[]string{"backing off 1m0s +conflict by peer +down conflict by peer", "unknown +conflict by peer +down conflict by peer", "backing off 1m0s off x +conflict by peer +down conflict by peer", "backing off 1m0s +conflict by peer +down conflict by peer", "connected b +conflict by peer", "connected b +conflict by peer", "connected b +conflict by peer"},
		[]string{"backing off 1m0s +conflict by peer +down shutdown by peer", "gone +conflict by peer +down conflict by peer", "found +conflict by peer", "gone", "backing off 1m0s +conflict by peer +down conflict by peer"}},
	{"Ended of a: unresponsive", leaves("a", envelope.ReasonUnresponsive),
		[]string{never, never, "backing off 250ms =busy", "backing off 250ms =busy", never, never, never, never},
		[]string{"backing off 250ms +down unresponsive by peer", "unknown +down unresponsive by peer", "dialling +down unresponsive by peer", "dialling +down unresponsive by peer", "connected b", "connected b", ignored},
		[]string{"backing off 5.25s +down shutdown by peer", "gone +down unresponsive by peer", ignored, "gone", "backing off 1s +down unresponsive by peer"}},
	{"Ended of b: lost", hangsUp("b"),
		nil,
		[]string{never, never, never, ignored, ignored, ignored, "connected a"},
		[]string{never, never, ignored, never, "backing off 1s"}},
	{"Ended of b: duplicate", leaves("b", envelope.ReasonDuplicate),
		nil,
		[]string{never, never, never, ignored, ignored, ignored, "connected a"},
		[]string{never, never, ignored, never, "backing off 1s"}},
	{"Ended of b: busy", leaves("b", envelope.ReasonBusy),
		nil,
		[]string{never, never, never, ignored, ignored, ignored, "connected a"},
		[]string{never, never, ignored, never, "backing off 1s"}},
	{"Ended of b: conflict", leaves("b", envelope.ReasonConflict),
		nil,
		[]string{never, never, never, "connected a +conflict by peer", "connected a +conflict by peer", "connected a +conflict by peer", "connected a +conflict by peer"},
		[]string{never, never, "found +conflict by peer", never, "backing off 1s +conflict by peer"}},
	{"Terminated, a", fails("a"),
		[]string{never, never, "dialling dial y", "dialling dial y", never, never, never, never},
		[]string{"backing off 250ms +down lost", "unknown +down lost", "dialling +down lost", "dialling +down lost", "connected b", "connected b", ignored},
		[]string{"backing off 5.25s +down shutdown by peer", "gone +down lost", ignored, "gone", "backing off 1s +down lost"}},
	{"Terminated, b", fails("b"),
		nil,
		[]string{never, never, never, ignored, ignored, ignored, "connected a"},
		[]string{never, never, ignored, never, "backing off 1s"}},
}

// TestEveryMessageInEveryState holds the table.
func TestEveryMessageInEveryState(t *testing.T) {
	for _, m := range messages {
		for _, group := range []struct {
			situations []situation
			cells      []string
		}{{alone, m.alone}, {together, m.together}, {leaving, m.leaving}} {
			if group.cells != nil && len(group.cells) != len(group.situations) {
				t.Fatalf("%s: %d cells, want %d", m.name, len(group.cells), len(group.situations))
			}
			for i, want := range group.cells {
				if want == never {
					continue
				}
				in := group.situations[i]
				if want == ignored {
					want = in.state
				}
				t.Run(in.name+"/"+m.name, func(t *testing.T) {
					onRig(t, in, func(r *rig) {
						m.give(r)
						if got := r.outcome(); got != want {
							t.Errorf("%s, want %s", got, want)
						}
					})
				})
			}
		}
	}
}

// TestTheBootRuleWaitsForHellos: nothing is decided, and nothing is sent over a newer session, before its hello has come or
// is late. A session without boot beside one with is the boot rule's.
func TestTheBootRuleWaitsForHellos(t *testing.T) {
	unheard := func(r *rig) {
		initiated(r)
		r.inbound("b").says(aPing)
	}
	for _, arbiter := range []string{"arbiter", "not arbiter"} {
		for name, give := range map[string]func(*rig){
			"another boot": says("b", aHello(2)),
			"no boot":      says("b", envelope.AppendHello(nil, envelope.Hello{Version: envelope.Version})),
			"no hello":     func(*rig) { time.Sleep(helloWithin) },
		} {
			t.Run(arbiter+"/"+name, func(t *testing.T) {
				onRig(t, situation{arbiter, "connected a", unheard}, func(r *rig) {
					time.Sleep(helloWithin - time.Millisecond)
					if got := r.outcome(); got != "connected a" {
						t.Errorf("before the hello: %s", got)
					}
					give(r)
					if got, want := r.outcome(), "connected b a>ping"; got != want {
						t.Errorf("%s, want %s", got, want)
					}
				})
			})
		}
	}
}
