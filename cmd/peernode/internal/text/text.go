// Package text is what people see and type: text that is safe on a terminal, and the names of peers.
package text

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// JSON returns v as compact JSON that is safe to show on a terminal.
func JSON(v any) ([]byte, error) {
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, err
	}
	return PrintableJSON([]byte(strings.TrimSuffix(b.String(), "\n"))), nil
}

// PrintableJSON escapes characters that a terminal could take for a command or would not show. In valid JSON they occur only
// inside strings, where \u means the same.
func PrintableJSON(text []byte) []byte {
	out := make([]byte, 0, len(text))
	for _, r := range string(text) {
		if r == '\n' || r == '\t' || unicode.IsPrint(r) {
			out = utf8.AppendRune(out, r)
			continue
		}
		for _, unit := range utf16.AppendRune(nil, r) {
			out = fmt.Appendf(out, `\u%04x`, unit)
		}
	}
	return out
}

// OneLine returns text, quoted if it has a character that is not printable. Peers choose many texts that the command prints.
func OneLine(text string) string {
	unprintable := func(r rune) bool { return !unicode.IsPrint(r) }
	if !utf8.ValidString(text) || strings.ContainsFunc(text, unprintable) {
		return strconv.Quote(text)
	}
	return text
}

// plainWord are the characters that mean nothing to a shell.
const plainWord = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_@%+=:,./-…"

// ShellWord returns text quoted for a shell if need be. It is for advice.
func ShellWord(text string) string {
	if strings.Trim(text, plainWord) == "" {
		return text
	}
	return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'"
}

// Count returns n and what, with an s unless n is 1.
func Count(n int, what string) string {
	if n != 1 {
		what += "s"
	}
	return fmt.Sprintf("%d %s", n, what)
}

// Problem says that a provider cannot do something, on a network interface if on names one, and why. Without a reason it
// says that the provider can do it again.
func Problem(doing, on, reason string) string {
	if on != "" {
		doing += " on " + OneLine(on)
	}
	if reason == "" {
		return "can " + doing + " again"
	}
	return "cannot " + doing + ": " + OneLine(reason)
}

// Size returns a number of bytes as text for people.
func Size(n uint64) string {
	if n < 1000 {
		return fmt.Sprintf("%d B", n)
	}
	value, units := float64(n), "kMGTPE"
	i := -1
	for value >= 999.95 { // 999.95 would be printed as 1000.0
		value /= 1000
		i++
	}
	return fmt.Sprintf("%.1f %cB", value, units[i])
}
