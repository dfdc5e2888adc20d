package usage

import (
	"fmt"
	"net"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/seed-f6ddb928/peernet-go/cmd/peernode/internal/failure"
	"github.com/seed-f6ddb928/peernet-go/cmd/peernode/internal/text"
	"github.com/seed-f6ddb928/peernet-go/envelope"
	"github.com/seed-f6ddb928/peernet-go/trust"
)

// Forms of values on the command line, as advice.
const (
	TimeForm    = "give it as 500ms, 10s or 2m"
	PortForm    = "give it as a number from 1 to 65535, such as 4040"
	addressForm = "give it as HOST:PORT, such as 192.168.1.7:41237 or [fe80::1%eth0]:41237, with a port from 1 to 65535"
	peerForm    = "give PEER as a label, as a key of 63 characters, or as the beginning of a key: pnet1 and at least 8 more"
)

// PeerHelp says in help texts how to name a peer.
const PeerHelp = `PEER is a trusted peer's label, its key, or the beginning of its key: pnet1 and at least 8 characters.`

// retype is the advice about a hidden character in the middle of an argument.
const retype = "type it instead of pasting it"

// checks has a check for some of the names of arguments in Use lines. Each returns the argument without hidden characters.
var checks = map[string]func(arg string) (string, error){"PEER": checkPeer, "KEY": checkKey, "NAME": checkName, "[ADDR]…": checkAddr}

// checkPeer returns an error unless arg can name a peer.
func checkPeer(arg string) (string, error) {
	if arg == "" {
		return "", failure.Usage("PEER is empty", peerForm)
	}
	name, err := text.TidyPeer(arg)
	if err == nil {
		err = text.CheckPeer(name)
	}
	if err != nil {
		return "", failure.UsageOf(fmt.Errorf("PEER: %.80q: %w", arg, err), peerForm)
	}
	return name, nil
}

// checkKey only tidies a key: trust add says what is wrong with it.
func checkKey(arg string) (string, error) {
	if key, err := text.TidyPeer(arg); err == nil {
		return key, nil
	}
	return arg, nil
}

// checkName returns an error unless arg can be the name of a handler.
func checkName(arg string) (string, error) {
	if err := envelope.CheckName(arg); err != nil {
		reason := strings.TrimPrefix(err.Error(), "envelope: ") // users do not know packages
		return "", failure.Usage(fmt.Sprintf("NAME: %.80q cannot be the name of a handler: %s", arg, reason), failure.NameForm)
	}
	return arg, nil
}

func checkAddr(arg string) (string, error) { return CheckDial("ADDR", arg) }

// CheckDial returns an error unless arg is HOST:PORT with a port that can be dialled. name is that of the argument or flag.
func CheckDial(name, arg string) (string, error) {
	address, err := text.Tidy(strings.TrimSpace(arg))
	if err == nil {
		_, _, err = trust.SplitAddr(address)
	}
	if err != nil {
		return "", failure.Usage(fmt.Sprintf("%s: %.80q is not an address", name, arg), addressForm)
	}
	return address, nil
}

// CheckListen returns nil if the value of a flag or argument is HOST:PORT, where the host may be missing and the port may be
// 0. Its error has this name and comes with this advice.
func CheckListen(name, value, advice string) error {
	host, service, err := net.SplitHostPort(value)
	_, portErr := strconv.ParseUint(service, 10, 16) // services have numbers here, not names
	if err != nil || portErr != nil || strings.ContainsFunc(host, func(r rune) bool { return !unicode.IsGraphic(r) || unicode.IsSpace(r) }) {
		return failure.Usage(fmt.Sprintf("%s: %.80q is not an address", name, value), advice)
	}
	return nil
}

// CheckText returns nil if the value of a flag is UTF-8 of at most limit bytes.
func CheckText(flag, value string, limit int) error {
	if !utf8.ValidString(value) {
		return failure.Usage(fmt.Sprintf("--%s: %.80q is not UTF-8", flag, value), retype)
	}
	if len(value) > limit {
		return failure.Usage(fmt.Sprintf("--%s has %d bytes", flag, len(value)), fmt.Sprintf("give it at most %d bytes", limit))
	}
	return nil
}

// CheckNumber returns nil if the value of a flag is not less than 0, and otherwise an error with this advice.
func CheckNumber[N ~int | ~int64](flag string, value N, advice string) error {
	if value < 0 {
		return failure.Usage(fmt.Sprintf("--%s is less than 0", flag), advice)
	}
	return nil
}
