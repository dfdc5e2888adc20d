// Package netns gives tests machines of their own: hosts with real sockets, on bridges, in network namespaces of
// Linux. Only tests import it.
//
// Run runs a test in a copy of the test binary that has new network, mount and process namespaces, and as an ordinary
// user a new user namespace too. There NewBridge and NewHost make what the test needs, Attach joins them, Start runs
// programs in a host. Cables are pulled, cut and put back; addresses and interfaces come and go; a host loses power.
//
//	func TestPeersFindEachOther(t *testing.T) {
//		netns.Run(t, func(t *testing.T) {
//			lan := netns.NewBridge(t)
//			for i := 1; i <= 3; i++ {
//				h := netns.NewHost(t)
//				h.Attach(lan, "eth0", netns.Prefixes(i)...)
//				h.Start(exec.Command("peernode", "run"))
//			}
//		})
//	}
//
// Nothing reaches the machine's own interfaces: the copy has none but a loopback that is down. No namespace has a
// name, and the first process of the copy is the init of its process namespace, so whatever way it ends, SIGKILL
// included, the system ends all others with it and takes the namespaces back.
//
// Times that a test measures and holds against a bound it gives to Late: on a busy machine one attempt says nothing.
//
// What is left to tests is the data that processes leave on disk, for which there is t.TempDir.
package netns
