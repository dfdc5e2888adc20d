package usage

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/seed-f6ddb928/peernet-go/cmd/peernode/internal/failure"
)

// Forms of what is exposed and forwarded, as advice.
const (
	exposedForm = "give it as NAME=HOST:PORT, such as web=127.0.0.1:3000"
	remoteForm  = "give it as PEER:NAME, such as bob:web; name a peer by its key if its label has a colon"
	localForm   = "give it as HOST:PORT, as PORT for 127.0.0.1:PORT, or as :PORT for all addresses; port 0 is any free one"
)

// SplitExposed splits NAME=HOST:PORT. what is the argument or flag that it comes from.
func SplitExposed(what, value string) (name, target string, err error) {
	i := strings.LastIndexByte(value, '=')
	if i < 0 {
		return "", "", failure.Usage(fmt.Sprintf("%s: %.80q has no =", what, value), exposedForm)
	}
	if name, err = checkName(value[:i]); err != nil {
		return "", "", err
	}
	target, err = CheckDial(what, value[i+1:])
	return name, target, err
}

// CheckPeer returns an error unless value can name a peer.
func CheckPeer(value string) (string, error) { return checkPeer(value) }

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

// SplitForwarded splits HOST:PORT=PEER:NAME.
func SplitForwarded(what, value string) (local, peer, name string, err error) {
	local, remote, found := strings.Cut(value, "=")
	if !found {
		return "", "", "", failure.Usage(fmt.Sprintf("%s: %.80q has no =", what, value), "give it as HOST:PORT=PEER:NAME, such as 127.0.0.1:8080=bob:web")
	}
	if local, err = CheckLocal(what, local); err != nil {
		return "", "", "", err
	}
	peer, name, err = SplitRemote(what, remote)
	return local, peer, name, err
}

// CheckLocal returns where to listen for what is forwarded: HOST:PORT as it is, and PORT alone on loopback.
func CheckLocal(what, value string) (string, error) {
	address := strings.TrimSpace(value)
	if _, err := strconv.ParseUint(address, 10, 16); err == nil {
		return "127.0.0.1:" + address, nil
	}
	if err := CheckListen(what, address, localForm); err != nil {
		return "", err
	}
	return address, nil
}
