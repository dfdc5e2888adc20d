package peernet_test

import (
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-f6ddb928/peernet-go/peernet"
	"github.com/seed-f6ddb928/peernet-go/peernet/peertest"
	"github.com/seed-f6ddb928/peernet-go/trust"
)

// TestAPeerThatWasConnectedIsKeptOnceTheFileCanBeWritten has the peers file in the way of a write from before the session until
// after the end of the provisional time.
func TestAPeerThatWasConnectedIsKeptOnceTheFileCanBeWritten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net, dir := peertest.NewNetwork(t), t.TempDir()
		file := filepath.Join(dir, "peers")
		peer := net.Node("peer")
		n := net.Node("node", peertest.Configure(func(c *peernet.Config) {
			c.DataDir = dir
			c.Timing.Reload = 24 * time.Hour
		}))
		must := func(err error) {
			t.Helper()
			if err != nil {
				t.Fatal(err)
			}
		}
		set, err := trust.Open(file)
		must(err)
		_, err = set.AddProvisional(trust.Peer{Key: peer.PublicKey()}, "", time.Now().Add(10*time.Minute))
		must(err)
		must(n.Reload())
		must(os.Rename(file, file+".aside"))
		must(os.Mkdir(file, 0o700))
		must(peer.Pair(n.PublicKey(), ""))
		must(n.Connect(t.Context(), peer.PublicKey(), peer.Addr().String()))
		time.Sleep(time.Hour)
		synctest.Wait()
		if list := n.Trusted(); len(list) != 1 {
			t.Fatalf("the node trusts %v while its file cannot be written", list)
		}
		must(os.Remove(file))
		must(os.Rename(file+".aside", file))
		time.Sleep(6 * time.Second)
		synctest.Wait()
		must(n.Reload())
		if list := n.Trusted(); len(list) != 1 {
			t.Errorf("the node trusts %v", list)
		} else if until, is := list[0].Provisional(); is {
			t.Errorf("the peer is provisional until %v", until)
		}
	})
}
