package failure

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"github.com/seed-f6ddb928/peernet-go/cmd/peernode/internal/control"
	"github.com/seed-f6ddb928/peernet-go/cmd/peernode/internal/text"
	"github.com/seed-f6ddb928/peernet-go/envelope"
	"github.com/seed-f6ddb928/peernet-go/handshake"
	"github.com/seed-f6ddb928/peernet-go/identity"
	"github.com/seed-f6ddb928/peernet-go/peernet"
	"github.com/seed-f6ddb928/peernet-go/trust"
)

func TestErrorsEndWithTheirExitCode(t *testing.T) {
	for _, c := range []struct {
		err  error
		code string
		exit int
	}{
		{errors.New("anything"), "failed", 1},
		{fs.ErrNotExist, "failed", 1},
		{context.Canceled, "interrupted", 1},
		{context.DeadlineExceeded, "timeout", 3},

		{Usage("two arguments", ""), "usage", 2},
		{UsageOf(identity.ErrKeyChecksum, ""), "usage", 2},
		{ErrBadJSON, "bad_json", 2},
		{envelope.ErrEncode, "bad_value", 2},
		{text.ErrAmbiguousPrefix, "ambiguous", 1},

		{control.ErrNoNode, "no_node", 3},
		{control.ErrNoSocket, "no_socket", 3},
		{control.ErrStopping, "stopping", 3},
		{control.ErrGone, "gone", 3},
		{control.ErrRunning, "running", 1},
		{control.ErrPathTooLong, "path_too_long", 1},
		{control.ErrBusy, "busy", 1},
		{control.ErrTooLarge, "too_large", 1},
		{control.ErrRequest, "bad_request", 2},
		{control.ErrFileKind, "file_kind", 1},
		{control.ErrOtherUser, "stranger", 4},

		{envelope.ErrNameLength, "bad_name", 2},
		{envelope.ErrNameUTF8, "bad_name", 2},
		{envelope.ErrNameControl, "bad_name", 2},
		{envelope.ErrNameReserved, "bad_name", 2},

		{identity.ErrFileKind, "file_kind", 1},
		{identity.ErrFileContent, "identity_file", 1},
		{identity.ErrFileAlgorithm, "identity_file", 1},
		{trust.ErrFileKind, "file_kind", 1},
		{trust.ErrFileTooLarge, "peers_file", 1},
		{trust.ErrLocked, "locked", 1},

		{peernet.ErrCode, "bad_code", 2},
		{peernet.ErrCodeWord, "bad_code", 2},
		{peernet.ErrWrongCode, "wrong_code", 4},
		{peernet.ErrCodeOver, "code_over", 4},
		{peernet.ErrGuesses, "guesses", 4},
		{peernet.ErrNoOffer, "no_offer", 3},
		{peernet.ErrJoinAddr, "no_offer", 2},
		{peernet.ErrOffering, "offering", 1},
		{peernet.ErrOwnCode, "own_code", 2},
		{peernet.ErrReveals, "reveals", 2},

		{syscall.EADDRINUSE, "address_in_use", 1},
		{syscall.EADDRNOTAVAIL, "no_such_address", 1},
		{syscall.ENOSPC, "disk_full", 1},
		{syscall.EROFS, "read_only", 1},
		{syscall.ENOTDIR, "not_a_directory", 1},
		{fs.ErrPermission, "permission_denied", 1},

		{identity.ErrPermissions, "permissions", 1},
		{trust.ErrPermissions, "permissions", 1},
		{fmt.Errorf("%w: %w", handshake.ErrEphemeral, identity.ErrKeyLowOrder), "no_handshake", 3},
		{fmt.Errorf("%w: %w", handshake.ErrKey, identity.ErrKeyRange), "no_handshake", 3},
		{peernet.ErrFull, "full", 1},
		{peernet.ErrBusy, "peer_busy", 3},
		{identity.ErrKeyChecksum, "bad_key", 2},
		{identity.ErrKeyLength, "bad_key", 2},
		{identity.ErrKeyRange, "bad_key", 2},
		{identity.ErrKeyLowOrder, "bad_key", 2},
		{trust.ErrNotFound, "unknown_peer", 1},
		{trust.ErrAmbiguous, "ambiguous", 1},
		{trust.ErrSelf, "self", 2},
		{trust.ErrLabelTaken, "label_taken", 1},
		{trust.ErrLabelIsKey, "bad_label", 2},
		{trust.ErrLabelTooLong, "bad_label", 2},
		{trust.ErrCharacter, "bad_label", 2},

		{ErrNotAll, "not_all", 1},
		{ErrNotInTime, "not_in_time", 3},
		{ErrNotListening, "not_listening", 1},
		{ErrInterfacesFull, "too_many", 1},
		{ErrNoDiscovery, "no_discovery", 1},
		{ErrNoKnock, "no_knock", 1},
		{peernet.ErrBlocked, "blocked", 4},
		{trust.ErrBlocksFull, "too_many", 1},
		{trust.ErrBlocksFile, "blocked_file", 1},
		{&peernet.ConfigError{Field: "Limits.Peers", Value: 1 << 21, Bound: 1 << 20}, "bad_config", 2},
		{peernet.ErrSelf, "self", 2},
		{peernet.ErrNotTrusted, "not_trusted", 4},
		{peernet.ErrRefused, "refused", 4},
		{peernet.ErrWrongKey, "wrong_key", 3},
		{handshake.ErrSelf, "own_address", 3},
		{handshake.ErrMessage2, "no_handshake", 3},
		{&net.DNSError{Err: "no such host", Name: "bob", IsNotFound: true}, "unknown_host", 3},
		{peernet.ErrNoAddress, "no_address", 3},
		{peernet.ErrNotConnected, "not_connected", 3},
		{peernet.ErrNotAccepted, "not_accepted", 3},
		{peernet.ErrUnreachable, "unreachable", 3},
		{peernet.ErrUnanswered, "unanswered", 3},
		{peernet.ErrLinkLost, "link_lost", 3},
		{peernet.ErrClosed, "stopping", 3},
		{peernet.ErrNotStarted, "not_started", 3},
		{peernet.ErrNoHandler, "no_handler", 1},
		{peernet.ErrForbidden, "forbidden", 4},
		{peernet.ErrBadArgs, "bad_args", 1},
		{peernet.ErrFailed, "failed", 1},
		{peernet.ErrInternal, "internal", 1},
		{peernet.ErrOverloaded, "overloaded", 1},
		{peernet.ErrCancelled, "cancelled", 1},
		{peernet.ErrDeadline, "deadline", 3},
		{peernet.ErrTooLarge, "too_large", 1},

		{&peernet.RemoteError{Code: envelope.CodeForbidden}, "forbidden", 4},
		{&peernet.RemoteError{Code: envelope.CodeDeadline}, "deadline", 3},
		{&peernet.RemoteError{Code: "out_of_milk"}, "out_of_milk", 1},
		{&control.Error{Code: "refused", Exit: 4}, "refused", 4},
	} {
		for name, err := range map[string]error{
			"bare":       c.err,
			"wrapped":    fmt.Errorf("doing it: %w", c.err),
			"with peer":  &peerError{"pnet1self", "bob", c.err},
			"with cause": fmt.Errorf("doing it: %w: %w", c.err, fs.ErrNotExist),
		} {
			if got := Explain(err); got.Code != c.code || got.Exit != c.exit {
				t.Errorf("%v, %s: got %s and %d, want %s and %d", c.err, name, got.Code, got.Exit, c.code, c.exit)
			}
		}
	}
}

