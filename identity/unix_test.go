//go:build unix

package identity

import (
	"errors"
	"path/filepath"
	"syscall"
	"testing"
)

func TestPipeDoesNotBlockLoad(t *testing.T) {
	path := filepath.Join(t.TempDir(), "identity.pem")
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Skip(err)
	}
	if _, created, err := LoadOrCreate(path, nil); !errors.Is(err, ErrFileKind) || created {
		t.Errorf("a pipe: %t, %v", created, err)
	}
}
