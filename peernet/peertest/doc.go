// Package peertest is a network in memory for tests of programs that are built on peernet: real nodes on a virtual LAN,
// with a script that says who finds whom, delays, partitions, crashes and restarts.
//
//	func TestGreeting(t *testing.T) {
//		synctest.Test(t, func(t *testing.T) {
//			net := peertest.NewNetwork(t)
//			alice := net.Node("alice")
//			bob := net.Node("bob", peertest.Setup(func(n *peernet.Node) error {
//				return peernet.Handle(n, "greet", greet) // what the program under test does with its node
//			}))
//			net.Trust(alice, bob)
//			net.Connect(alice, bob)
//			net.Delay(40*time.Millisecond, alice, bob)
//
//			start := time.Now()
//			reply, err := peernet.Call[string](t.Context(), alice.Node, bob.PublicKey(), "greet", "hello")
//			if err != nil || reply != "hello, alice" || time.Since(start) != 80*time.Millisecond {
//				t.Errorf("%q, %v, after %v", reply, err, time.Since(start))
//			}
//
//			net.Partition([]*peertest.Node{bob})
//			bob.AwaitDisconnected(alice)
//			net.Heal()
//			net.AwaitConnected(alice, bob)
//		})
//	}
//
// chat_test.go in this package is a longer example, of three programs that chat. badline_test.go has a slow line
// that loses announces, with Network.Bandwidth and Network.Lose.
//
// # Time
//
// Inside testing/synctest, as above, is the way to use it. There a minute costs nothing, nothing takes time but what a
// test tells to (so a delay can be measured to the nanosecond), and a goroutine that is left behind fails the test. Make
// the Network inside the bubble, with the bubble's own t. Outside a bubble everything works as well, on the real clock: to
// wait for a partition to be noticed takes half a minute then, unless Configure makes peernet.Config.Timing shorter. Tests
// may run in parallel; networks have nothing to do with each other.
//
// # What nodes are
//
// Everything above the sockets is what runs in production: handshakes, sessions, discovery, limits, backoff. Of
// peernet.Config the kit fills in
//
//   - Identity: KeyPair of the node's name, the same in every run;
//   - Listen: port 7100 of an address of the node's own, 10.0.0.1 for the first and so on, on one link for every 254;
//   - Network: the network in memory. discovery/udp works on it; discovery/mdns has sockets of its own and does not. The
//     name of a node is a host name there;
//   - Discovery: a script, driven by Network.Meet and Network.Part, Node.Finds and Node.Loses; else no node is found;
//   - Rand: made from the seed, the name and the count of starts, so that keys and backoff are those of the seed;
//   - Logger: lines at Info and above in the test's output, shown as those of t.Log are, with peers by name;
//   - System: one actor system for all nodes of the network.
//
// Configure changes any of it. A seed does not decide in which order goroutines take turns.
//
// # The end
//
// With the test the network heals, every node is shut down in the order it was made, and the test fails for a handler that
// does not end and for whatever is still open on the network.
//
// Methods that wait, change nodes or fail the test are called by the test's goroutine, as t.Fatal is. A Node's
// peernet.Node is, as ever, safe for concurrent use.
package peertest
