package peernet_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/seed-f6ddb928/peernet-go/peernet"
)

// searches is how many seeds the tests of a joiner among impostors run: 100 before a release.
var searches = flag.Int("searches", 2, "seeded searches of a joiner among impostors")

// wantFound checks that the joiner has paired with the offerer within five seconds.
func (c *crowd) wantFound() {
	c.Helper()
	began := time.Now()
	err := c.join(c.offer.Code())
	if took := time.Since(began); err != nil || took > 5*time.Second {
		c.Errorf("joined after %v: %v", took, err)
	}
	if list := c.joiner.Trusted(); len(list) != 1 || list[0].Key != c.offerer.PublicKey() {
		c.Errorf("the joiner trusts %v", list)
	}
}

// TestAJoinerFindsItsOffererAmongAFewImpostors: two of them may take a guess each, the third is the offerer's.
func TestAJoinerFindsItsOffererAmongAFewImpostors(t *testing.T) {
	for seed := range uint64(*searches * 10) {
		random := rand.New(rand.NewPCG(seed, 1))
		var few []imposture
		for guessers := 0; len(few) < 11; {
			what := imposture(random.IntN(int(impostures)))
			if what.takesGuess() {
				if guessers++; guessers > 2 {
					continue
				}
			}
			few = append(few, what)
		}
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) { inCrowd(t, seed, few, (*crowd).wantFound) })
	}
}

// TestPairingAnImpostorLeavesAGuessToTheOfferer, however many addresses it has at which it is silent once it is sent a confirmation.
func TestPairingAnImpostorLeavesAGuessToTheOfferer(t *testing.T) {
	for _, few := range [][]imposture{{silentAtConfirmation}, {silentAtConfirmation, silentElsewhere, silentElsewhere, silentElsewhere}} {
		inCrowd(t, 1, few, func(c *crowd) {
			c.offererIsMute.Store(true)
			if err := c.join(c.offer.Code()); !errors.Is(err, peernet.ErrNoOffer) {
				c.Errorf("%d addresses, alone: %v", len(few), err)
			}
			if n, most := c.confirmations.Load(), int64(min(len(few), 2)); n != most {
				c.Errorf("%d addresses: the impostor had %d guesses, want %d", len(few), n, most)
			}
		})
		inCrowd(t, 1, few, func(c *crowd) {
			c.offererIsMute.Store(true)
			time.AfterFunc(6*time.Second, func() { c.offererIsMute.Store(false) })
			if err := c.join(c.offer.Code()); err != nil {
				c.Errorf("%d addresses, and the offerer after 6 s: %v", len(few), err)
			}
			if n := c.confirmations.Load(); n != 1 {
				c.Errorf("%d addresses: the impostor had %d guesses before the offerer", len(few), n)
			}
		})
	}
}

// TestPairingThoughAConfirmationIsDropped has somebody announce the offerer's key where it drops the confirmation: the joiner sends
// another one to the offerer's own address.
func TestPairingThoughAConfirmationIsDropped(t *testing.T) {
	dropped := 0
	for seed := range uint64(8) {
		inCrowd(t, seed, []imposture{dropsConfirmation}, func(c *crowd) {
			if err := c.join(c.offer.Code()); err != nil {
				c.Errorf("seed %d: %v", seed, err)
			}
			if c.dropped.Load() > 0 {
				dropped++
			}
		})
	}
	if dropped == 0 {
		t.Error("no confirmation was dropped")
	}
}

// TestSilentImpostorsHoldNoJoiner has all that a joiner remembers of a number taken by nodes that are silent at one step.
func TestSilentImpostorsHoldNoJoiner(t *testing.T) {
	for name, what := range map[string]imposture{"refuse": refuses, "are away": isAway, "say nothing": isSilent, "stop in the handshake": silentInHandshake,
		"stop after it": silentAtHello, "send no share": silentAtShare} {
		t.Run(name, func(t *testing.T) {
			var all []imposture
			for range 63 {
				all = append(all, what)
			}
			inCrowd(t, uint64(what), all, (*crowd).wantFound)
		})
	}
}

