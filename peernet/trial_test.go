package peernet_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-f6ddb928/peernet-go/peernet"
	"github.com/seed-f6ddb928/peernet-go/peernet/peertest"
	"github.com/seed-f6ddb928/peernet-go/trust"
)

// The times of a trial, docs/wire.md §14.6.
const (
	trialMost  = 10 * time.Minute
	trialLeast = 2 * time.Minute

	trialLongest = time.Hour
)

// A trialist is a node that reads its peers file when it is told to, and a peer of it.
type trialist struct {
	*peertest.Node
	t     *testing.T
	file  string
	peer  *peertest.Node
	began time.Time
}

// onTrial runs f in a bubble, with a node that has a peer on trial, which the file says ends so long after the beginning.
func onTrial(t *testing.T, until time.Duration, f func(n *trialist)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		net := peertest.NewNetwork(t)
		dir := t.TempDir()
		n := &trialist{t: t, file: filepath.Join(dir, "peers"), peer: net.Node("peer")}
		n.Node = net.Node("node", peertest.Configure(func(c *peernet.Config) {
			c.DataDir = dir
			c.Timing.Reload = 24 * time.Hour
		}))
		n.began = time.Now()
		n.edit(func(s *trust.Set) error {
			_, err := s.AddProvisional(trust.Peer{Key: n.peer.PublicKey()}, "peer", n.began.Add(until))
			return err
		})
		n.reload()
		f(n)
	})
}

// edit changes the peers file as a person does: the node is not told.
func (n *trialist) edit(change func(*trust.Set) error) {
	n.t.Helper()
	set, err := trust.Open(n.file)
	if err == nil {
		err = change(set)
	}
	if err != nil {
		n.t.Fatal(err)
	}
}

// replace changes the text of the peers file.
func (n *trialist) replace(old, now string) {
	n.t.Helper()
	text, err := os.ReadFile(n.file)
	if err != nil {
		n.t.Fatal(err)
	}
	after := strings.ReplaceAll(string(text), old, now)
	if after == string(text) {
		n.t.Fatalf("the file has no %q:\n%s", old, text)
	}
	if err := os.WriteFile(n.file, []byte(after), 0o600); err != nil {
		n.t.Fatal(err)
	}
}

func (n *trialist) reload() {
	n.t.Helper()
	if err := n.Reload(); err != nil {
		n.t.Fatal(err)
	}
	synctest.Wait()
}

// at sleeps until so long after the beginning.
func (n *trialist) at(d time.Duration) {
	time.Sleep(time.Until(n.began.Add(d)))
	synctest.Wait()
}

// wantEnd checks that the peer is trusted until so long after the beginning, and no longer.
func (n *trialist) wantEnd(end time.Duration) {
	n.t.Helper()
	n.at(end - 1)
	if len(n.Trusted()) != 1 {
		n.t.Errorf("not trusted before %v have passed", end)
	}
	n.at(end)
	if list := n.Trusted(); len(list) > 0 {
		n.t.Errorf("after %v the node trusts %v", end, list)
	}
	if text, err := os.ReadFile(n.file); err != nil || strings.Contains(string(text), "pnet1") {
		n.t.Errorf("the file holds %q, %v", text, err)
	}
}

// wantKept checks that the peer is trusted for good.
func (n *trialist) wantKept() {
	n.t.Helper()
	n.at(time.Hour)
	n.reload()
	if list := n.Trusted(); len(list) != 1 {
		n.t.Errorf("after an hour the node trusts %v", list)
	} else if until, still := list[0].Provisional(); still {
		n.t.Errorf("on trial until %v", until)
	}
}

const provisional = " provisional=2000-01-01T00:10:00Z" // what the file says of a trial of 10 min in a bubble

func TestATrialEndsInTime(t *testing.T) {
	for name, c := range map[string]struct{ until, end time.Duration }{
		"as written":                         {trialMost, trialMost},
		"a moment after the node has begun":  {time.Second, trialLeast},
		"while the node was down":            {-30 * time.Minute, trialLeast},
		"nearly an hour ago":                 {time.Minute - (trialLongest - trialMost), time.Minute},
		"a clock that was set back meantime": {365 * 24 * time.Hour, trialMost},
	} {
		t.Run(name, func(t *testing.T) {
			onTrial(t, c.until, func(n *trialist) { n.wantEnd(c.end) })
		})
	}
}

