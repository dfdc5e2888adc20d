package backend

import (
	"errors"
	"strings"
	"testing"

	"github.com/seed-f6ddb928/peernet-go/cmd/peernode/internal/control"
)

func TestInterfaceNamesAreBounded(t *testing.T) {
	for _, name := range []string{"", strings.Repeat("x", maxInterfaceName+1)} {
		if _, err := (Backend{}).AddInterface(t.Context(), control.Request{Name: name}); !errors.Is(err, control.ErrRequest) {
			t.Errorf("a name of %d bytes: %v", len(name), err)
		}
	}
}
