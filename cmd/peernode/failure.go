package main

import (
	"context"
	"errors"
	"io/fs"
	"net"
	"strings"
	"syscall"

	"github.com/seed-f6ddb928/peernet-go/cmd/peernode/internal/control"
	"github.com/seed-f6ddb928/peernet-go/envelope"
	"github.com/seed-f6ddb928/peernet-go/handshake"
	"github.com/seed-f6ddb928/peernet-go/identity"
	"github.com/seed-f6ddb928/peernet-go/peernet"
	"github.com/seed-f6ddb928/peernet-go/trust"
)

// Exit codes.
const (
	exitDone        = 0
	exitFailed      = 1
	exitUsage       = 2
	exitUnreachable = 3 // not reachable, or not in time
	exitRefused     = 4 // by somebody's trust, or by a handler
)

// Stand-ins in hints for what the error is about.
const (
	selfHint = "SELF" // this node's own key
	peerHint = "PEER" // the peer as the user named it
)

// codePermission is the code of what the system does not let this user do.
const codePermission = "permission_denied"

// fileKindHint is the hint for what is in the place of one of the node's files.
const fileKindHint = "move it away: the node keeps a file of its own there"

// keyFileHint is the hint for an identity file that holds no key.
const keyFileHint = "put a copy of the right file there; or move it away, and a new key is made, which the peers must trust anew"