// TestATrialEndsThoughTheNodeRunsForAMomentAtATime has runs that are too short to give the peer its two minutes.
func TestATrialEndsThoughTheNodeRunsForAMomentAtATime(t *testing.T) {
	onTrial(t, trialMost, func(n *trialist) {
		for run := 90 * time.Second; time.Since(n.began)+run < trialLongest; {
			time.Sleep(run)
			n.Restart()
		}
		n.wantEnd(trialLongest)
	})
	t.Run("it is over when the node starts", func(t *testing.T) {
		onTrial(t, trialMost, func(n *trialist) {
			n.Stop()
			n.at(trialLongest)
			n.Restart()
			synctest.Wait()
			if list := n.Trusted(); len(list) > 0 {
				t.Errorf("the node trusts %v", list)
			}
		})
	})
}

func TestTheFirstSessionEndsATrial(t *testing.T) {
	for name, after := range map[string]time.Duration{"at once": 0, "a millisecond before its end": trialMost - time.Millisecond} {
		t.Run(name, func(t *testing.T) {
			onTrial(t, trialMost, func(n *trialist) {
				n.at(after)
				if err := n.peer.Pair(n.PublicKey(), ""); err != nil {
					n.t.Fatal(err)
				}
				if err := n.Connect(n.t.Context(), n.peer.PublicKey(), n.peer.Addr().String()); err != nil {
					n.t.Fatal(err)
				}
				n.wantKept()
			})
		})
	}
	t.Run("of another peer it does not", func(t *testing.T) {
		onTrial(t, trialMost, func(n *trialist) {
			other := peertest.KeyPair("other").PublicKey()
			n.edit(func(s *trust.Set) error { return s.Add(trust.Peer{Key: other}) })
			n.reload()
			n.at(trialMost)
			if list := n.Trusted(); len(list) != 1 || list[0].Key != other {
				n.t.Errorf("the node trusts %v", list)
			}
		})
	})
}

func TestAPersonEditsTheLineOfATrial(t *testing.T) {
	for name, reload := range map[string]func(*trialist){
		"and the node has read it":     (*trialist).reload,
		"and the node has not read it": func(*trialist) {},
	} {
		t.Run(name, func(t *testing.T) {
			t.Run("to keep it", func(t *testing.T) {
				onTrial(t, trialMost, func(n *trialist) {
					n.at(trialMost - time.Second)
					n.replace(provisional, "")
					reload(n)
					n.wantKept()
				})
			})
			t.Run("to another label", func(t *testing.T) {
				onTrial(t, trialMost, func(n *trialist) {
					n.at(5 * time.Minute)
					n.replace(" peer\n", " Bob\n")
					reload(n)
					n.wantEnd(trialMost)
				})
			})
			t.Run("to a later time", func(t *testing.T) {
				onTrial(t, trialMost, func(n *trialist) {
					n.at(trialMost - time.Second)
					n.replace("T00:10:00Z", "T00:15:00Z")
					reload(n)
					n.wantEnd(15 * time.Minute)
				})
			})
			t.Run("away", func(t *testing.T) {
				onTrial(t, trialMost, func(n *trialist) {
					n.at(time.Minute)
					if err := os.WriteFile(n.file, []byte("# nobody\n"), 0o600); err != nil {
						n.t.Fatal(err)
					}
					reload(n)
					n.at(trialMost + time.Second) // that peers are missing is read twice, with the set locked
					n.reload()
					if list := n.Trusted(); len(list) > 0 {
						n.t.Errorf("the node trusts %v", list)
					}
					// By hand it is trusted as any other is.
					if err := os.WriteFile(n.file, []byte(n.peer.PublicKey().String()+" peer\n"), 0o600); err != nil {
						n.t.Fatal(err)
					}
					n.reload()
					n.wantKept()
				})
			})
		})
	}
}

func TestATrialThatCannotBeEndedIsTriedAgain(t *testing.T) {
	onTrial(t, trialMost, func(n *trialist) {
		n.at(trialMost - time.Minute)
		aside := n.file + ".aside"
		move := func(from, to string) {
			n.t.Helper()
			if err := os.Rename(from, to); err != nil {
				n.t.Fatal(err)
			}
		}
		move(n.file, aside)
		if err := os.Mkdir(n.file, 0o700); err != nil {
			n.t.Fatal(err)
		}
		n.at(trialMost + time.Minute)
		if len(n.Trusted()) != 1 {
			n.t.Error("the peer has gone from a file that cannot be written")
		}
		if err := os.Remove(n.file); err != nil {
			n.t.Fatal(err)
		}
		move(aside, n.file)
		n.at(trialMost + time.Minute + 6*time.Second)
		if list := n.Trusted(); len(list) > 0 {
			n.t.Errorf("the node trusts %v", list)
		}
	})
}
