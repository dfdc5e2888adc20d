package usage

import (
	"fmt"
	"strings"

	"github.com/seed-f6ddb928/peernet-go/cmd/peernode/internal/failure"
)

// remoteForm is the form of PEER:NAME, as advice.
const remoteForm = "give it as PEER:NAME, such as bob:web; name a peer by its key if its label has a colon"

// SplitExposed splits NAME=HOST:PORT, with an address as AddressHelp has it. what is the argument or flag that it comes from.
func SplitExposed(what, value string) (name, target string, err error) {
	i := strings.LastIndexByte(value, '=')
	if i < 0 {
		return "", "", failure.Usage(fmt.Sprintf("%s: %.80q has no =", what, value), localForm("NAME=", ""))
	}
	if name, err = checkName(value[:i]); err != nil {
		return "", "", err
	}
	target, err = checkLocal(what, value[i+1:], 1, localForm("NAME=", ""))
	return name, target, err
}

// CheckPeers returns nil if each value of --allow can name a peer, and tidies them.
func CheckPeers(values []string) (err error) {
	for i := range values {
		if values[i], err = checkPeer(values[i]); err != nil {
			return failure.UsageOf(fmt.Errorf("--allow: %w", err), peerForm)
		}
	}
	return nil
}

// SplitRemote splits PEER:NAME at the first colon.
func SplitRemote(what, value string) (peer, name string, err error) {
	peer, name, found := strings.Cut(value, ":")
	if !found {
		return "", "", failure.Usage(fmt.Sprintf("%s: %.80q has no colon", what, value), remoteForm)
	}
	if peer, err = checkPeer(peer); err != nil {
		return "", "", err
	}
	name, err = checkName(name)
	return peer, name, err
}

// SplitForwarded splits HOST:PORT=PEER:NAME, with an address as AddressHelp has it.
func SplitForwarded(what, value string) (local, peer, name string, err error) {
	local, remote, found := strings.Cut(value, "=")
	if !found {
		return "", "", "", failure.Usage(fmt.Sprintf("%s: %.80q has no =", what, value), localForm("", "=PEER:NAME"))
	}
	if local, err = checkLocal(what, local, 0, localForm("", "=PEER:NAME")); err != nil {
		return "", "", "", err
	}
	peer, name, err = SplitRemote(what, remote)
	return local, peer, name, err
}
