package peernet_test

import (
	"bytes"
	"encoding/binary"
	"net/netip"
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/seed-f6ddb928/peernet-go/discovery/udp"
	"github.com/seed-f6ddb928/peernet-go/identity"
	"github.com/seed-f6ddb928/peernet-go/internal/test/netns"
	"github.com/seed-f6ddb928/peernet-go/private"
)

// announcedFor is long enough for four rounds of announces, and some answers.
const announcedFor = 7 * time.Second

// privately has two nodes on a link that are paired with each other, and one that is paired with another node.
func privately(t *testing.T) {
	hosts, _ := netns.NewLAN(t, 3)
	frames := tap(t, hosts[2])
	stranger := startHosted(t, hosts[2], hostedConfig{Number: 3, Trusts: []int{4}, Way: "udp", Private: true})
	stranger.says("started", stranger.Began)
	a := startHosted(t, hosts[0], hostedConfig{Number: 1, Trusts: []int{2}, Way: "udp", Private: true})
	b := startHosted(t, hosts[1], hostedConfig{Number: 2, Trusts: []int{1}, Way: "udp", Private: true})
	netns.Within(t, "two in private mode are connected", meet(t, b.Began, a, b), time.Second)
	time.Sleep(announcedFor)
	for _, n := range []struct {
		*hosted
		seen *hosted // nil: none
	}{{a, b}, {b, a}, {stranger, nil}} {
		for _, l := range n.Lines(n.Began) {
			if s := l.Value; s.Peer != "" && (n.seen == nil || s.Peer != n.seen.key.String()) {
				t.Errorf("%s tells of a node: %+v", n.Name, s)
			}
		}
	}
	wantNoTrace(t, frames(), []identity.PublicKey{a.key, b.key, stranger.key})
}

// tap keeps every frame that comes in on a host or leaves it, and returns what returns them, once.
func tap(t *testing.T, h *netns.Host) (frames func() [][]byte) {
	t.Helper()
	const all = syscall.ETH_P_ALL<<8&0xff00 | syscall.ETH_P_ALL>>8 // in the order of the network
	var fd int
	var err error
	h.Do(func() {
		fd, err = syscall.Socket(syscall.AF_PACKET, syscall.SOCK_RAW|syscall.SOCK_NONBLOCK|syscall.SOCK_CLOEXEC, all)
	})
	if err != nil {
		t.Fatal(err)
	}
	socket := os.NewFile(uintptr(fd), "tap")
	var got [][]byte // its reader's, until that has ended
	end := make(chan struct{})
	go func() {
		defer close(end)
		for {
			b := make([]byte, 2048)
			n, err := socket.Read(b)
			if err != nil {
				return
			}
			got = append(got, b[:n])
		}
	}()
	frames = func() [][]byte {
		_ = socket.Close()
		<-end
		return got
	}
	t.Cleanup(func() { frames() })
	return frames
}

// wantNoTrace checks that what was on the link are private announces, that nothing tells a key, and that no two announces
// have eight bytes in common but those that all have at the beginning.
func wantNoTrace(t *testing.T, frames [][]byte, keys []identity.PublicKey) {
	t.Helper()
	const header = len("PNEP") + 1
	announces := make(map[netip.Addr]int)
	parts := make(map[[8]byte]int) // and the number of the frame
	for i, f := range frames {
		for _, key := range keys {
			if bytes.Contains(f, key[:]) || bytes.Contains(f, []byte(key.String())) {
				t.Errorf("%x tells the key %v", f, key)
			}
		}
		from, port, payload, ok := datagramIn(f)
		if !ok {
			continue // TCP between the two while the bridge learns where they are, or what the system says itself
		}
		if _, err := private.ParsePacket(payload); err != nil || port != udp.DefaultPort {
			t.Errorf("to port %d goes %x: %v", port, payload, err)
			continue
		}
		announces[from]++
		for rest := payload[header:]; len(rest) >= 8; rest = rest[1:] {
			if other, ok := parts[[8]byte(rest)]; ok && other != i {
				t.Errorf("%x is in two announces", rest[:8])
			}
			parts[[8]byte(rest)] = i
		}
	}
	t.Logf("%d frames, announces of each: %v", len(frames), announces)
	for n := range keys {
		for _, p := range []netip.Prefix{netns.Prefixes(n + 1)[0], netns.Prefixes(n + 1)[2]} {
			if announces[p.Addr()] < 4 {
				t.Errorf("%v announces %d times", p.Addr(), announces[p.Addr()])
			}
		}
	}
}

// datagramIn returns where the UDP datagram in a frame comes from, the port that it goes to, and its payload.
func datagramIn(f []byte) (from netip.Addr, port uint16, payload []byte, ok bool) {
	const ethernet, ipv6 = 14, 40
	if len(f) < ethernet+ipv6 {
		return from, 0, nil, false
	}
	ip := f[ethernet:]
	switch kind := binary.BigEndian.Uint16(f[12:]); {
	case kind == syscall.ETH_P_IP && ip[9] == syscall.IPPROTO_UDP:
		from, payload = netip.AddrFrom4([4]byte(ip[12:])), ip[int(ip[0]&15)*4:]
	case kind == syscall.ETH_P_IPV6 && ip[6] == syscall.IPPROTO_UDP:
		from, payload = netip.AddrFrom16([16]byte(ip[8:])), ip[ipv6:]
	default:
		return from, 0, nil, false
	}
	if size := int(binary.BigEndian.Uint16(payload[4:])); size >= 8 && size <= len(payload) {
		return from, binary.BigEndian.Uint16(payload[2:]), payload[8:size], true
	}
	return from, 0, nil, false
}
