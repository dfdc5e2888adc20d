package mdns

import (
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/seed-f6ddb928/peernet-go/discovery"
	"github.com/seed-f6ddb928/peernet-go/internal/netns"
)

// A babbler is an announcer that announces once more after its goodbye.
type babbler struct {
	announcer interface{ close() time.Time }
	babble    func()
}

func (b *babbler) close() time.Time {
	ends := b.announcer.close()
	b.babble()
	return ends
}

// TestGoodbyeIsTheLastWord over IPv4, where what is heard has the order in which it was said.
func TestGoodbyeIsTheLastWord(t *testing.T) {
	t.Parallel()
	netns.Run(t, func(t *testing.T) {
		bridge := netns.NewBridge(t)
		var hosts []*netns.Host
		for i := 1; i <= 2; i++ {
			h := netns.NewHost(t)
			h.Attach(bridge, "eth0", netns.Prefixes(i)[0])
			hosts = append(hosts, h)
		}
		opened := func(n int, listenOnly bool) (l *network) {
			hosts[n-1].Do(func() {
				all, err := systemInterfaces()
				if err != nil {
					t.Error(err)
					return
				}
				opened, err := open(t.Context(), discovery.Self{Key: key(n), Port: uint16(7100 + n), ListenOnly: listenOnly,
					Addr: netip.IPv4Unspecified(), ListenPacket: new(net.ListenConfig).ListenPacket}, usable(all, nil))
				if err != nil {
					t.Error(err)
					return
				}
				l = opened.(*network)
			})
			if l == nil {
				t.FailNow()
			}
			return l
		}
		ears := opened(2, true)
		defer ears.close()
		says := opened(1, false)
		forged := factOf(1)
		forged.port = 9999
		voice := newVoice(t, hosts[0])
		says.announcer = &babbler{says.announcer, func() { voice.say(forged.announcement()) }}
		ends := says.close()
		defer func() { time.Sleep(time.Until(ends)) }() // of the library's goroutine

		babbled := false
		for timeout := time.After(forever); ; {
			select {
			case h := <-ears.heard:
				for _, s := range h.message.services {
					babbled = babbled || s.port == forged.port
				}
				if babbled && len(h.message.gone) == 1 && h.message.gone[0] == nameOf(key(1)) {
					return
				}
			case <-timeout:
				t.Fatalf("no goodbye after an announcement (%v)", babbled)
			}
		}
	})
}
