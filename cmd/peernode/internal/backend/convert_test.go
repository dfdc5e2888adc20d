package backend

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/seed-f6ddb928/peernet-go/discovery/mdns"
	"github.com/seed-f6ddb928/peernet-go/discovery/udp"
	"github.com/seed-f6ddb928/peernet-go/peernet"
)

func TestReasonsAreOneLineInSentencesAndWholeInHistory(t *testing.T) {
	const said = "disconnected: \x1b[2J\nnow connected"
	e := peernet.Explanation{
		Peer:    peernet.PeerInfo{Key: testKey(t, bobKey), Label: "bob", State: peernet.StateBackingOff, Reason: said},
		History: []peernet.Step{{At: time.Now(), State: peernet.StateBackingOff, Reason: said}},
	}
	without := e
	without.History = nil
	why := newWhy(e)
	if why.History[0].Reason != said || e.History[0].Reason != said {
		t.Errorf("history: %q", why.History[0].Reason)
	}
	if got, want := len(why.Sentences), len(newWhy(without).Sentences)+1; got != want {
		t.Errorf("%d sentences, want %d: %q", got, want, why.Sentences)
	}
	if slices.ContainsFunc(why.Sentences, func(s string) bool { return strings.ContainsAny(s, "\x1b\n") }) {
		t.Errorf("sentences: %q", why.Sentences)
	}
}

func TestAdviceOfProvidersStandsApart(t *testing.T) {
	for _, c := range []struct {
		err           error
		error, advice string
	}{
		{nil, "", ""},
		{errPlain, "closed", ""},
		{&udp.ListenError{Port: 4040, Err: syscall.EAFNOSUPPORT}, "listen for announces on UDP port 4040: " + syscall.EAFNOSUPPORT.Error(),
			"this machine has no IPv4: find peers by mDNS, or give their addresses"},
		{fmt.Errorf("wrapped: %w", &mdns.NetworkError{Doing: "use the network", Err: mdns.ErrNoInterface}), "wrapped: mdns: use the network: no network interface that can be used",
			"connect the machine to a network, or name another interface"},
	} {
		p := newProvider(peernet.ProviderStatus{Name: "x", State: peernet.ProviderFailed, Err: c.err})
		if p.Error != c.error || p.Advice != c.advice || p.State != "failed" {
			t.Errorf("got %+v, want %q and %q", p, c.error, c.advice)
		}
	}
}

var errPlain = errors.New("closed")