// TestTheParticularErrorCountsBeforeTheGeneral: a dial that timed out is unreachable, not a timeout.
func TestTheParticularErrorCountsBeforeTheGeneral(t *testing.T) {
	err := fmt.Errorf("%w: %w", peernet.ErrUnreachable, context.DeadlineExceeded)
	if got := Explain(err); got.Code != "unreachable" {
		t.Errorf("got %s", got.Code)
	}
}

func TestAdviceSpeaksOfThePeerAndTheNode(t *testing.T) {
	for _, c := range []struct {
		name string
		err  error
		want string
	}{
		{"peer", &peerError{"pnet1self", "bob", peernet.ErrNotConnected}, "see why with: peernode why bob; or say where it is with: peernode connect bob ADDR"},
		{"node", &peerError{"pnet1self", "bob", peernet.ErrRefused}, "on the other machine run: peernode trust add pnet1self"},
		{"a label of words", &peerError{"pnet1self", "Bob's laptop", peernet.ErrNotConnected}, `see why with: peernode why 'Bob'\''s laptop'; or say where it is with: peernode connect 'Bob'\''s laptop' ADDR`},
		{"neither", peernet.ErrNotTrusted, "trust it first with: peernode trust add PEER"},
		{"no key", peernet.ErrRefused, "on the other machine run: peernode trust add KEY"},
		{"of its own", WithAdvice(control.ErrNoNode, "start one with: peernode run --data-dir x"), "start one with: peernode run --data-dir x"},
		{"none", context.Canceled, ""},
	} {
		if got := Explain(c.err).Advice; got != c.want {
			t.Errorf("%s: got %q, want %q", c.name, got, c.want)
		}
	}
}

