package usage

import (
	"cmp"
	"fmt"
	"net"
	"strconv"
	"strings"
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

// CheckLabel returns an error if a new label would be taken for the number of a knock.
func CheckLabel(label string) error {
	if text.IsNumber(strings.TrimSpace(label)) {
		return failure.Usage(fmt.Sprintf("the label %.80q is a number", label), "choose a --label that nobody takes for the number of a knock")
	}
	return nil
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
	if envelope.CheckName(arg) != nil {
		return "", failure.Usage(fmt.Sprintf("NAME: %.80q cannot be the name of a handler", arg), failure.NameForm)
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

// AddressHelp says in help texts how to give an address that is usually one of this machine.
const AddressHelp = `PORT alone is that of 127.0.0.1, and :PORT that of any address of this machine.`

// localForm returns advice for an address as AddressHelp has it, between what stands before and after it.
func localForm(before, after string) string {
	return fmt.Sprintf("give it as %[1]sHOST:PORT%[2]s, as %[1]sPORT%[2]s for 127.0.0.1:PORT, or as %[1]s:PORT%[2]s for any address of this machine", before, after)
}

// CheckListen returns nil if the value of a flag or argument is an address to listen at, as AddressHelp has it, and makes it one
// that the net package takes. The port may be 0.
func CheckListen(what string, value *string) (err error) {
	*value, err = checkLocal(what, *value, 0, localForm("", "")+"; port 0 is any free one")
	return err
}

// checkLocal returns an address that is given as AddressHelp has it, with a port of at least least, as the net package takes it.
func checkLocal(what, value string, least uint64, advice string) (string, error) {
	address, err := text.Tidy(strings.TrimSpace(value))
	if _, notPort := strconv.ParseUint(address, 10, 16); notPort == nil {
		address = "127.0.0.1:" + address
	}
	host, service, splitErr := net.SplitHostPort(address)
	port, portErr := strconv.ParseUint(service, 10, 16) // services have numbers here, not names
	if err = cmp.Or(err, splitErr, portErr); err == nil && host != "" {
		_, _, err = trust.SplitAddr(net.JoinHostPort(host, "1"))
	}
	if err != nil || port < least {
		return "", failure.Usage(fmt.Sprintf("%s: %.80q is not an address", what, value), advice)
	}
	return address, nil
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
