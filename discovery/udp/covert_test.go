package udp

import (
	"net/netip"
	"testing"
	"time"
)

// senderRate is how many private announces of one address are allowed in a second.
const senderRate = 32

// address returns the n-th address of a flood.
func address(n int) netip.Addr {
	return netip.AddrFrom4([4]byte{10, byte(n >> 16), byte(n >> 8), byte(n)})
}

// allowed counts what is allowed of count datagrams in each of some seconds, from as many addresses as from says.
func allowed(c *covert, begin time.Time, seconds, count, from, keys int) (n int) {
	for s := range seconds {
		for i := range count {
			now := begin.Add(time.Duration(s)*time.Second + time.Duration(i)*time.Second/time.Duration(count))
			if c.allows(now, address(i%from), keys) {
				n++
			}
		}
	}
	return n
}

func TestOneAddressIsAllowedSoOftenAndOthersAreNotHeldUp(t *testing.T) {
	begin := time.Now()
	c := newCovert()
	if n := allowed(c, begin, 10, 1000, 1, 1); n < 10*senderRate || n > 10*senderRate+perSender.Burst {
		t.Errorf("%d were allowed of one address in 10 s", n)
	}
	if !c.allows(begin.Add(10*time.Second), address(7), 1) {
		t.Error("another address is not allowed")
	}
	if n := allowed(c, begin.Add(time.Minute), 1, 200, 100, 1); n != 200 {
		t.Errorf("%d were allowed of 200 from 100 addresses", n)
	}
}

func TestAllAddressesTogetherAreAllowedLessOftenTheMoreKeysThereAre(t *testing.T) {
	for keys, rate := range map[int]int{0: 256, 1: 256, 256: 256, 1024: 64, 100_000: 16} {
		begin := time.Now()
		c := newCovert()
		if n := allowed(c, begin, 10, 2000, 500, keys); n < 10*rate || n > 11*rate {
			t.Errorf("with %d keys %d were allowed in 10 s, want %d a second", keys, n, rate)
		}
	}
}

func TestAFloodOfAddressesIsForgotten(t *testing.T) {
	begin := time.Now()
	c := newCovert()
	for i := range 10 * maxSenders {
		c.allows(begin, address(i), 1)
	}
	if later := begin.Add(2 * time.Second); !c.allows(later, address(20*maxSenders), 1) {
		t.Error("a new address is not allowed after the flood")
	}
}
