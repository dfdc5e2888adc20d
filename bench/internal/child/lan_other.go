//go:build !linux

package child

import (
	"errors"
	"os/exec"
)

// errNoNamespace is returned on systems without network namespaces.
var errNoNamespace = errors.New("a network of its own needs Linux")

// CanMeet returns why this process cannot make networks of its own.
func CanMeet() error { return errNoNamespace }

func isolate(*exec.Cmd) {}

func joinLAN() error { return errNoNamespace }
