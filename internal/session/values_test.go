package session

import "testing"

// TestValuesTakeAtMostTwiceTheirBytes, in whatever mix of sizes a peer sends them, and come out as they were.
func TestValuesTakeAtMostTwiceTheirBytes(t *testing.T) {
	for _, sizes := range [][]int{{1}, {2048, 1}, {2047, 2}, {4095, 1}, {4095, 2}, {4096, 1}, {100, 4096}, {1365, 1366}, {3000}, {1, 20, 300, 4000, 50_000}} {
		var q values
		all := 0
		for range 1000 {
			for _, n := range sizes {
				q.push(aValue(n))
				all += n
			}
		}
		held := 0
		for _, c := range q.chunks {
			held += cap(c.b)
		}
		if q.size != all || held > 2*all+arenaBytes {
			t.Errorf("%v: %d bytes hold %d", sizes, all, held)
		}
		for range 1000 {
			for _, n := range sizes {
				if v, ok := q.pop(); !ok || len(v.Bytes()) != n {
					t.Fatalf("%v: a value of %d bytes came out as %x", sizes, n, v.Bytes())
				}
			}
		}
		if _, ok := q.pop(); ok || q.size != 0 {
			t.Errorf("%v: %d bytes are left", sizes, q.size)
		}
	}
}

// aValue returns a value of n bytes as it arrives: a small one in memory that it shares.
func aValue(n int) []byte {
	v := make([]byte, 0, max(n, arenaBytes))
	switch {
	case n == 1:
		return append(v, 0xc0)
	case n <= 257:
		v = append(v, 0xc4, byte(n-2))
	default:
		v = append(v, 0xc6, 0, byte((n-5)>>16), byte((n-5)>>8), byte(n-5))
	}
	return v[:n]
}
