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

	"github.com/seed-f6ddb928/peernet-go/identity"
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

// short returns the beginning of a printed key; it is accepted wherever a peer is named.
func short(key identity.PublicKey) string { return keyPrefix + key.Fingerprint() + "…" }

// called returns how a person knows a peer: its label if it has one, and the beginning of its key.
func called(key identity.PublicKey, label string) string {
	if label == "" {
		return short(key)
	}
	return oneLine(label) + " (" + short(key) + ")"
}
