package vectors

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"testing"
)

// fakeT records that a test would have ended.
type fakeT struct {
	testing.TB
	text string
}

func (*fakeT) Helper() {}
func (f *fakeT) Fatal(args ...any) {
	f.text = fmt.Sprintln(args...)
	runtime.Goexit()
}
func (f *fakeT) Fatalf(format string, args ...any) {
	f.text = fmt.Sprintf(format, args...)
	runtime.Goexit()
}

// fatal reports whether load ends its test.
func fatal(t *testing.T, load func(testing.TB)) bool {
	t.Helper()
	f := &fakeT{TB: t}
	done := make(chan struct{})
	finished := false
	go func() { // ended by load's return or by Goexit, and waited for here
		defer close(done)
		load(f)
		finished = true
	}()
	<-done
	return !finished && f.text != ""
}

func TestEveryNoiseFileLoads(t *testing.T) {
	for _, name := range []string{NoiseNative, NoisePrologue, NoiseBEAM, NoisePrivate, NoiseGuest} {
		names := make(map[string]bool)
		for _, v := range Noise(t, name).Vectors {
			if v.Name == "" || names[v.Name] {
				t.Errorf("%s: the name %q is missing or not unique", name, v.Name)
			}
			names[v.Name] = true
		}
	}
	names := make(map[string]bool)
	for _, v := range Failures(t).Vectors {
		if v.Name == "" || v.Why == "" || v.Error == "" || len(v.Messages) == 0 || names[v.Name] {
			t.Errorf("%s: %q is incomplete or not unique", NoiseFailures, v.Name)
		}
		names[v.Name] = true
	}
}

// TestNothingToLoadIsFatal shows that no test passes because its vectors are not there.
func TestNothingToLoadIsFatal(t *testing.T) {
	root := t.TempDir()
	folder := filepath.Join(root, "testdata", "vectors")
	deep := filepath.Join(root, "a", "testdata") // a folder of that name without vectors is passed by
	for _, dir := range []string{folder, deep} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for name, text := range map[string]string{
		"empty.json":      `{"protocol":"x","prologue":"","payloads":"empty","vectors":[]}`,
		"null.json":       `null`,
		"unknown.json":    `{"vektors":[]}`,
		"trailing.json":   `{"prologue":""} {}`,
		"bad.json":        `{"vectors":`,
		"hex.json":        `{"prologue":"0g"}`,
		"incomplete.json": `{"prologue":"","vectors":[{"name":"x"}]}`,
		"short.json":      `{"prologue":"","vectors":[{"name":"x","messages":[{},{},{}],"transport":[{}],"handshake_hash":"00"}]}`,
	} {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		t.Run(name, func(t *testing.T) {
			t.Chdir(deep)
			if !fatal(t, func(t testing.TB) { Noise(t, name) }) {
				t.Error("the test went on")
			}
		})
	}
	t.Run("no failures", func(t *testing.T) {
		t.Chdir(deep)
		if err := os.WriteFile(filepath.Join(folder, NoiseFailures), []byte(`{"vectors":[]}`), 0o644); err != nil {
			t.Fatal(err)
		}
		if !fatal(t, func(t testing.TB) { Failures(t) }) {
			t.Error("the test went on")
		}
	})
	t.Run("no file", func(t *testing.T) {
		t.Chdir(deep)
		if !fatal(t, func(t testing.TB) { Noise(t, "absent.json") }) {
			t.Error("the test went on")
		}
	})
	t.Run("no folder", func(t *testing.T) {
		t.Chdir(t.TempDir())
		if !fatal(t, func(t testing.TB) { Path(t, "absent.json") }) {
			t.Error("the test went on")
		}
	})
}

func TestHexRoundTrip(t *testing.T) {
	for _, want := range []string{`""`, `"00"`, `"ff00ab"`} {
		var h Hex
		if err := json.Unmarshal([]byte(want), &h); err != nil {
			t.Fatal(err)
		}
		if got, err := json.Marshal(h); err != nil || string(got) != want {
			t.Errorf("got %s, %v, want %s", got, err, want)
		}
	}
	var h Hex
	if err := json.Unmarshal([]byte(`"0"`), &h); err == nil {
		t.Error("half a byte was read")
	}
	var syntax *json.SyntaxError
	if err := json.Unmarshal([]byte(`"0`), &h); !errors.As(err, &syntax) {
		t.Errorf("got %v, want a syntax error", err)
	}
}
