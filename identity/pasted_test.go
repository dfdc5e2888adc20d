package identity

import (
	"errors"
	"strings"
	"testing"
)

func TestCharactersThatNoKeyHasAreNamed(t *testing.T) {
	key := testKeyText(t)
	for text, want := range map[string]string{
		key + "\r": "character 64 is U+000D", key + "\u00a0": "character 64 is U+00A0", "\u200b" + key: "character 1 is U+200B",
		"\ufeff" + key: "character 1 is U+FEFF", key[:10] + "\u00ad" + key[10:]: "character 11 is U+00AD", key + "\n": "character 64 is U+000A",
		"\u201c" + key + "\u201d": "character 1 is U+201C", key[:4] + "\u0131": "character 5 is U+0131",
	} {
		if _, err := ParsePublicKey(text); !errors.Is(err, ErrKeyText) || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %s", text, err, want)
		}
	}
}

// testKeyText returns a key as text.
func testKeyText(t *testing.T) string {
	t.Helper()
	pair, err := GenerateKeyPair(nil)
	if err != nil {
		t.Fatal(err)
	}
	return pair.PublicKey().String()
}

func TestAKeyFileThatAnEditorSavedOtherwise(t *testing.T) {
	const content = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VuBCIEIAEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEB\n-----END PRIVATE KEY-----\n"
	want, err := parse([]byte(content))
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{"\ufeff" + content, strings.ReplaceAll(content, "\n", "\r\n"), "\ufeff" + strings.ReplaceAll(content, "\n", "\r\n")} {
		if got, err := parse([]byte(text)); err != nil || got.PublicKey() != want.PublicKey() {
			t.Errorf("%q: %v", text[:10], err)
		}
	}
	var wide []byte
	for _, c := range []byte(content) {
		wide = append(wide, c, 0)
	}
	if _, err := parse(append([]byte("\xff\xfe"), wide...)); !errors.Is(err, ErrFileContent) || !strings.Contains(err.Error(), "UTF-16") {
		t.Error(err)
	}
}
