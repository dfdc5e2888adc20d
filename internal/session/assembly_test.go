package session

import (
	"bytes"
	"errors"
	"testing"
	"time"

	"github.com/seed-f6ddb928/peernet-go/envelope"
	"github.com/seed-f6ddb928/peernet-go/internal/test/vectors"
)

// testParts are small enough for tests to reach them.
var testParts = PartLimits{Message: 4 << 20, Assemble: 8 << 20, Chains: 16}

// A chainVector is one entry of testdata/vectors/parts.json: the plaintexts of one direction, and what comes of them.
type chainVector struct {
	Name   string `json:"name"`
	Limits struct {
		Message  int `json:"message"`
		Assemble int `json:"assemble"`
		Chains   int `json:"chains"`
	} `json:"limits"`
	Frames []struct {
		AfterMS int    `json:"after_ms"`
		Parts   []part `json:"parts"`
	} `json:"frames"`
	Envelopes [][]part `json:"envelopes"`
	Error     string   `json:"error"`
}

var chainErrors = map[string]error{
	"open": errChainOpen, "none": errNoChain, "chains": errChains, "assemble": errAssemble, "message": errMessage, "total": errChainTotal,
	"silent": errChainSilent, "cut": envelope.ErrCut, "part": envelope.ErrPart, "first": envelope.ErrTotal,
}

func loadChains(t testing.TB) []chainVector {
	var f struct {
		Vectors []chainVector `json:"vectors"`
	}
	vectors.Load(t, "parts.json", &f)
	if len(f.Vectors) < 20 {
		t.Fatalf("%d chains: some are missing", len(f.Vectors))
	}
	return f.Vectors
}

// joinParts takes plaintexts as a reader does.
func joinParts(a *assembly, plain []byte, now time.Duration) ([]byte, error) {
	var e envelope.Envelope
	if err := envelope.Msgpack.Parse(plain, &e); err != nil {
		return nil, err
	}
	if err := a.checkSilence(now); err != nil {
		return nil, err
	}
	if !isPart(&e) {
		return plain, nil
	}
	p, err := envelope.ParsePart(e.Args, string(e.Name) == envelope.NameLast)
	if err != nil {
		return nil, err
	}
	c, err := a.add(p, now, func(*envelope.Envelope, int) bool { return true })
	if c == nil || c.abandoned || err != nil {
		return nil, err
	}
	return c.b, envelope.Msgpack.Parse(c.b, &e)
}

func TestChainsAreJoinedOrRefused(t *testing.T) {
	seen := map[string]bool{}
	for _, v := range loadChains(t) {
		t.Run(v.Name, func(t *testing.T) {
			a := assembly{limits: PartLimits{Message: v.Limits.Message, Assemble: v.Limits.Assemble, Chains: v.Limits.Chains}}
			var now time.Duration
			var got [][]byte
			var err error
			for i, f := range v.Frames {
				if err != nil {
					t.Fatalf("frame %d comes after %v", i, err)
				}
				now += time.Duration(f.AfterMS) * time.Millisecond
				var b []byte
				if b, err = joinParts(&a, join(nil, f.Parts), now); b != nil && err == nil {
					got = append(got, b)
				}
			}
			if v.Error == "" && err != nil || v.Error != "" && (chainErrors[v.Error] == nil || !errors.Is(err, chainErrors[v.Error])) {
				t.Fatalf("ended with %v, want %q", err, v.Error)
			}
			seen[v.Error] = true
			if len(got) != len(v.Envelopes) {
				t.Fatalf("%d envelopes, want %d", len(got), len(v.Envelopes))
			}
			for i, want := range v.Envelopes {
				if !bytes.Equal(got[i], join(nil, want)) || cap(got[i]) > len(got[i])+envelope.MaxPart {
					t.Errorf("envelope %d has %d bytes, want %d", i, len(got[i]), len(join(nil, want)))
				}
			}
			if len(a.chains) == 0 && a.reserved != 0 {
				t.Errorf("%d bytes are counted, and no chain is open", a.reserved)
			}
		})
	}
	for name := range chainErrors {
		if !seen[name] {
			t.Errorf("no vector ends with %q", name)
		}
	}
}

