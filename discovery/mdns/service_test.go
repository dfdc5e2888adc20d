package mdns

import (
	"encoding/hex"
	"slices"
	"strings"
	"testing"

	"github.com/seed-f6ddb928/peernet-go/identity"
)

func TestNamesOfANodeAreThoseOfTheDocument(t *testing.T) {
	var k identity.PublicKey
	for i := range k {
		k[i] = byte(i)
	}
	const id = "000102030405060708090a0b0c0d0e0f"
	if got := instanceOf(k); got != id {
		t.Errorf("instance %q", got)
	}
	if got := hostOf(k); got != "pn-"+id {
		t.Errorf("host %q", got)
	}
	if got := nameOf(k); got != id+"._peernet._tcp.local." {
		t.Errorf("name %q", got)
	}
	if got := attributes(k, 0); !slices.Equal(got, []string{"pk=" + k.String(), "v=1"}) {
		t.Errorf("TXT %q", got)
	}
	if got, ok := instanceName(nameOf(k)); !ok || got != nameOf(k) {
		t.Errorf("its own name is %q, %v", got, ok)
	}
	if got, ok := keyIn(attributes(k, 0)); !ok || got != k {
		t.Errorf("its own TXT record: %v, %v", got, ok)
	}
}

func TestKeysAreReadFromTextRecords(t *testing.T) {
	k, o := key(1), key(2)
	for _, c := range []struct {
		name string
		txt  []string
		want identity.PublicKey // zero: none
	}{
		{"as a node sends it", attributes(k, 0), k},
		{"in another order, among others", []string{"", "=", "color=red", "v=1", "pk", "x", "pk=" + k.String()}, identity.PublicKey{}},
		{"among others", []string{"", "=", "color=red", "v=1", "flag", "pk=" + k.String(), "vv=2"}, k},
		{"names in upper case", []string{"PK=" + k.String(), "V=1"}, k},
		{"key in upper case", []string{"pk=" + strings.ToUpper(k.String()), "v=1"}, k},
		{"hexadecimal", []string{"pk=" + hex.EncodeToString(k[:]), "v=1"}, k},
		{"the first key counts", []string{"pk=" + k.String(), "pk=" + o.String(), "v=1"}, k},
		{"the first version counts", []string{"v=1", "v=2", "pk=" + k.String()}, k},
		{"the first version counts, also if it is wrong", []string{"v=2", "v=1", "pk=" + k.String()}, identity.PublicKey{}},
		{"no version", []string{"pk=" + k.String()}, identity.PublicKey{}},
		{"another version", []string{"pk=" + k.String(), "v=2"}, identity.PublicKey{}},
		{"a version that only begins so", []string{"pk=" + k.String(), "v=1.0"}, identity.PublicKey{}},
		{"no key", []string{"v=1"}, identity.PublicKey{}},
		{"an empty key", []string{"pk=", "v=1"}, identity.PublicKey{}},
		{"a mistyped key", []string{"pk=" + strings.Replace(k.String(), "q", "p", 1), "v=1"}, identity.PublicKey{}},
		{"a key with a space", []string{"pk=" + k.String() + " ", "v=1"}, identity.PublicKey{}},
		{"a key of low order", []string{"pk=" + strings.Repeat("0", 64), "v=1"}, identity.PublicKey{}},
		{"nothing", nil, identity.PublicKey{}},
	} {
		if got, ok := keyIn(c.txt); got != c.want && ok || ok != !c.want.IsZero() {
			t.Errorf("%s: %v, %v", c.name, got, ok)
		}
	}
}

func TestInstanceNamesAreOneLabelBeforeTheService(t *testing.T) {
	for name, want := range map[string]string{
		"abc._peernet._tcp.local.":             "abc._peernet._tcp.local.",
		"ABC._PeerNet._TCP.Local.":             "abc._peernet._tcp.local.",
		`My\ Node\.v2._peernet._tcp.local.`:    `my\ node\.v2._peernet._tcp.local.`,
		`\195\169._peernet._tcp.local.`:        `\195\169._peernet._tcp.local.`,
		`a\\._peernet._tcp.local.`:             `a\\._peernet._tcp.local.`,
		`a\._peernet._tcp.local.`:              "",
		"_peernet._tcp.local.":                 "",
		"a.b._peernet._tcp.local.":             "",
		"x._sub._peernet._tcp.local.":          "",
		"abc._peernet._udp.local.":             "",
		"abc.x_peernet._tcp.local.":            "",
		"abc._peernet._tcp.local.example.com.": "",
		"abc._peernet._tcp.example.com.":       "",
		"_services._dns-sd._udp.local.":        "",
		".":                                    "",
		"":                                     "",
	} {
		got, ok := instanceName(name)
		if ok != (want != "") || ok && got != want {
			t.Errorf("%q: %q, %v; want %q", name, got, ok, want)
		}
	}
}
