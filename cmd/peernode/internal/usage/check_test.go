package usage

import (
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"github.com/seed-f6ddb928/peernet-go/cmd/peernode/internal/failure"
)

func TestAddressesToListenOn(t *testing.T) {
	for text, want := range map[string]string{
		":0":               ":0",
		":7100":            ":7100",
		"127.0.0.1:0":      "127.0.0.1:0",
		"[::1]:65535":      "[::1]:65535",
		"[fe80::1%eth0]:0": "[fe80::1%eth0]:0",
		"localhost:7100":   "localhost:7100",
		"7100":             "127.0.0.1:7100",
		"0":                "127.0.0.1:0",
		" 7100\u200b":      "127.0.0.1:7100",
		"nonsense":         "",
		"":                 "",
		":":                "",
		":http":            "",
		":65536":           "",
		"65536":            "",
		":-1":              "",
		"-1":               "",
		"::1:7100":         "",
		"local host:7100":  "",
		"local\x00:7100":   "",
	} {
		got := text
		if err := CheckListen("listen", &got); got != want || (err == nil) != (want != "") || err != nil && !failure.IsUsage(err) {
			t.Errorf("%q: got %q, %v", text, got, err)
		}
	}
}

func TestTextsOfFlags(t *testing.T) {
	for text, good := range map[string]bool{"": true, "Bob": true, "Grü": true, "é": true, "Bob\xff": false, strings.Repeat("x", 9): false} {
		if err := CheckText("name", text, 8); (err == nil) != good || !good && !failure.IsUsage(err) {
			t.Errorf("%q: got %v", text, err)
		}
	}
}

func TestPeersAsGivenOnTheCommandLine(t *testing.T) {
	for text, good := range map[string]bool{
		"bob":                   true,
		"Bob's laptop":          true,
		bobKey:                  true,
		bobKey[:13]:             true,
		bobKey[:13] + "…":       true,
		"PNET1S5S0QZVF":         true,
		"":                      false,
		"pnet1":                 false,
		bobKey[:12]:             false,
		bobKey[:62] + "5":       false,
		bobKey + "q":            false,
		strings.Repeat("0", 64): false, // a key of low order
		strings.Repeat("g", 64): true,  // a label
	} {
		_, err := checkPeer(text)
		if (err == nil) != good || failure.IsUsage(err) == good {
			t.Errorf("%q: got %v", text, err)
		}
	}
}

func TestAddressesToConnectTo(t *testing.T) {
	for text, good := range map[string]bool{
		"192.168.1.7:41237":     true,
		"[fe80::1%eth0]:41237":  true,
		"[::1]:1":               true,
		"laptop.local:65535":    true,
		" laptop.local:1 ":      true,
		"192.168.1.7":           false,
		":41237":                false,
		"192.168.1.7:":          false,
		"192.168.1.7:0":         false,
		"192.168.1.7:65536":     false,
		"192.168.1.7:http":      false,
		"fe80::1:41237":         false,
		"":                      false,
		"192.168.1.7:41237 bob": false,
	} {
		if _, err := checkAddr(text); (err == nil) != good {
			t.Errorf("%q: got %v", text, err)
		}
	}
}

const bobKey = "pnet1s5s0qzvfxzn4gayt0hwtg0hhtgxm7wsdycup4a8t5j5ca25mfe4qwgsew4"

func TestAnAddressInAFlagHasNoSpacesAtItsEnds(t *testing.T) {
	var got []string
	cmd := &cobra.Command{}
	cmd.Flags().StringArrayVar(&got, "addr", nil, "")
	err := cmd.ParseFlags([]string{"--addr", " bob.example:7100", "--addr", "10.0.0.7:7100 \u00a0"})
	if err == nil {
		err = TidyFlags(cmd)
	}
	if want := []string{"bob.example:7100", "10.0.0.7:7100"}; err != nil || !slices.Equal(got, want) {
		t.Errorf("%q, %v", got, err)
	}
}
