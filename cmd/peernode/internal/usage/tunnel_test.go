package usage

import (
	"strings"
	"testing"

	"github.com/seed-f6ddb928/peernet-go/cmd/peernode/internal/failure"
)

func TestFormsOfWhatIsExposedAndForwarded(t *testing.T) {
	exposed := func(value string) (string, error) {
		name, target, err := SplitExposed("it", value)
		return name + " " + target, err
	}
	forwarded := func(value string) (string, error) {
		local, peer, name, err := SplitForwarded("it", value)
		return strings.Join([]string{local, peer, name}, " "), err
	}
	for _, c := range []struct {
		split       func(string) (string, error)
		value, want string // "": an error of usage
	}{
		{exposed, "web=127.0.0.1:3000", "web 127.0.0.1:3000"},
		{exposed, "a=b=[::1]:3000", "a=b [::1]:3000"},
		{exposed, "web=bob.example:3000", "web bob.example:3000"},
		{exposed, "web", ""},
		{exposed, "=127.0.0.1:3000", ""},
		{exposed, "web=", ""},
		{exposed, "web=3000", "web 127.0.0.1:3000"},
		{exposed, "web=:3000", "web :3000"},
		{exposed, "web=0", ""},
		{exposed, "web=:0", ""},
		{exposed, "web=bob.example", ""},
		{exposed, "web=127.0.0.1:0", ""},
		{exposed, "$/web=127.0.0.1:3000", ""},
		{forwarded, "8080=bob:web", "127.0.0.1:8080 bob web"},
		{forwarded, ":0=bob:a:b=c", ":0 bob a:b=c"},
		{forwarded, "[::1]:80=pnet1s5s0qzvf…:web", "[::1]:80 pnet1s5s0qzvf… web"},
		{forwarded, "8080", ""},
		{forwarded, "65536=bob:web", ""},
		{forwarded, "host=bob:web", ""},
		{forwarded, "8080=bob", ""},
		{forwarded, "8080=:web", ""},
		{forwarded, "8080=bob:", ""},
	} {
		got, err := c.split(c.value)
		if (err != nil) != (c.want == "") || err == nil && got != c.want || err != nil && !failure.IsUsage(err) {
			t.Errorf("%s: got %q, %v", c.value, got, err)
		}
	}
}