func TestEveryMeaningHasAdviceInPlainWords(t *testing.T) {
	for _, m := range meanings {
		if m.advice == "" && m.exit != ExitFailed {
			t.Errorf("%v has no advice", m.errs)
		}
		if strings.HasSuffix(m.advice, ".") || strings.ContainsAny(m.advice, "\n\t") {
			t.Errorf("%v: %q", m.errs, m.advice)
		}
		if m.exit < ExitFailed || m.exit > ExitRefused {
			t.Errorf("%v: exit code %d", m.errs, m.exit)
		}
	}
}

// TestNoSystemCallIsNamed: the text has the file or address and the reason, not the system call.
func TestNoSystemCallIsNamed(t *testing.T) {
	addr := &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 7100}
	for _, c := range []struct {
		err  error
		want string
	}{
		{&fs.PathError{Op: "open", Path: "/x", Err: syscall.EACCES}, "doing it: /x: permission denied"},
		{&os.LinkError{Op: "rename", Old: "/x", New: "/y", Err: syscall.EROFS}, "doing it: /y: read-only file system"},
		{&net.OpError{Op: "listen", Net: "tcp", Addr: addr, Err: os.NewSyscallError("bind", syscall.EADDRINUSE)}, "doing it: 127.0.0.1:7100: address already in use"},
		{&net.OpError{Op: "dial", Net: "tcp", Err: &net.DNSError{Err: "no such host", Name: "x", Server: "192.0.2.1:53"}}, "doing it: x: no such host"},
		{errors.Join(errors.New("first"), &fs.PathError{Op: "mkdir", Path: "/x", Err: syscall.ENOTDIR}), `"doing it: first\n/x: not a directory"`},
		{errors.New("open /x: permission denied"), "doing it: open /x: permission denied"}, // a text, not an error of the system
	} {
		if got := Explain(fmt.Errorf("doing it: %w", c.err)).Text; got != c.want && runtime.GOOS == "linux" {
			t.Errorf("got %s, want %s", got, c.want)
		}
	}
}

// TestUnreadableAnswersAreExplained tells an answer that cannot be read from an error that the handler reported.
func TestUnreadableAnswersAreExplained(t *testing.T) {
	got := Explain(fmt.Errorf("calling: %w", envelope.Undecodable(errors.New("a pid"))))
	if got.Code != "failed" || !strings.Contains(got.Advice, "such as a pid") {
		t.Errorf("got %+v", got)
	}
	if got := Explain(&peernet.RemoteError{Code: envelope.CodeFailed}); strings.Contains(got.Advice, "pid") {
		t.Errorf("got %+v", got)
	}
}
