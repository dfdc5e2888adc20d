// Package trust says which keys may connect. The peers that may are a set, kept in a file that people edit by hand. A
// handshake asks the set at the steps of wire.md §4.3 and §4.4. The key alone decides.
//
// [Open] reads the set from its file and [NewSet] makes one in memory. [Set.Contains] answers a handshake. [Set.Add]
// and [Set.Remove] change the set and its file, [Set.Poll] follows the edits of others to the file, and [Set.Watch]
// reports every change. A [Set] is safe for concurrent use; Contains, Get, List and Find never wait.
//
// # The peers file
//
// One peer per line, as in OpenSSH's authorized_keys:
//
//	# laptops
//	pnet1s5s0qzvfxzn4gayt0hwtg0hhtgxm7wsdycup4a8t5j5ca25mfe4qwgsew4 Alice's laptop
//	pnet1m60dkltm0hqmf56mv8pweep4xulcxs7gtduxwnddl3lpgmug9d8s2sumpy addr=192.0.2.7:7100 dialect=native Bob
//
//	file   = { line end }              the last line needs no end
//	end    = LF | CR LF
//	line   = blank | comment | peer [ comment ]
//	peer   = key { option } [ label ]  separated by spaces and tabs, which may stand at both ends as well
//	comment = "#" text                 to the end of the line
//	option = name "=" value            name: a-z, then a-z, 0-9 and "-"
//	value  = word | quoted             word: no space, no tab, no quotation mark
//	label  = text | quoted             text: to the end of the line
//	quoted = a quotation mark, characters, a quotation mark; in it \" is a quotation mark and \\ a backslash
//
// A key is in any form that [identity.ParsePublicKey] reads. Options come before the label: a label whose first word
// has a "=", that begins with a quotation mark, or that has a "#" at its beginning or after a space, must be quoted:
// there it begins a comment, or could be meant to. So must a label in which an option could be meant, as in
// "Bob addr=host:7100" and "addr = host:7100", or that has an address. A label has at most 64 bytes and must not look like
// a key. Spaces around it do not count. Options and labels are UTF-8 without control characters; labels and
// addresses have no other invisible characters either. A node uses the options [OptionAddr], [OptionDialect] and
// [OptionProvisional]; all others are kept, but for other spellings of "addr", such as "address".
//
// A line counts whole or not at all. A bad line (a mistyped key, a key that an earlier line has, a label that is too
// long, more than 4 KiB) trusts nobody and does not affect any other line. [Set.Problems] names it. It stays in the
// file as it is until it is corrected, or until its key is removed.
//
// A change of the set writes only the line of its peer. Every other line, comments and blank lines too, keeps its
// position and its bytes.
//
// # When the file cannot be used
//
// Damage to the file does not cost peers their trust. The set stays as it was read before, [Set.Reload] returns an
// error, and Add and Remove refuse to write, if the file
//
//   - cannot be read, is not a file, or is larger than 1 MiB;
//   - is gone, because some editors remove it for a moment when they save it; to trust nobody, make it empty;
//   - has lost its last good line and gained a bad one, because a bad line never empties the set.
//
// A peer counts as removed only if it is missing from a second reading too, 20 ms later: an editor may have written
// half of the file at the first.
package trust

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/seed-f6ddb928/peernet-go/identity"
)

// Names of the options whose values are checked.
const (
	// OptionAddr is an address where the peer can be reached, host:port; see [SplitAddr]. The name of a host is looked up
	// at each dial. It may be given several times.
	OptionAddr = "addr"
	// OptionDialect fixes the dialect that the peer is spoken with: native or beam, given once at most. Without it, a node
	// finds out.
	OptionDialect = "dialect"
)

// labelLimit is the longest label, in bytes: it fits on a line of a screen beside a key.
const labelLimit = 64

// A Peer is a key that may connect, with the label and the options that the owner of this node, never the peer, chose.
type Peer struct {
	Key     identity.PublicKey
	Label   string   // for people; may be empty
	Options []Option // in their order in the file
}

// An Option is one name=value of a peer. A name may stand several times.
type Option struct {
	Name, Value string
}

// Option returns all values of the option called name, in order.
func (p Peer) Option(name string) []string {
	var values []string
	for _, option := range p.Options {
		if option.Name == name {
			values = append(values, option.Value)
		}
	}
	return values
}

// clone returns a copy of p that shares no memory with it.
func (p Peer) clone() Peer {
	p.Options = slices.Clone(p.Options)
	return p
}

// equal reports whether p and o are the same peer with the same label and options.
func (p Peer) equal(o Peer) bool {
	return p.Key == o.Key && p.Label == o.Label && slices.Equal(p.Options, o.Options)
}