// TestAThousandImpostorsHaveThreeGuesses, however often the person types the code, right or wrong.
func TestAThousandImpostorsHaveThreeGuesses(t *testing.T) {
	for seed := range uint64(*searches) {
		random := rand.New(rand.NewPCG(seed, 2))
		var all []imposture
		for range 1000 {
			what := imposture(random.IntN(int(impostures)))
			if seed%3 == 0 && !what.takesGuess() {
				what = guesses // all take part
			}
			all = append(all, what)
		}
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			inCrowd(t, seed, all, func(c *crowd) {
				began := time.Now()
				for n := 0; n < 6 && time.Since(began) < 3*time.Minute; n++ {
					err := c.join(c.offer.Code())
					if err == nil {
						break
					}
					if !isOneOf(err, peernet.ErrGuesses, peernet.ErrWrongCode, peernet.ErrCodeOver, peernet.ErrNoOffer) {
						c.Errorf("try %d: %v", n, err)
					}
				}
				if n := c.confirmations.Load(); n > 3 {
					c.Errorf("the impostors had %d guesses", n)
				}
				for _, p := range c.joiner.Trusted() {
					if p.Key != c.offerer.PublicKey() {
						c.Errorf("the joiner trusts %v", p)
					}
				}
			})
		})
	}
}

// TestAThousandSilentImpostorsHoldTheBounds: nobody answers, and the joiner says how many announce the number.
func TestAThousandSilentImpostorsHoldTheBounds(t *testing.T) {
	var all []imposture
	for i := range 1000 {
		all = append(all, imposture(i%int(hangsUp)))
	}
	inCrowd(t, 1, all, func(c *crowd) {
		began := time.Now()
		err := c.join(c.offer.Code())
		if err != nil && (!isOneOf(err, peernet.ErrNoOffer) || !strings.Contains(err.Error(), "nodes announce this number")) {
			c.Error(err)
		}
		c.Logf("after %v: %v", time.Since(began), err)
	})
}

// TestAJoinerCanBeCancelledAtEachStep leaves no connection and no goroutine, and nobody is trusted by one side for good.
func TestAJoinerCanBeCancelledAtEachStep(t *testing.T) {
	for seed := range uint64(*searches * 10) {
		random := rand.New(rand.NewPCG(seed, 3))
		var few []imposture
		for range 1 + random.IntN(24) {
			few = append(few, imposture(random.IntN(int(impostures))))
		}
		after := time.Duration(random.Int64N(int64(4 * time.Second)))
		if seed%2 > 0 {
			after = time.Duration(random.Int64N(int64(40 * time.Millisecond))) // while the offerer is tried
		}
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			inCrowd(t, seed, few, func(c *crowd) {
				c.net.Delay(2 * time.Millisecond)
				ctx, cancel := context.WithTimeoutCause(c.Context(), after, context.Canceled)
				defer cancel()
				stop, end := context.WithCancel(c.Context())
				context.AfterFunc(ctx, end)
				began := time.Now()
				_, err := c.joiner.JoinPairing(stop, c.offer.Code(), peernet.Introduction{})
				if late := time.Since(began) - after; late > 0 {
					c.Errorf("it went on for %v", late)
				}
				if err != nil && !isOneOf(err, context.Canceled, peernet.ErrGuesses, peernet.ErrNoOffer) {
					c.Error(err)
				}
				if n := c.conns.Load(); n > 1 {
					c.Errorf("%d connections are left", n)
				}
				time.Sleep(15 * time.Minute)
				if a, b := c.offerer.Trusted(), c.joiner.Trusted(); len(a) != len(b) {
					c.Errorf("the offerer trusts %v, the joiner %v (%v)", a, b, err)
				}
			})
		})
	}
}

// TestAJoinerSaysWhatItHasMet: how many announce the number, and what they have said.
func TestAJoinerSaysWhatItHasMet(t *testing.T) {
	for name, c := range map[string]struct {
		all  []imposture
		want error
		text string
	}{
		"nodes that are away":       {[]imposture{isAway, isAway, isSilent}, peernet.ErrNoOffer, "(3 nodes announce this number)"},
		"one that refuses":          {[]imposture{refuses}, peernet.ErrNoOffer, "connection refused (1 node announces this number)"},
		"one whose offer has ended": {[]imposture{saysOver, isAway}, peernet.ErrCodeOver, "(2 nodes announce this number)"},
		"one with another code":     {[]imposture{guesses, isAway, refuses}, peernet.ErrWrongCode, "(3 nodes announce this number)"},
		"none":                      {nil, peernet.ErrNoOffer, ""},
	} {
		t.Run(name, func(t *testing.T) {
			inCrowd(t, 1, c.all, func(crowd *crowd) {
				code := crowd.offer.Code()
				crowd.offer.Close()
				crowd.offererIsMute.Store(true)
				err := crowd.join(code)
				if !errors.Is(err, c.want) || !strings.HasSuffix(err.Error(), c.text) {
					crowd.Errorf("the joiner says: %v", err)
				}
			})
		})
	}
}
