package mdns

import (
	"encoding/hex"
	"strconv"
	"strings"

	"github.com/miekg/dns"

	"github.com/seed-f6ddb928/peernet-go/discovery"
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
	offerAttribute   = "offer" // only while a pairing is offered
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

// attributes returns the strings of a node's TXT record. offer is the number of the pairing that it offers, or 0.
func attributes(key identity.PublicKey, offer uint16) []string {
	list := []string{keyAttribute + "=" + key.String(), versionAttribute + "=" + version}
	if offer != 0 {
		list = append(list, offerAttribute+"="+strconv.Itoa(int(offer)))
	}
	return list
}

// valueOf returns the value of an attribute among the strings of a TXT record, "" if there is none. Of strings with the
// same name the first counts, in either case (RFC 6763 §6.4); others are ignored.
func valueOf(txt []string, attribute string) string {
	for _, s := range txt {
		if name, value, _ := strings.Cut(s, "="); strings.EqualFold(name, attribute) {
			return value
		}
	}
	return ""
}

// keyIn returns the key that the strings of a TXT record name.
func keyIn(txt []string) (identity.PublicKey, bool) {
	if valueOf(txt, versionAttribute) != version {
		return identity.PublicKey{}, false
	}
	k, err := identity.ParsePublicKey(valueOf(txt, keyAttribute))
	return k, err == nil
}

// offerIn returns the number of the offer in the strings of a TXT record, 0 if there is none: two or three digits.
func offerIn(txt []string) uint16 {
	value := valueOf(txt, offerAttribute)
	number, err := strconv.ParseUint(value, 10, 16)
	if err != nil || value != strconv.Itoa(int(number)) || !discovery.IsOfferNumber(uint16(number)) {
		return 0
	}
	return uint16(number)
}

// instanceName returns the canonical form of a name, and whether it is that of an instance of our service: one label
// before serviceName, with whatever escapes.
func instanceName(name string) (string, bool) {
	name = dns.CanonicalName(name)
	const labels = 4 // instance, _peernet, _tcp, local
	return name, strings.HasSuffix(name, "."+serviceName) && dns.CountLabel(name) == labels
}
