package output

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"github.com/seed-f6ddb928/peernet-go/cmd/peernode/internal/control"
	"github.com/seed-f6ddb928/peernet-go/cmd/peernode/internal/text"
)

// tunnelText returns what an event of a tunnel is about as text for people, or "" if it is another event.
func tunnelText(e control.Event) string {
	switch e.Kind {
	case "exposed":
		return Exposed(control.Tunnel{Name: e.Name, Target: e.Target, Allow: e.Allow})
	case "forwarding":
		return Forwarded(control.Tunnel{Name: e.Name, Address: e.Address, Peer: e.Peer, Label: e.Label})
	case "opened", "closed":
		about := text.OneLine(e.Name) + " with " + text.PeerName(e.Peer, e.Label)
		if e.Address != "" {
			about += ", for " + e.Address
		}
		if e.BytesIn != nil && e.BytesOut != nil {
			took := time.Duration(e.Took * float64(time.Millisecond)).Round(time.Millisecond)
			about += fmt.Sprintf(", %s in, %s out, in %v", text.Size(*e.BytesIn), text.Size(*e.BytesOut), took)
		}
		if e.Error != nil {
			about += ": " + e.Error.Text
		}
		return about
	}
	return ""
}

// Exposed returns what is exposed as text for people.
func Exposed(t control.Tunnel) string {
	about := text.OneLine(t.Name)
	if t.Target != "" {
		about += " = " + t.Target
	}
	var allow []string
	for _, key := range t.Allow {
		allow = append(allow, text.PeerName(key, ""))
	}
	return about + ", to " + cmp.Or(strings.Join(allow, ", "), "all trusted peers")
}

// Forwarded returns what is forwarded as text for people.
func Forwarded(t control.Tunnel) string {
	return t.Address + " = " + text.OneLine(t.Name) + " of " + text.PeerName(t.Peer, t.Label)
}
