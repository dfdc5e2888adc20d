// Package vectors loads the test vectors of testdata/vectors, whose README describes each file. Only tests import it.
//
// Every loader ends the test when a file is missing, has a field that nobody reads, or holds no vectors, so that no test
// passes for having found nothing to do.
package vectors

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Hex is a byte string, written in JSON as lower-case hex.
type Hex []byte

// MarshalText returns h as lower-case hex.
func (h Hex) MarshalText() ([]byte, error) { return hex.AppendEncode(nil, h), nil }

// UnmarshalText sets h from hex of either case.
func (h *Hex) UnmarshalText(text []byte) error {
	b, err := hex.DecodeString(string(text))
	*h = b
	return err
}

// Unhex returns the bytes of hexadecimal digits, between which there may be spaces. It panics if they are none.
func Unhex(digits string) []byte {
	b, err := hex.DecodeString(strings.ReplaceAll(digits, " ", ""))
	if err != nil {
		panic(err)
	}
	return b
}

// Path returns the path of the file called name in testdata/vectors, whether or not it exists. It looks for that folder
// from the test's working directory upward.
func Path(t testing.TB, name string) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		folder := filepath.Join(dir, "testdata", "vectors")
		info, err := os.Stat(folder)
		if err == nil && info.IsDir() {
			return filepath.Join(folder, name)
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			t.Fatal(err)
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			t.Fatal("vectors: no folder testdata/vectors here or above")
		}
		dir = parent
	}
}

// Load decodes the file called name into v, which must have a field for each one of the file's.
func Load(t testing.TB, name string, v any) {
	t.Helper()
	f, err := os.Open(Path(t, name))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	d := json.NewDecoder(f)
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		t.Fatalf("vectors: %s: %v", name, err)
	}
	if _, err := d.Token(); err != io.EOF {
		t.Fatalf("vectors: %s: something follows the JSON value", name)
	}
}
