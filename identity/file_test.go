package identity

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/seed-f6ddb928/peernet-go/internal/test/child"
	"github.com/seed-f6ddb928/peernet-go/internal/test/vectors"
)

// alicePEM is what `openssl pkey` writes for alicePrivate.
const alicePEM = `-----BEGIN PRIVATE KEY-----
MC4CAQAwBQYDK2VuBCIEIHcHbQpzGKV9PBbBclGyZkXfTC+H68CZKrF3+6UduSwq
-----END PRIVATE KEY-----
`

func writeFile(t *testing.T, path, content string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

func readFile(t *testing.T, path string) string {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

// pkcs8 returns key as a PEM file.
func pkcs8(t *testing.T, key any) string {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
}

func TestIdentityIsMadeOnceAndKept(t *testing.T) {
	path := filepath.Join(t.TempDir(), "new", "folder", "identity.pem")
	if _, err := Load(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Load before there is a file: %v", err)
	}
	first, created, err := LoadOrCreate(path, bytes.NewReader(vectors.Unhex(alicePrivate)))
	if err != nil || !created {
		t.Fatalf("created = %t, %v", created, err)
	}
	if first.PublicKey() != alice(t).PublicKey() {
		t.Error("the key is not made from the randomness given")
	}
	if got := readFile(t, path); got != alicePEM {
		t.Errorf("the file is\n%s\nwant\n%s", got, alicePEM)
	}
	second, created, err := LoadOrCreate(path, nil)
	if err != nil || created {
		t.Fatalf("created = %t, %v, the second time", created, err)
	}
	third, err := Load(path)
	if err != nil {
		t.Fatal(err)
	}
	if second.PublicKey() != first.PublicKey() || third.PublicKey() != first.PublicKey() {
		t.Error("the key changed")
	}
	if runtime.GOOS == "windows" {
		return
	}
	for name, want := range map[string]fs.FileMode{
		path:                             0o600,
		filepath.Dir(path):               0o700 | fs.ModeDir,
		filepath.Dir(filepath.Dir(path)): 0o700 | fs.ModeDir,
	} {
		if info, err := os.Stat(name); err != nil || info.Mode() != want {
			t.Errorf("%s: mode %v, %v, want %v", name, info.Mode(), err, want)
		}
	}
}

func TestIdentityThatCannotBeMadeIsAnError(t *testing.T) {
	folder := t.TempDir()
	file := filepath.Join(folder, "file")
	writeFile(t, file, "")
	if kp, created, err := LoadOrCreate(filepath.Join(file, "identity.pem"), nil); err == nil || created || !kp.IsZero() {
		t.Errorf("in a folder that is a file: %v, %t, %v", kp, created, err)
	}
	path := filepath.Join(folder, "new", "identity.pem")
	if kp, created, err := LoadOrCreate(path, strings.NewReader("too little")); err == nil || created || !kp.IsZero() {
		t.Errorf("without randomness: %v, %t, %v", kp, created, err)
	}
	if entries, err := os.ReadDir(folder); len(entries) != 1 || err != nil {
		t.Errorf("left behind: %v, %v", entries, err)
	}
}

func TestKeyFileWithAccessForOthersIsRefused(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("no such permissions on Windows")
	}
	path := filepath.Join(t.TempDir(), "identity.pem")
	writeFile(t, path, alicePEM)
	for mode := range fs.FileMode(0o1000) {
		if mode&0o400 == 0 {
			continue // this process cannot read it either
		}
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		kp, created, err := LoadOrCreate(path, nil)
		if mode&0o077 == 0 {
			if err != nil || created {
				t.Errorf("mode %04o: created = %t, %v", mode, created, err)
			}
			continue
		}
		if !errors.Is(err, ErrPermissions) || created || !kp.IsZero() {
			t.Errorf("mode %04o: %v, %t, %v", mode, kp, created, err)
		}
		if hint := "chmod 600 " + path; !strings.Contains(err.Error(), hint) {
			t.Errorf("no hint %q in %q", hint, err)
		}
	}
}

func TestDamagedFilesAreRefusedAndKept(t *testing.T) {
	public, signing, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	curve, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	publicDER, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		t.Fatal(err)
	}
	for name, v := range map[string]struct {
		content string
		want    error
	}{
		"empty":              {"", ErrFileContent},
		"white space":        {" \n", ErrFileContent},
		"zeros":              {strings.Repeat("\x00", 119), ErrFileContent},
		"hexadecimal":        {alicePrivate, ErrFileContent},
		"two keys":           {alicePEM + alicePEM, ErrFileContent},
		"text after it":      {alicePEM + "text", ErrFileContent},
		"text before it":     {"text\n" + alicePEM, ErrFileContent},
		"broken block first": {"-----BEGIN PRIVATE KEY-----\n!\n-----END PRIVATE KEY-----\n" + alicePEM, ErrFileContent},
		"another label":      {strings.ReplaceAll(alicePEM, "PRIVATE", "EC PRIVATE"), ErrFileContent},
		"with a password":    {strings.ReplaceAll(alicePEM, "PRIVATE", "ENCRYPTED PRIVATE"), ErrFileContent},
		"headers":            {strings.Replace(alicePEM, "-----\n", "-----\nProc-Type: 4,ENCRYPTED\n\n", 1), ErrFileContent},
		"a public key":       {string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: publicDER})), ErrFileContent},
		"no DER":             {string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: []byte("no")})), ErrFileContent},
		"too large":          {alicePEM + strings.Repeat("\n", fileLimit), ErrFileContent},
		"Ed25519":            {pkcs8(t, signing), ErrFileAlgorithm},
		"P-256":              {pkcs8(t, curve), ErrFileAlgorithm},
		"RSA":                {pkcs8(t, rsaKey), ErrFileAlgorithm},
	} {
		t.Run(name, func(t *testing.T) { checkRefused(t, v.content, v.want) })
	}
	// Not without the last line end alone: the file is valid without it.
	for n := range len(alicePEM) - 1 {
		checkRefused(t, alicePEM[:n], ErrFileContent)
	}
}

