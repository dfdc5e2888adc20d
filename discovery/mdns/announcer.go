package mdns

import (
	"time"

	"github.com/grandcat/zeroconf"

	"github.com/seed-f6ddb928/peernet-go/discovery"
)

// How the server of the library lives. It tells nobody when its goroutines have begun and ended.
const (
	// serverBegins is after how long they are sure to run. To shut it down before that races with their beginning.
	serverBegins = 500 * time.Millisecond

	// serverEnds is after how long, from its beginning, the goroutine has ended that announces it: it sleeps twice up to
	// 250 ms, 1 s and 2 s, whatever happens meanwhile.
	serverEnds = 3600 * time.Millisecond
)

// An announcer announces this node, and answers questions for it.
type announcer struct {
	server *zeroconf.Server
	began  time.Time
}

// announce begins to announce the node on some interfaces: wire.md §8.2. Each answer has the addresses of the interface
// that it is sent on, as they are then, or the one that the node listens on.
func announce(self discovery.Self, using []discovery.Interface) (*announcer, error) {
	var addrs []string
	switch at := self.Addr.Unmap(); {
	case at.IsValid() && !at.IsUnspecified():
		addrs = []string{at.WithZone("").String()}
	case !tellsInterface: // the library cannot know which interface a question came in on
		for _, i := range using {
			for _, p := range i.Addrs {
				addrs = append(addrs, p.Addr().String())
			}
		}
	}
	server, err := zeroconf.RegisterProxy(instanceOf(self.Key), serviceType, domain, int(self.Port), hostOf(self.Key), addrs,
		attributes(self.Key), system(using))
	if err != nil {
		return nil, err
	}
	return &announcer{server, time.Now()}, nil
}

// close says goodbye and stops answering. It returns when the last goroutine ends.
func (a *announcer) close() (ends time.Time) {
	time.Sleep(time.Until(a.began.Add(serverBegins)))
	a.server.Shutdown()
	return a.began.Add(serverEnds)
}
