package main

import (
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"unicode"

	"github.com/seed-f6ddb928/peernet-go/envelope"
	"github.com/seed-f6ddb928/peernet-go/identity"
)

// Forms of what is given on the command line.
const (
	addressHint = "give it as HOST:PORT, such as 192.168.1.7:41237 or [fe80::1%eth0]:41237"
	listenHint  = "give it as HOST:PORT, such as 127.0.0.1:7100, or as :PORT for all addresses; port 0 is any free one"
	metricsHint = "give it as HOST:PORT of this machine, such as 127.0.0.1:9464; port 0 is any free one"
	peerForm    = "give PEER as a label, as a key of 63 characters, or as the beginning of a key: pnet1 and at least 8 more"
	portHint    = "give it as a number from 1 to 65535, such as 4040"
	nameForm    = "a name has 1 to 255 bytes of UTF-8, no control characters, and does not begin with $/"
)

// checkAddress says whether text is HOST:PORT with a port that can be dialled.
func checkAddress(text string) error {
	host, port, ok := splitAddress(text)
	if !ok || host == "" || port == 0 {
		return usage(fmt.Sprintf("ADDR: %.80q is not an address", text), addressHint)
	}
	return nil
}

// checkListen says whether text is HOST:PORT, where the host may be missing and the port may be 0.
func checkListen(text string) error {
	if _, _, ok := splitAddress(text); !ok {
		return usage(fmt.Sprintf("--listen: %.80q is not an address", text), listenHint)
	}
	return nil
}

// splitAddress returns the parts of HOST:PORT, and whether text has that form. Services have numbers here, not names.
func splitAddress(text string) (host string, port uint16, ok bool) {
	host, service, err := net.SplitHostPort(text)
	if err != nil || strings.ContainsFunc(host, func(r rune) bool { return !unicode.IsGraphic(r) || unicode.IsSpace(r) }) {
		return "", 0, false
	}
	n, err := strconv.ParseUint(service, 10, 16)
	return host, uint16(n), err == nil
}

// checkPeer says whether text can name a peer: it is a key, could be the beginning of one, or could be a label.
func checkPeer(text string) error {
	if text == "" {
		return usage("PEER is empty", peerForm)
	}
	_, begins := beginning(text)
	_, err := identity.ParsePublicKey(text)
	likeKey := !errors.Is(err, identity.ErrKeyText) || strings.HasPrefix(strings.ToLower(text), keyPrefix) // no label is
	if err == nil || begins || !likeKey {
		return nil
	}
	return &usageError{fmt.Errorf("PEER: %.80q: %w", text, err), peerForm}
}

// checkTarget says whether a call or a send can go to the peer and the handler that are named like this.
func checkTarget(peer, name string) error {
	if err := checkPeer(peer); err != nil {
		return err
	}
	return checkName(name)
}

// checkName says whether text can be the name of a handler.
func checkName(text string) error {
	if err := envelope.CheckName(text); err != nil {
		return &usageError{fmt.Errorf("NAME: %.80q cannot be the name of a handler: %w", text, plain(err)), nameForm}
	}
	return nil
}

// checkLength says whether the value of a flag has at most limit bytes.
func checkLength(flag, value string, limit int) error {
	if len(value) > limit {
		return usage(fmt.Sprintf("--%s has %d bytes", flag, len(value)), fmt.Sprintf("give it at most %d bytes", limit))
	}
	return nil
}

// A plainError is an error whose text is without the name of the package it comes from, which people do not know.
type plainError struct{ err error }

func (e plainError) Error() string { return strings.TrimPrefix(e.err.Error(), "envelope: ") }
func (e plainError) Unwrap() error { return e.err }

// plain returns err as a plainError.
func plain(err error) error { return plainError{err} }