// checkRefused fails the test unless a file with content is refused for the reason want, with an error that names the
// path, and is still there afterwards.
func checkRefused(t *testing.T, content string, want error) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "identity.pem")
	writeFile(t, path, content)
	kp, created, err := LoadOrCreate(path, nil)
	if !errors.Is(err, want) || created || !kp.IsZero() {
		t.Errorf("%.200q: %v, %t, %v", content, kp, created, err)
		return
	}
	if !strings.Contains(err.Error(), path) {
		t.Errorf("no path in %q", err)
	}
	if readFile(t, path) != content {
		t.Errorf("%q was written over", content)
	}
}

func TestFolderInPlaceOfTheFileIsRefused(t *testing.T) {
	folder := t.TempDir()
	path := filepath.Join(folder, "identity.pem")
	if err := os.Mkdir(path, 0o700); err != nil {
		t.Fatal(err)
	}
	if _, created, err := LoadOrCreate(path, nil); !errors.Is(err, ErrFileKind) || created {
		t.Errorf("a folder: %t, %v", created, err)
	}
}

func TestLinksAreFollowed(t *testing.T) {
	folder := t.TempDir()
	file, path := filepath.Join(folder, "file"), filepath.Join(folder, "identity.pem")
	if err := os.Symlink(file, path); err != nil {
		t.Skip(err)
	}
	if _, created, err := LoadOrCreate(path, nil); !errors.Is(err, fs.ErrNotExist) || created {
		t.Errorf("a link that leads nowhere: %t, %v", created, err)
	}
	writeFile(t, file, alicePEM)
	kp, created, err := LoadOrCreate(path, nil)
	if err != nil || created || kp.PublicKey() != alice(t).PublicKey() {
		t.Errorf("%v, %t, %v", kp, created, err)
	}
	if runtime.GOOS == "windows" {
		return
	}
	if err := os.Chmod(file, 0o640); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(path); !errors.Is(err, ErrPermissions) {
		t.Errorf("a link to a file that others can read: %v", err)
	}
}