// FuzzChains lets a peer send any parts: nothing is kept beyond the limits, and what is joined is what was cut.
func FuzzChains(f *testing.F) {
	for _, v := range loadChains(f) {
		var stream []byte
		for _, fr := range v.Frames {
			plain := join(nil, fr.Parts)
			if len(stream)+len(plain) > 1<<15 {
				break
			}
			stream = append(append(stream, byte(len(plain)>>16), byte(len(plain)>>8), byte(len(plain))), plain...)
		}
		f.Add(stream)
	}
	f.Fuzz(func(t *testing.T, stream []byte) {
		a := assembly{limits: PartLimits{Message: 20_000, Assemble: 30_000, Chains: 3}}
		for now := time.Duration(0); len(stream) >= 3; now += time.Second {
			n := min(int(stream[0])<<16|int(stream[1])<<8|int(stream[2]), len(stream)-3)
			_, err := joinParts(&a, stream[3:3+n], now)
			stream = stream[3+n:]
			reserved := 0
			for number, c := range a.chains {
				reserved += c.total
				if len(c.b) != c.got || c.got > c.total || cap(c.b) > c.total+envelope.MaxPart {
					t.Fatalf("chain %d has %d bytes of %d, and room for %d", number, c.got, c.total, cap(c.b))
				}
			}
			if reserved != a.reserved || reserved > a.limits.Assemble || len(a.chains) > a.limits.Chains {
				t.Fatalf("%d chains with %d bytes, of which %d are counted", len(a.chains), reserved, a.reserved)
			}
			if err != nil {
				return
			}
		}
	})
}

// TestUnwantedPartsAreNotKept counts what a call costs for which there is no room.
func TestUnwantedPartsAreNotKept(t *testing.T) {
	a := assembly{limits: testParts}
	whole := must(envelope.Msgpack.AppendCall(nil, 7, "big", envelope.Options{}, make([]byte, 1<<20)))
	asked := 0
	for off := 0; off < len(whole); {
		p := envelope.Part{Chain: 1, Bytes: whole[off:min(off+partBytes, len(whole))]}
		if off == 0 {
			p.Total = len(whole)
		}
		off += len(p.Bytes)
		p.Last = off == len(whole)
		c, err := a.add(p, 0, func(head *envelope.Envelope, total int) bool {
			asked++
			return head.Kind != envelope.KindCall || head.ID != 7 || string(head.Name) != "big" || total != len(whole)
		})
		if err != nil || (c != nil) != p.Last || c != nil && (c.b != nil || !c.discarded || c.head.ID != 7) {
			t.Fatalf("after %d bytes: %+v, %v", off, c, err)
		}
		for _, c := range a.chains {
			if cap(c.b) != 0 {
				t.Fatalf("%d bytes are kept", cap(c.b))
			}
		}
	}
	if asked != 1 || a.reserved != 0 || a.chains != nil {
		t.Errorf("asked %d times; left: %d bytes, %v", asked, a.reserved, a.chains)
	}
}

// TestFirstPartsCostLittle opens and abandons a chain of the largest kind a million times.
func TestFirstPartsCostLittle(t *testing.T) {
	a := assembly{limits: PartLimits{Message: 64 << 20, Assemble: 67 << 20, Chains: 64}}
	whole := must(envelope.Msgpack.AppendSend(nil, "big", make([]byte, envelope.MinPart)))[:envelope.MinPart]
	n := 1_000_000
	if testing.Short() || raceEnabled {
		n = 1000
	}
	never := func(*envelope.Envelope, int) bool { return false }
	for i := range uint64(n) {
		if _, err := a.add(envelope.Part{Chain: i + 1, Bytes: whole, Total: 64 << 20}, 0, never); err != nil {
			t.Fatal(err)
		}
		if len(a.chains) != 1 || a.reserved != 64<<20 {
			t.Fatalf("%d chains with %d bytes are open", len(a.chains), a.reserved)
		}
		if c, err := a.add(envelope.Part{Chain: i + 1, Last: true}, 0, never); err != nil || !c.abandoned {
			t.Fatal(err)
		}
	}
	if _, err := a.add(envelope.Part{Chain: 1, Bytes: whole, Total: 64 << 20}, 0, func(*envelope.Envelope, int) bool { return true }); err != nil {
		t.Fatal(err)
	}
	if got := cap(a.chains[1].b); got > firstGrowth {
		t.Errorf("a first part of %d bytes made room for %d", len(whole), got)
	}
}
