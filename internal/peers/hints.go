package peers

import (
	"net/netip"
	"time"

	"github.com/seed-f6ddb928/peernet-go/internal/candidates"
	"github.com/seed-f6ddb928/peernet-go/internal/limiter"
)

// Bounds of dials to hints, of one peer (wire.md §8.1). Without them, a forger of announces could have this node dial any
// address, as often as he likes.
const (
	// maxAtIP bounds the dials to one IP address within any ipPeriod.
	maxAtIP  = 4
	ipPeriod = 10 * time.Second

	maxIPs = 64 // more IP addresses than hintRate lets a peer dial within ipPeriod
)

// hintRate bounds the dials to all IP addresses together.
var hintRate = limiter.Rate{Burst: 8, Every: 500 * time.Millisecond}

// A hintLimiter bounds the dials to hints. Where the last session led only the bound of one IP address counts, so that a
// peer that has restarted on another port need not wait for what others announce.
type hintLimiter struct {
	all limiter.Bucket
	ips *limiter.Keys[netip.Addr, limiter.Window, *limiter.Window]
}

func newHintLimiter() hintLimiter {
	return hintLimiter{ips: limiter.NewKeys[netip.Addr, limiter.Window](maxIPs)}
}

// wait returns how long until a dial may begin; 0: now.
func (l *hintLimiter) wait(now time.Time, c candidates.Candidate) time.Duration {
	if c.Standing >= candidates.Named {
		return 0
	}
	wait := l.ips.Peek(c.Addr.Addr()).Wait(now, maxAtIP, ipPeriod)
	if !c.WasLast {
		wait = max(wait, l.all.Wait(now, hintRate))
	}
	return wait
}

// count counts a dial that begins now: wait has returned 0.
func (l *hintLimiter) count(now time.Time, c candidates.Candidate) {
	if c.Standing >= candidates.Named {
		return
	}
	l.ips.Of(now, c.Addr.Addr()).Take(now, maxAtIP, ipPeriod)
	if !c.WasLast {
		l.all.Take(now, hintRate)
	}
}
