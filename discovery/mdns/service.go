package mdns

import (
	"encoding/hex"
	"strings"

	"github.com/miekg/dns"

	"github.com/seed-f6ddb928/peernet-go/identity"
)

// Names of wire.md §8.2.
const (
	serviceType = "_peernet._tcp"
	domain      = "local."
	serviceName = serviceType + "." + domain
)

// The strings of the TXT record.
const (
	keyAttribute     = "pk"
	versionAttribute = "v"
	version          = "1"
)

// instanceBytes is how many bytes of its key name a node's instance: enough that two nodes do not meet by chance, few
// enough for one label with the prefix of the host name.
const instanceBytes = 16

// instanceOf returns the first label of a node's instance name: hexadecimal digits, which no implementation has to
// escape.
func instanceOf(key identity.PublicKey) string { return hex.EncodeToString(key[:instanceBytes]) }

// hostPrefix is what a node's host name has before its instance.
const hostPrefix = "pn-"

// hostOf returns the first label of the host name under which a node announces its addresses. It is the node's and not
// the machine's, which may have the name of another.
func hostOf(key identity.PublicKey) string { return hostPrefix + instanceOf(key) }

// nameOf returns the full name of a node's instance, in canonical form.
func nameOf(key identity.PublicKey) string { return instanceOf(key) + "." + serviceName }

// attributes returns the strings of a node's TXT record.
func attributes(key identity.PublicKey) []string {
	return []string{keyAttribute + "=" + key.String(), versionAttribute + "=" + version}
}

// keyIn returns the key that the strings of a TXT record name. Of strings with the same name the first counts, in
// either case (RFC 6763 §6.4); others are ignored.
func keyIn(txt []string) (identity.PublicKey, bool) {
	valueOf := func(attribute string) string {
		for _, s := range txt {
			if name, value, _ := strings.Cut(s, "="); strings.EqualFold(name, attribute) {
				return value
			}
		}
		return ""
	}
	if valueOf(versionAttribute) != version {
		return identity.PublicKey{}, false
	}
	k, err := identity.ParsePublicKey(valueOf(keyAttribute))
	return k, err == nil
}

// instanceName returns the canonical form of a name, and whether it is that of an instance of our service: one label
// before serviceName, with whatever escapes.
func instanceName(name string) (string, bool) {
	name = dns.CanonicalName(name)
	const labels = 4 // instance, _peernet, _tcp, local
	return name, strings.HasSuffix(name, "."+serviceName) && dns.CountLabel(name) == labels
}