// outcomes say what an error means to the user. The first row whose error is in the chain counts, so that
// the particular stands before the general.
var outcomes = []struct {
	err  error
	code string // for programs, over the control socket; never changes
	exit int
	hint string
}{
	{control.ErrNoNode, "no_node", exitUnreachable, "start one with: peernode run"},
	{control.ErrRunning, "running", exitFailed, "stop that one first, or give this one a directory of its own with --data-dir"},
	{control.ErrStopping, "stopping", exitUnreachable, "start it again with: peernode run"},
	{control.ErrGone, "gone", exitUnreachable, "start it again with: peernode run"},
	{control.ErrFileKind, "file_kind", exitFailed, fileKindHint},
	{control.ErrPathTooLong, "path_too_long", exitFailed, "set TMPDIR to a directory with a short path"},
	{control.ErrStranger, "stranger", exitRefused, "run this command as the user the node runs as"},
	{control.ErrRequest, "bad_request", exitUsage, "is the running node of another version than this command?"},
	{control.ErrTooLarge, "too_large", exitFailed, "send less at a time"},
	{control.ErrBusy, "busy", exitFailed, "wait for the other commands to end"},

	// What another node sends wrong comes before what the user may have typed wrong: one wraps the other.
	{handshake.ErrEphemeral, "no_handshake", exitUnreachable, "what answers there breaks the protocol: is it a node?"},
	{handshake.ErrKey, "no_handshake", exitUnreachable, "what answers there breaks the protocol: is it a node?"},

	{errBadJSON, "bad_json", exitUsage, `quote it for the shell, as in '{"text": "hello"}'`},
	{envelope.ErrNameLength, "bad_name", exitUsage, nameForm},
	{envelope.ErrNameUTF8, "bad_name", exitUsage, nameForm},
	{envelope.ErrNameControl, "bad_name", exitUsage, nameForm},
	{envelope.ErrNameReserved, "bad_name", exitUsage, nameForm},
	{errAmbiguousPrefix, "ambiguous", exitFailed, "give more of the key, or its label"},
	{trust.ErrAmbiguous, "ambiguous", exitFailed, "several peers have this label: name the one you mean by its key"},
	{trust.ErrNotFound, "unknown_peer", exitFailed, "see who is trusted with: peernode trust list"},
	{trust.ErrLabelTaken, "label_taken", exitFailed, "choose another --label; see: peernode trust list"},
	{trust.ErrLabelIsKey, "bad_label", exitUsage, "choose a --label that nobody takes for a key"},
	{trust.ErrLabelTooLong, "bad_label", exitUsage, "choose a --label of at most 64 bytes"},
	{trust.ErrCharacter, "bad_label", exitUsage, "choose a --label of printable characters"},
	{identity.ErrKeyChecksum, "bad_key", exitUsage, "one of its characters is wrong: copy it again"},
	{identity.ErrKeyLength, "bad_key", exitUsage, "a key has 63 characters; the beginning of a trusted one needs at least 8 after pnet1"},
	{identity.ErrKeyRange, "bad_key", exitUsage, "no node has such a key: copy it again"},
	{identity.ErrKeyLowOrder, "bad_key", exitUsage, "no node has such a key: copy it again"},
	{trust.ErrSelf, "self", exitUsage, "this is the node's own key: give that of the other node"},
	{trust.ErrLocked, "locked", exitFailed, "another command is writing the peers file: try again, or see which one hangs"},
	{trust.ErrFileKind, "file_kind", exitFailed, fileKindHint},
	{identity.ErrFileKind, "file_kind", exitFailed, fileKindHint},
	{trust.ErrFileTooLarge, "peers_file", exitFailed, "is that a peers file? remove from it what is no peer"},
	{identity.ErrFileContent, "identity_file", exitFailed, keyFileHint},
	{identity.ErrFileAlgorithm, "identity_file", exitFailed, keyFileHint},
	{trust.ErrPermissions, "permissions", exitFailed, "whoever can write that file decides who is trusted: chmod go-w it, and look through it"},
	{identity.ErrPermissions, "permissions", exitFailed, "nobody else may read a private key: chmod 600 the file, and make a new one if somebody has"},

	{errNotAll, "not_all", exitFailed, "see who is connected with: peernode peers; or why one is not with: peernode why PEER"},
	{errNotInTime, "not_in_time", exitUnreachable, "see: peernode why PEER; or allow it more time with --timeout"},
	{peernet.ErrNotTrusted, "not_trusted", exitRefused, "trust it first with: peernode trust add PEER"},
	{peernet.ErrRefused, "refused", exitRefused, "on the other machine run: peernode trust add SELF"},
	{peernet.ErrFull, "full", exitFailed, "start this node with a higher --max-peers or --max-sessions, or wait until a peer has gone"},
	{peernet.ErrBusy, "peer_busy", exitUnreachable, "the peer does not want this node for now: try again later"},
	{peernet.ErrUnanswered, "unanswered", exitUnreachable, "do both nodes run with --private, or both without? if with it: does each trust the other, and are both clocks right?"},
	{peernet.ErrWrongKey, "wrong_key", exitUnreachable, "another node answers at this address: check the address and the key"},
	{handshake.ErrSelf, "own_address", exitUnreachable, "this node itself listens at this address: give that of the other node"},
	{handshake.ErrMessage2, "no_handshake", exitUnreachable, "does a node listen there, and do both have the same --namespace?"},
	{peernet.ErrNoAddress, "no_address", exitUnreachable, "say where it is with: peernode connect PEER ADDR"},
	{peernet.ErrNotConnected, "not_connected", exitUnreachable, "see why with: peernode why PEER; or say where it is with: peernode connect PEER ADDR"},
	{peernet.ErrUnreachable, "unreachable", exitUnreachable, "is the peer running, and is the address right?"},
	{peernet.ErrLinkLost, "link_lost", exitUnreachable, "the connection broke; see: peernode why PEER"},
	{peernet.ErrClosed, "stopping", exitUnreachable, "start it again with: peernode run"},
	{peernet.ErrNotStarted, "not_started", exitUnreachable, "wait until the node has started"},

	{peernet.ErrNoHandler, "no_handler", exitFailed, "check the name: the peer has no such handler, or none for this node"},
	{peernet.ErrForbidden, "forbidden", exitRefused, "the peer does not let this node call it: ask its owner"},
	{peernet.ErrBadArgs, "bad_args", exitFailed, "check the JSON against what the handler takes"},
	{peernet.ErrFailed, "failed", exitFailed, "the peer's handler ran and reported this"},
	{peernet.ErrInternal, "internal", exitFailed, "the peer's handler broke down: its log says more"},
	{peernet.ErrOverloaded, "overloaded", exitFailed, "the peer has too much to do: try again later"},
	{peernet.ErrCancelled, "cancelled", exitFailed, ""},
	{peernet.ErrDeadline, "deadline", exitUnreachable, "allow it more time with --timeout"},
	{peernet.ErrTooLarge, "too_large", exitFailed, "a call and its result must each fit in one frame, 1 MiB unless the peer takes more"},

	{syscall.EADDRINUSE, "address_in_use", exitFailed, "another program has this port: choose another with --listen"},
	{syscall.EADDRNOTAVAIL, "no_such_address", exitFailed, "this machine has no such address: give one that it has, or :PORT for all, with --listen"},
	{syscall.ENOSPC, "disk_full", exitFailed, "make room on the disk"},
	{syscall.EROFS, "read_only", exitFailed, "the disk is read-only: choose another directory with --data-dir"},
	{syscall.ENOTDIR, "not_a_directory", exitFailed, "choose another directory with --data-dir"},
	{fs.ErrPermission, codePermission, exitFailed, "this user may not do that"},
	{context.DeadlineExceeded, "timeout", exitUnreachable, "allow it more time with --timeout"},
	{context.Canceled, "interrupted", exitFailed, ""},
}