// loading makes a child load or create the identity at a path. It prints the public key and whether it made the file.
const loading = "PEERNET_TEST_IDENTITY_LOADING"

func init() {
	child.Run(loading, func(path string) error {
		kp, created, err := LoadOrCreate(path, nil)
		fmt.Println(kp.PublicKey(), created)
		return err
	})
}

func TestProcessesThatCreateAtOnceShareOneKey(t *testing.T) {
	path := filepath.Join(t.TempDir(), "folder", "identity.pem")
	outputs := make([]string, 6)
	var group sync.WaitGroup
	for i := range outputs {
		cmd := child.Command(t.Context(), loading, path)
		group.Go(func() {
			output, err := cmd.CombinedOutput()
			if err != nil {
				t.Errorf("%v: %s", err, output)
			}
			outputs[i] = string(output)
		})
	}
	group.Wait()
	kp, err := Load(path)
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(outputs)
	for i, output := range outputs {
		if want := fmt.Sprintln(kp.PublicKey(), i == len(outputs)-1); output != want {
			t.Errorf("a process says %q, want %q", output, want)
		}
	}
}

// openssl returns the path of the openssl command. Without one the test is skipped, or fails where the environment says
// that it must run.
func openssl(t *testing.T) string {
	t.Helper()
	path, err := exec.LookPath("openssl")
	if err != nil {
		if strings.Contains(os.Getenv("PEERNET_TEST_REQUIRE"), "openssl") {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	return path
}

func TestOpensslReadsOurFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "identity.pem")
	kp, _, err := LoadOrCreate(path, nil)
	if err != nil {
		t.Fatal(err)
	}
	output, err := exec.CommandContext(t.Context(), openssl(t), "pkey", "-in", path, "-text", "-noout").CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, output)
	}
	_, public, _ := strings.Cut(string(output), "pub:")
	public = strings.NewReplacer(":", "", "\n", "", " ", "").Replace(public)
	key := kp.PublicKey()
	if want := hex.EncodeToString(key[:]); !strings.HasPrefix(string(output), "X25519 Private-Key:") || public != want {
		t.Errorf("openssl reads\n%s\nwant the public key %s", output, want)
	}
}

func TestFileOfOpensslIsRead(t *testing.T) {
	path := filepath.Join(t.TempDir(), "identity.pem")
	command := openssl(t)
	output, err := exec.CommandContext(t.Context(), command, "genpkey", "-algorithm", "X25519", "-out", path).CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, output)
	}
	if err := os.Chmod(path, 0o600); err != nil {
		t.Fatal(err)
	}
	kp, err := Load(path)
	if err != nil {
		t.Fatal(err)
	}
	der, err := exec.CommandContext(t.Context(), command, "pkey", "-in", path, "-pubout", "-outform", "DER").Output()
	if err != nil {
		t.Fatal(err)
	}
	key := kp.PublicKey()
	if !bytes.HasSuffix(der, key[:]) {
		t.Errorf("openssl's public key is %x, ours %x", der, key[:])
	}
}

func FuzzParseFile(f *testing.F) {
	f.Add([]byte(alicePEM))
	f.Add([]byte(strings.ReplaceAll(alicePEM, "\n", "\r\n")))
	f.Add([]byte(strings.Replace(alicePEM, "-----\n", "-----\nName: value\n\n", 1)))
	f.Fuzz(func(t *testing.T, data []byte) {
		kp, err := parse(data)
		if err != nil {
			if errors.Is(err, ErrFileContent) == errors.Is(err, ErrFileAlgorithm) || !kp.IsZero() {
				t.Errorf("not one reason: %v", err)
			}
			return
		}
		der, err := x509.MarshalPKCS8PrivateKey(kp.private.key())
		if err != nil {
			t.Fatal(err)
		}
		back, err := parse(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
		if err != nil || back.PublicKey() != kp.PublicKey() {
			t.Errorf("read back: %v, %v", back, err)
		}
	})
}