// check returns why p cannot be in a peers file, or nil.
func (p Peer) check() error {
	if _, err := identity.NewPublicKey(p.Key[:]); err != nil {
		return err
	}
	for _, option := range p.Options {
		if err := checkOption(option); err != nil {
			return err
		}
	}
	for _, name := range []string{OptionDialect, OptionProvisional} {
		if values := p.Option(name); len(values) > 1 {
			return fmt.Errorf("%w: %s is set %d times", ErrOptionValue, name, len(values))
		}
	}
	return checkLabel(p.Label)
}

// checkLabel returns why label is not a valid label, or nil.
func checkLabel(label string) error {
	if err := checkText(label, isInvisible); err != nil { // before the length: another system's line end joins two lines
		return fmt.Errorf("label: %w", err)
	}
	if len(label) > labelLimit {
		return fmt.Errorf("%w: %d bytes, at most %d are allowed", ErrLabelTooLong, len(label), labelLimit)
	}
	if looksLikeKey(label) {
		return fmt.Errorf("%w: %q", ErrLabelIsKey, label)
	}
	return nil
}

// looksLikeKey reports whether people could take text for a key: it is a key, a mistyped key, or it begins as keys do.
func looksLikeKey(text string) bool {
	_, err := identity.ParsePublicKey(text)
	return !errors.Is(err, identity.ErrKeyText) || strings.HasPrefix(strings.ToLower(text), "pnet1")
}

// otherAddr matches other spellings of [OptionAddr].
var otherAddr = regexp.MustCompile(`^` + addrSpelling + `$`)

// addrSpelling matches [OptionAddr] as people write it.
const addrSpelling = `(?i:add?r(?:ess)?e?s?)`

// checkOption returns why option is not a valid option, or nil.
func checkOption(option Option) error {
	if !isName(option.Name) || option.Name != OptionAddr && otherAddr.MatchString(option.Name) {
		return fmt.Errorf("%w: %.80q", ErrOptionName, option.Name)
	}
	refused := unicode.IsControl
	if option.Name == OptionAddr {
		refused = isInvisible
	}
	if err := checkText(option.Value, refused); err != nil {
		return fmt.Errorf("option %.80s: %w", option.Name, err)
	}
	switch option.Name {
	case OptionAddr:
		if _, _, err := SplitAddr(option.Value); err != nil {
			return fmt.Errorf("%w: write addr=HOST:PORT, without spaces: %.80q: %w", ErrOptionValue, option.Value, err)
		}
	case OptionProvisional:
		return checkProvisional(option.Value)
	case OptionDialect:
		if option.Value != "native" && option.Value != "beam" {
			return fmt.Errorf("%w: write dialect=WORD, without spaces: %.80q: want native or beam", ErrOptionValue, option.Value)
		}
	}
	return nil
}

// checkText returns [ErrCharacter] unless text is UTF-8 without characters that are refused.
func checkText(text string, refused func(rune) bool) error {
	if !utf8.ValidString(text) {
		return fmt.Errorf("%w: not UTF-8", ErrCharacter)
	}
	if i := strings.IndexFunc(text, refused); i >= 0 {
		char, _ := utf8.DecodeRuneInString(text[i:])
		return fmt.Errorf("%w: invisible character %U", ErrCharacter, char)
	}
	return nil
}

// isInvisible reports whether char cannot be seen. A joiner is seen: it makes one sign of several.
func isInvisible(char rune) bool {
	const nonJoiner, joiner = '\u200c', '\u200d'
	return char != ' ' && char != nonJoiner && char != joiner && (unicode.IsControl(char) || unicode.In(char, unicode.Cf, unicode.Z))
}

// isName reports whether text is a-z, then a-z, 0-9 and "-".
func isName(text string) bool {
	for i, char := range text {
		letter := 'a' <= char && char <= 'z'
		other := '0' <= char && char <= '9' || char == '-'
		if !letter && (!other || i == 0) {
			return false
		}
	}
	return text != ""
}

// maxHost is the bytes that a host name may have, as in the DNS, without a final dot.
const maxHost = 253

// SplitAddr returns the host and the port of an address that can be dialled, as [OptionAddr] has it: "host:port", where
// the host is an IP address or a name, and the port a number from 1 to 65535. Names are not looked up.
func SplitAddr(address string) (host string, port uint16, err error) {
	host, service, err := net.SplitHostPort(address)
	name := strings.TrimSuffix(host, ".")
	if err != nil || name == "" || strings.ContainsAny(host, ` /\"#@?,;=`) || strings.ContainsFunc(host, isInvisible) {
		return "", 0, errors.New("want host:port")
	}
	number, err := strconv.ParseUint(service, 10, 16)
	if err != nil || number == 0 {
		return "", 0, errors.New("want host:port, with a port from 1 to 65535")
	}
	if _, err := netip.ParseAddr(host); err != nil && strings.ContainsAny(host, ":%") {
		return "", 0, errors.New("want host:port, with a host that is an IP address or a name")
	}
	if len(name) > maxHost {
		return "", 0, fmt.Errorf("a host name has at most %d bytes", maxHost)
	}
	return host, uint16(number), nil
}
