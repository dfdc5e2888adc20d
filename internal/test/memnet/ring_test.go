package memnet

import (
	"bytes"
	"math/rand/v2"
	"testing"
)

func TestRingKeepsBytesInOrder(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	var q ring
	var model []byte
	next := 0
	for range 2_000 {
		switch n := r.IntN(windowSize + 1); r.IntN(5) {
		case 0, 1:
			b := make([]byte, min(n>>r.IntN(17), windowSize-len(model)))
			for i := range b {
				next++
				b[i] = byte(next % 251)
			}
			q.write(b)
			model = append(model, b...)
		case 2, 3:
			b := make([]byte, n>>r.IntN(17))
			k := q.read(b)
			if k != min(len(b), len(model)) || !bytes.Equal(b[:k], model[:k]) {
				t.Fatalf("read %d bytes that differ, of %d", k, len(model))
			}
			model = model[k:]
		case 4:
			k := len(model) - len(model)>>(1+r.IntN(4))
			q.cut(k)
			model = model[:k]
		}
		if q.n != len(model) || (q.n == 0) != (q.buf == nil) {
			t.Fatalf("ring holds %d bytes in %d, want %d", q.n, len(q.buf), len(model))
		}
	}
}
