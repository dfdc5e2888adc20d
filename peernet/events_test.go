package peernet_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/seed-f6ddb928/peernet-go/peernet"
)

// TestEventsShowTheirTime when they are printed as they are, and as JSON.
func TestEventsShowTheirTime(t *testing.T) {
	at := peernet.At{When: time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)}
	for _, e := range []peernet.Event{
		peernet.Found{At: at}, peernet.Updated{At: at}, peernet.Lost{At: at}, peernet.Connected{At: at}, peernet.Disconnected{At: at},
		peernet.Paired{At: at}, peernet.Unpaired{At: at}, peernet.Refused{At: at}, peernet.IdentityConflict{At: at}, peernet.Lagged{At: at}, peernet.DiscoveryProblem{At: at},
	} {
		if text := fmt.Sprintf("%+v", e); !strings.HasPrefix(text, "{At:{When:2026-03-04 05:06:07 +0000 UTC} ") {
			t.Errorf("%s prints as %s", e.Kind(), text)
		}
		text, err := json.Marshal(e)
		if err != nil || !strings.HasPrefix(string(text), `{"When":"2026-03-04T05:06:07Z","`) {
			t.Errorf("%s is %s, %v as JSON", e.Kind(), text, err)
		}
	}
}
