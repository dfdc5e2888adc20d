package text

import (
	"fmt"
	"strings"
	"unicode"

	"github.com/seed-f6ddb928/peernet-go/identity"
)

// Tidy returns text without hidden characters at its ends. They come along when text is pasted, or read from a file of
// another system. A hidden character in the middle is an error that names it.
func Tidy(text string) (string, error) {
	text = strings.TrimFunc(text, IsHidden)
	for _, r := range text {
		if IsHidden(r) && r != '\u200c' && r != '\u200d' { // these join letters
			return "", fmt.Errorf("%.80q contains the invisible character %U", text, r)
		}
	}
	return text, nil
}

// TidyPeer is Tidy for the name of a peer. From a key, or the beginning of one, it removes all hidden characters and spaces.
func TidyPeer(text string) (string, error) {
	key := strings.Map(func(r rune) rune {
		if IsHidden(r) || unicode.IsSpace(r) {
			return -1
		}
		return r
	}, text)
	if _, err := identity.ParsePublicKey(key); err == nil || strings.HasPrefix(strings.ToLower(key), keyPrefix) {
		return key, nil
	}
	return Tidy(text)
}

// IsHidden says whether readers of a text do not see r, or take it for a plain space.
func IsHidden(r rune) bool {
	return r != ' ' && (unicode.IsSpace(r) || unicode.In(r, unicode.Cc, unicode.Cf, unicode.Z))
}
