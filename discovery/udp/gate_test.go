package udp

import (
	"net/netip"
	"testing"
	"time"
)

// address returns the n-th address of a flood.
func address(n int) netip.Addr {
	return netip.AddrFrom4([4]byte{10, byte(n >> 16), byte(n >> 8), byte(n)})
}

// admitted counts what a gate admits of count datagrams in each of some seconds, from as many addresses as from says.
func admitted(g *gate, begin time.Time, seconds, count, from, keys int) (n int) {
	for s := range seconds {
		for i := range count {
			now := begin.Add(time.Duration(s)*time.Second + time.Duration(i)*time.Second/time.Duration(count))
			if g.admit(now, address(i%from), keys) {
				n++
			}
		}
	}
	return n
}

func TestOneAddressIsAdmittedSoOftenAndOthersAreNotHeldUp(t *testing.T) {
	begin := time.Now()
	g := newGate(begin)
	if n := admitted(&g, begin, 10, 1000, 1, 1); n < 10*sourceRate || n > 10*sourceRate+sourceBurst {
		t.Errorf("%d were admitted of one address in 10 s", n)
	}
	if !g.admit(begin.Add(10*time.Second), address(7), 1) {
		t.Error("another address is not admitted")
	}
	if n := admitted(&g, begin.Add(time.Minute), 1, 200, 100, 1); n != 200 {
		t.Errorf("%d were admitted of 200 from 100 addresses", n)
	}
}

func TestAllAddressesTogetherAreAdmittedLessOftenTheMoreKeysThereAre(t *testing.T) {
	for keys, rate := range map[int]int{0: mostRate, 1: mostRate, 256: mostRate, 1024: 64, 100_000: leastRate} {
		begin := time.Now()
		g := newGate(begin)
		if n := admitted(&g, begin, 10, 2000, 500, keys); n < 10*rate || n > 11*rate {
			t.Errorf("with %d keys %d were admitted in 10 s, want %d a second", keys, n, rate)
		}
	}
}

func TestAFloodOfAddressesIsForgotten(t *testing.T) {
	begin := time.Now()
	g := newGate(begin)
	for i := range 10 * maxSources {
		g.admit(begin, address(i), 1)
		if len(g.sources) > maxSources {
			t.Fatalf("%d addresses are remembered", len(g.sources))
		}
	}
	later := begin.Add(2 * time.Second)
	if !g.admit(later, address(20*maxSources), 1) {
		t.Error("a new address is not admitted after the flood")
	}
	if len(g.sources) != 1 {
		t.Errorf("%d addresses are remembered after the flood", len(g.sources))
	}
}
