package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"sync"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// An output is a stream that remembers the first write that failed. It is safe for concurrent use.
type output struct {
	broken func() // called when a write fails; may be nil

	mu  sync.Mutex // guards the rest, and keeps one Write's bytes together
	w   io.Writer
	err error
}

// Write writes p in one piece.
func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	n, err := o.w.Write(p)
	if err != nil && o.err == nil {
		o.err = err
		if o.broken != nil {
			o.broken()
		}
	}
	return n, err
}

// failed returns the first error.
func (o *output) failed() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.err
}

// object prints v as JSON on one line of standard output.
func (a *app) object(v any) error {
	line, err := marshal(v)
	if err != nil {
		return err
	}
	_, err = a.out.Write(append(line, '\n'))
	return err
}

// marshal returns v as compact JSON that is safe to show on a terminal.
func marshal(v any) ([]byte, error) {
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, err
	}
	return printableJSON([]byte(strings.TrimSuffix(b.String(), "\n"))), nil
}

// printableJSON escapes what a terminal could take for a command, or what would show nothing. In valid JSON
// such characters occur only inside strings, where \u says the same.
func printableJSON(text []byte) []byte {
	out := make([]byte, 0, len(text))
	for _, r := range string(text) {
		switch {
		case r == '\n' || r == '\t' || unicode.IsPrint(r):
			out = append(out, string(r)...)
		case r > 0xffff:
			high, low := utf16.EncodeRune(r)
			out = fmt.Appendf(out, `\u%04x\u%04x`, high, low)
		default:
			out = fmt.Appendf(out, `\u%04x`, r)
		}
	}
	return out
}

// oneLine returns text, quoted if anything in it is not plain to see on one line. Much of what is printed
// was chosen by a peer.
func oneLine(text string) string {
	if !utf8.ValidString(text) {
		return strconv.Quote(text)
	}
	for _, r := range text {
		if !unicode.IsPrint(r) {
			return strconv.Quote(text)
		}
	}
	return text
}

// plainWord are the characters that mean nothing to a shell.
const plainWord = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_@%+=:,./-…"

// shellWord returns text as it is given to a shell, for hints.
func shellWord(text string) string {
	if strings.Trim(text, plainWord) == "" {
		return text
	}
	return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'"
}

// peerName returns how a person knows the trusted peer with this printed key: by its label, if it has one, and by the
// beginning of the key, which is marked as such and names the peer in every subcommand.
func peerName(key, label string) string {
	if len(key) == keyLength {
		key = key[:len(keyPrefix)+minPrefix] + "…"
	}
	return wholeName(key, label)
}

// wholeName is peerName with the whole key: for one that is not trusted, or not any more, since only a whole key can be
// trusted.
func wholeName(key, label string) string {
	if label == "" {
		return key
	}
	return oneLine(label) + " (" + key + ")"
}
