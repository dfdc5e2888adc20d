package envelope

import (
	"strings"
	"testing"
	"time"
)

// parseSent parses a send that Append* wrote, and returns its args.
func parseSent(t *testing.T, b []byte, name string) []byte {
	t.Helper()
	var e Envelope
	if err := Msgpack.Parse(b, &e); err != nil {
		t.Fatal(err)
	}
	if e.Kind != KindSend || string(e.Name) != name {
		t.Fatalf("a %v called %q", e.Kind, e.Name)
	}
	return e.Args
}

func TestHelloIsCutToItsBounds(t *testing.T) {
	h := Hello{Version: 1, Agent: strings.Repeat("a", 65), Name: strings.Repeat("a", 63) + "ö", Max: 1 << 20}
	got, err := ParseHello(parseSent(t, AppendHello(nil, h), NameHello))
	h.Agent, h.Name = h.Agent[:64], h.Name[:63]
	if err != nil || got != h {
		t.Errorf("%+v, not %+v; %v", got, h, err)
	}
}

func TestByeIsCutToItsBounds(t *testing.T) {
	for _, c := range []struct{ sent, want Bye }{
		{Bye{ReasonBusy, "", time.Hour}, Bye{ReasonBusy, "", 10 * time.Minute}},
		{Bye{ReasonBusy, "", -1}, Bye{ReasonBusy, "", 0}},
		{Bye{ReasonBusy, "", 1}, Bye{ReasonBusy, "", time.Millisecond}},
		{Bye{ReasonBusy, strings.Repeat("x", 2000), 0}, Bye{ReasonBusy, strings.Repeat("x", 1024), 0}},
		{Bye{ReasonBusy, "a\xff", 0}, Bye{ReasonBusy, "a\uFFFD", 0}},
		{Bye{ReasonBusy, strings.Repeat("x", 1023) + "\xff", 0}, Bye{ReasonBusy, strings.Repeat("x", 1023), 0}},
	} {
		got, err := ParseBye(parseSent(t, AppendBye([]byte(nil), c.sent), NameBye))
		if err != nil || got != c.want {
			t.Errorf("%.50v arrives as %.50v, not %.50v; %v", c.sent, got, c.want, err)
		}
	}
}

func TestCancelNamesItsCall(t *testing.T) {
	for _, id := range []CallID{1, 127, 128, 1 << 16, 1<<64 - 1} {
		if got, err := ParseCancel(parseSent(t, AppendCancel(nil, id), NameCancel)); err != nil || got != id {
			t.Errorf("%d arrives as %d, %v", id, got, err)
		}
	}
}

func TestAppendKeepsTheBytesBefore(t *testing.T) {
	before := []byte("before")
	for _, b := range [][]byte{
		AppendHello(before, Hello{Version: 1}), AppendBye(before, Bye{Code: ReasonIdle}), AppendCancel(before, 1),
		Msgpack.AppendPing(before, before), Msgpack.AppendPong(before, before),
	} {
		if string(b[:len(before)]) != "before" {
			t.Errorf("%q", b)
		}
		if err := Msgpack.Parse(b[len(before):], new(Envelope)); err != nil {
			t.Error(err)
		}
	}
}

func TestKindsHaveTheNamesOfTheDocument(t *testing.T) {
	for k, want := range map[Kind]string{0: "call", 1: "reply", 2: "send", 3: "ping", 4: "pong", 5: "kind 5", 255: "kind 255"} {
		if got := k.String(); got != want {
			t.Errorf("%d is %q, not %q", uint8(k), got, want)
		}
	}
}