// explain says what err means to the user: in words, as a code, as an exit code, and what to do about it.
func explain(err error) *control.Error {
	if e := (*control.Error)(nil); errors.As(err, &e) {
		return e // explained where it happened
	}
	e := &control.Error{Code: "failed", Text: oneLine(err.Error()), Exit: exitFailed}
	if r := (*envelope.RemoteError)(nil); errors.As(err, &r) {
		e.Code, e.Hint = string(r.Code), "the peer's handler ran and reported this"
	}
	for _, o := range outcomes {
		if errors.Is(err, o.err) {
			e.Code, e.Exit, e.Hint = o.code, o.exit, o.hint
			break
		}
	}
	if e.Code == "interrupted" {
		e.Text = e.Code
	}
	if c := (*peernet.ConfigError)(nil); errors.As(err, &c) {
		e.Code, e.Exit, e.Hint = "bad_config", exitUsage, "change or leave out the flag that sets it"
	}
	if d := (*net.DNSError)(nil); errors.As(err, &d) {
		e.Code, e.Exit, e.Hint = "unknown_host", exitUnreachable, "check the name of the host, or give its address"
	}
	if u := (*usageError)(nil); errors.As(err, &u) {
		e.Code, e.Exit, e.Hint = "usage", exitUsage, u.hint
	}
	if h := (*hintedError)(nil); errors.As(err, &h) {
		e.Hint = h.hint
	}
	about := new(peerError)
	errors.As(err, &about)
	e.Hint = strings.NewReplacer(selfHint, orElse(about.self, "KEY"), peerHint, orElse(shellWord(about.peer), "PEER")).Replace(e.Hint)
	return e
}

// A hintedError is an error whose hint is better than the one in outcomes.
type hintedError struct {
	err  error
	hint string
}

func (e *hintedError) Error() string { return e.err.Error() }
func (e *hintedError) Unwrap() error { return e.err }

// A peerError is an error that concerns one peer.
type peerError struct {
	self string // this node's own key
	peer string // the peer, as the user named it
	err  error
}

func (e *peerError) Error() string { return oneLine(e.peer) + ": " + e.err.Error() }
func (e *peerError) Unwrap() error { return e.err }

// orElse returns text, or other if text is empty.
func orElse(text, other string) string {
	if text == "" {
		return other
	}
	return text
}
