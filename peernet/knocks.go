package peernet

import (
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/seed-f6ddb928/peernet-go/identity"
	"github.com/seed-f6ddb928/peernet-go/internal/durable"
	"github.com/seed-f6ddb928/peernet-go/internal/limiter"
)

// A Knock is a key that has connected and proved itself, and was refused because it is not trusted: somebody who may want to be
// let in, or a stranger.
type Knock struct {
	Number      int // assigned once, and never to another knock; from 1
	Key         identity.PublicKey
	Addr        netip.AddrPort // the last time; the port is that of the connection, and nothing listens there
	First, Last time.Time
	Count       uint64
}

// Bounds of the knocks that are kept, about 200 bytes each. One source cannot displace those of all others.
const (
	maxKnocks          = 64
	maxKnocksOfASource = 8
	maxIgnored         = 1024 // keys, 32 bytes each; then the first is forgotten
)

// knocksFile has the first number that no knock had: "next=N".
const (
	knocksFile  = "knocks"
	knocksMode  = 0o600
	knocksLimit = 64 // bytes
)

// Knocks returns who was refused lately because the key is not trusted, newest first: at most 64 keys, 8 of one source (an IPv4
// address, an IPv6 /64). They are lost when the node stops, and their numbers are not used again, by this node or the next
// one of its DataDir: so a number that a person has read names no other key later. The error says that the numbers could not be
// kept; then there are none. To let one in, Pair its Key; see Ignore and Block for the others. It is safe for concurrent use,
// and may wait for the disk.
func (n *Node) Knocks() ([]Knock, error) {
	list, err := n.knocks.listed()
	if err != nil {
		return nil, fmt.Errorf("knocks: %w", err)
	}
	return list, nil
}

// Ignore forgets the knocks of a key, and does not keep new ones until the node stops. The key is refused as before. It returns
// false if there was none. At most 1,024 keys are ignored; then the first one is forgotten.
func (n *Node) Ignore(key identity.PublicKey) bool { return n.knocks.ignore(key) }

// knocks are the keys that were refused. They are numbered when they are shown, so that strangers use up no numbers and cause no
// writes. It is safe for concurrent use.
type knocks struct {
	path string // of knocksFile; empty: the numbers are not kept

	numbering sync.Mutex // held while numbers are assigned, and guards next
	next      int        // 0: not read

	mu      sync.Mutex // guards the rest
	list    []*Knock   // by Last, oldest first; Number 0: not shown yet
	ignored []identity.PublicKey
}

// add notes a knock.
func (k *knocks) add(key identity.PublicKey, addr netip.AddrPort, now time.Time) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if slices.Contains(k.ignored, key) {
		return
	}
	one := &Knock{Key: key, First: now}
	source := limiter.SourceOf(addr.Addr())
	same := func(o *Knock) bool { return limiter.SourceOf(o.Addr.Addr()) == source }
	if at := slices.IndexFunc(k.list, func(o *Knock) bool { return o.Key == key }); at >= 0 {
		one = k.list[at]
		k.list = slices.Delete(k.list, at, at+1)
	} else if count(k.list, same) >= maxKnocksOfASource {
		at := slices.IndexFunc(k.list, same)
		k.list = slices.Delete(k.list, at, at+1)
	} else if len(k.list) >= maxKnocks {
		k.list = slices.Delete(k.list, 0, 1)
	}
	one.Addr, one.Last, one.Count = addr, now, one.Count+1
	k.list = append(k.list, one)
}

func count(list []*Knock, is func(*Knock) bool) (n int) {
	for _, o := range list {
		if is(o) {
			n++
		}
	}
	return n
}

// forget removes the knocks of a key. It returns false if there was none.
func (k *knocks) forget(key identity.PublicKey) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	before := len(k.list)
	k.list = slices.DeleteFunc(k.list, func(o *Knock) bool { return o.Key == key })
	return len(k.list) < before
}

func (k *knocks) ignore(key identity.PublicKey) bool {
	there := k.forget(key)
	k.mu.Lock()
	defer k.mu.Unlock()
	if there {
		k.ignored = append(k.ignored, key)
		k.ignored = k.ignored[max(0, len(k.ignored)-maxIgnored):]
	}
	return there
}

// listed numbers the knocks that were not shown yet, and returns all, newest first. The numbers are taken in the file before
// anybody sees them.
func (k *knocks) listed() ([]Knock, error) {
	k.numbering.Lock()
	defer k.numbering.Unlock()
	k.mu.Lock()
	fresh := count(k.list, func(o *Knock) bool { return o.Number == 0 })
	k.mu.Unlock()
	first, err := k.take(fresh)
	if err != nil {
		return nil, err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	var all []Knock
	for _, o := range k.list {
		if o.Number == 0 && fresh > 0 {
			o.Number = first
			first, fresh = first+1, fresh-1
		}
		if o.Number > 0 { // else it has come meanwhile
			all = append(all, *o)
		}
	}
	slices.Reverse(all)
	return all, nil
}

// take returns the first of n numbers that nobody has had, once the file says that they are taken.
func (k *knocks) take(n int) (int, error) {
	next := max(k.next, 1)
	if k.next == 0 && k.path != "" {
		data, _, err := durable.Read(k.path, knocksLimit)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return 0, fmt.Errorf("read %s: %w", k.path, durable.Cause(err))
		}
		if err == nil {
			word, ok := strings.CutPrefix(strings.TrimSpace(string(data)), "next=")
			if next, err = strconv.Atoi(word); err != nil || !ok || next < 1 {
				return 0, fmt.Errorf("read %s: want next=N: remove the file, and numbers begin at 1 again", k.path)
			}
		}
	}
	if n > 0 && k.path != "" {
		if err := durable.Replace(k.path, fmt.Appendf(nil, "next=%d\n", next+n), knocksMode); err != nil {
			return 0, fmt.Errorf("write %s: %w", k.path, durable.Cause(err))
		}
	}
	k.next = next + n
	return next, nil
}
