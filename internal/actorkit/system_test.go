package actorkit

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"time"
)

// TestSystemLogsInfoAtDebug shows that the library's Info lines are logged at Debug, and its warnings as warnings.
func TestSystemLogsInfoAtDebug(t *testing.T) {
	var out bytes.Buffer
	levels := new(slog.LevelVar)
	system := NewSystem(slog.New(slog.NewTextHandler(&out, &slog.HandlerOptions{Level: levels})), time.Millisecond)
	defer system.Shutdown()
	out.Reset()
	log := system.Logger().With("a", 1).WithGroup("g")
	log.Info("hidden")
	log.Warn("shown")
	levels.Set(slog.LevelDebug)
	log.Info("demoted")
	got := strings.Split(strings.TrimSpace(out.String()), "\n")
	if len(got) != 2 || !strings.Contains(got[0], "level=WARN msg=shown a=1") || !strings.Contains(got[1], "level=DEBUG msg=demoted a=1") {
		t.Errorf("logged %q", got)
	}
}
