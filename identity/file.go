package identity

import (
	"bytes"
	"crypto/ecdh"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"runtime"

	"github.com/seed-f6ddb928/peernet-go/internal/durable"
)

const (
	// fileMode is the mode of a file that holds a private key.
	fileMode = 0o600
	// fileLimit bounds how much of a file is read before it is known to hold a key. A key takes 119 bytes.
	fileLimit = 16 << 10
	// blockType is the PEM label of PKCS#8 (RFC 7468 §10).
	blockType = "PRIVATE KEY"
)

// Reasons to refuse a key file. A file that cannot be read at all gives the system's error, with [fs.ErrNotExist] if it
// does not exist.
var (
	// ErrPermissions is returned for a file that anybody but its owner may read, write or execute. Its text says how to
	// mend that. Windows has no such permissions, and no such check.
	ErrPermissions = errors.New("others have access to the private key")
	// ErrFileKind is returned for a path that leads to a folder, a pipe, a device: to anything but a file.
	ErrFileKind = durable.ErrNotRegular
	// ErrFileContent is returned for a file that is not one PKCS#8 private key in PEM, without a password.
	ErrFileContent = errors.New("not a private key in PEM (PKCS#8)")
	// ErrFileAlgorithm is returned for a private key of another algorithm than X25519.
	ErrFileAlgorithm = errors.New("not an X25519 key")
)

// LoadOrCreate reads the key pair in the file at path. If there is no such file, it makes a key pair with
// [GenerateKeyPair] from rand and writes it there; created says so. If several processes do so at once, one creates the
// file, and all return its key.
//
// A new file is complete and on the disk when LoadOrCreate returns; it has mode 0600, and a folder made for it mode
// 0700. A file that exists is read as [Load] does. LoadOrCreate never writes to it, whatever is wrong with it.
func LoadOrCreate(path string, rand io.Reader) (kp KeyPair, created bool, err error) {
	kp, err = Load(path)
	if !errors.Is(err, fs.ErrNotExist) {
		return kp, false, err
	}
	kp, err = GenerateKeyPair(rand)
	if err == nil {
		err = store(path, kp)
	}
	switch {
	case err == nil:
		return kp, true, nil
	case errors.Is(err, fs.ErrExist):
		kp, err = Load(path) // another process was first
		if errors.Is(err, fs.ErrNotExist) {
			err = fmt.Errorf("%w: it is a symbolic link that leads nowhere", err)
		}
		return kp, false, err
	}
	return KeyPair{}, false, fmt.Errorf("making the identity file %s: %w", path, durable.Cause(err))
}

// Load reads the key pair in the file at path: a PKCS#8 private key in PEM, as `openssl genpkey -algorithm X25519` makes
// them too.
//
// It fails with [fs.ErrNotExist], [ErrPermissions], [ErrFileKind], [ErrFileContent] or [ErrFileAlgorithm], and every
// error names the path. Symbolic links are followed, so that a key can be kept on a volume of its own; the permissions
// that count are those of the file that is read. A pipe without a writer does not block it.
func Load(path string) (KeyPair, error) {
	kp, err := load(path)
	if err != nil {
		return KeyPair{}, fmt.Errorf("reading the identity file %s: %w", path, durable.Cause(err))
	}
	return kp, nil
}

// load does the work of Load, with errors that do not name the path first.
func load(path string) (KeyPair, error) {
	data, mode, err := durable.Read(path, fileLimit)
	switch {
	case errors.Is(err, durable.ErrTooLarge):
		return KeyPair{}, fmt.Errorf("%w: %w", ErrFileContent, err)
	case err != nil:
		return KeyPair{}, err
	case mode&0o077 != 0 && runtime.GOOS != "windows":
		return KeyPair{}, fmt.Errorf("%w: its mode is %04o; run: chmod 600 %s", ErrPermissions, mode, path)
	}
	return parse(data)
}

// store writes kp to a new file at path, and fails with [fs.ErrExist] if anything is there already.
func store(path string, kp KeyPair) error {
	der, err := x509.MarshalPKCS8PrivateKey(kp.private.key())
	if err != nil {
		return err
	}
	if err := durable.MakeFolder(filepath.Dir(path)); err != nil {
		return err
	}
	return durable.Create(path, pem.EncodeToMemory(&pem.Block{Type: blockType, Bytes: der}), fileMode)
}

// parse returns the key pair in the content of a key file: one PEM block, with nothing but white space around it.
func parse(data []byte) (KeyPair, error) {
	data = bytes.TrimSpace(bytes.TrimPrefix(data, []byte("\ufeff")))
	block, rest := pem.Decode(data)
	begin := []byte("-----BEGIN ")
	switch {
	case len(data) == 0:
		return KeyPair{}, fmt.Errorf("%w: it is empty", ErrFileContent)
	case bytes.IndexByte(data, 0) >= 0:
		return KeyPair{}, fmt.Errorf("%w: it is not text, or UTF-16: save it as UTF-8", ErrFileContent)
	// The library skips text that is not a block.
	case block == nil || !bytes.HasPrefix(data, begin) || bytes.Count(data, begin) != 1 || len(rest) != 0:
		return KeyPair{}, fmt.Errorf("%w: want one PEM block and nothing else", ErrFileContent)
	case block.Type != blockType || len(block.Headers) != 0:
		return KeyPair{}, fmt.Errorf("%w: the block is %.40q, want %q without headers", ErrFileContent, block.Type, blockType)
	}
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return KeyPair{}, fmt.Errorf("%w: %w", ErrFileContent, err)
	}
	private, ok := key.(*ecdh.PrivateKey)
	if !ok || private.Curve() != ecdh.X25519() {
		return KeyPair{}, fmt.Errorf("%w: it is a %T", ErrFileAlgorithm, key)
	}
	return newKeyPair(private), nil
}
