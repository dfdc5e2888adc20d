// Package failure says what an error means to a person: in words, as a code for programs, as the exit code of the command,
// and what to do about it.
package failure

import (
	"context"
	"io/fs"
	"syscall"

	"github.com/seed-f6ddb928/peernet-go/cmd/peernode/internal/control"
	"github.com/seed-f6ddb928/peernet-go/cmd/peernode/internal/text"
	"github.com/seed-f6ddb928/peernet-go/cmd/peernode/internal/tunnel"
	"github.com/seed-f6ddb928/peernet-go/envelope"
	"github.com/seed-f6ddb928/peernet-go/handshake"
	"github.com/seed-f6ddb928/peernet-go/identity"
	"github.com/seed-f6ddb928/peernet-go/peernet"
	"github.com/seed-f6ddb928/peernet-go/trust"
)

// Exit codes.
const (
	ExitDone        = 0
	ExitFailed      = 1
	ExitUsage       = 2
	ExitUnreachable = 3 // not reachable, or not in time
	ExitRefused     = 4 // by somebody's trust, or by a handler
)

// Words in advice that stand for names.
const (
	selfWord = "SELF" // this node's own key
	peerWord = "PEER" // the name that the user gave the peer
)

// Codes that the command acts on: the system denies something to this user; the node serves as many requests as it may.
const (
	CodePermission = "permission_denied"
	CodeBusy       = "busy"
)

// NameForm is the advice for a text that cannot be the name of a handler.
const NameForm = "a name has 1 to 255 bytes of UTF-8, no control characters, and does not begin with $/"

// keyFileAdvice is the advice for an identity file that holds no key.
const keyFileAdvice = "put a copy of the right file there; or move it away, and a new key is made, which the peers must trust anew"

// A meaning is what some errors mean to the user: the same code, exit code and advice.
type meaning struct {
	code   string // for programs, over the control socket; never changes
	exit   int
	advice string
	errs   []error
}

func means(code string, exit int, advice string, errs ...error) meaning {
	return meaning{code, exit, advice, errs}
}

// meaningsOfStreams are searched before meanings, for the errors of OfStream.
var meaningsOfStreams = []meaning{
	means("stream_over", ExitFailed, "see on the other machine why it ended before it had everything", peernet.ErrStreamOver),
	means("bad_args", ExitFailed, "what serves the name there is not made for pipe and forward", peernet.ErrBadArgs),
	means("failed", ExitFailed, "see what it says on the other machine", peernet.ErrFailed),
	means("overloaded", ExitFailed, "end some of the streams with this peer first, or try again later", peernet.ErrOverloaded),
	means("timeout", ExitUnreachable, "see: peernode why PEER; pipe waits longer with --timeout", context.DeadlineExceeded),
}

// meanings are searched in this order. The first match counts, so specific errors stand before general ones.
var meanings = []meaning{
	means("no_node", ExitUnreachable, "start one with: peernode run", control.ErrNoNode),
	means("no_socket", ExitUnreachable, "it may be starting or stopping: try again; or stop it, and start it again with: peernode run", control.ErrNoSocket),
	means("running", ExitFailed, "stop that one first, or give this one a directory of its own with --data-dir", control.ErrRunning),
	means("stopping", ExitUnreachable, "start it again with: peernode run", control.ErrStopping, peernet.ErrClosed),
	means("gone", ExitUnreachable, "start it again with: peernode run", control.ErrGone),
	means("file_kind", ExitFailed, "move it away: the node keeps a file of its own there", control.ErrFileKind, trust.ErrFileKind, identity.ErrFileKind),
	means("path_too_long", ExitFailed, "set TMPDIR to a directory with a short path, or choose another directory with --data-dir", control.ErrPathTooLong),
	means("stranger", ExitRefused, "run this command as the user the node runs as", control.ErrOtherUser),
	means("bad_request", ExitUsage, "is the running node of another version than this command?", control.ErrRequest),
	means("too_large", ExitFailed, "send less at a time", control.ErrTooLarge),
	means(CodeBusy, ExitFailed, "wait for the other commands to end", control.ErrBusy),

	// Mistakes of another node stand before those of the user, because the former wrap the latter.
	means("no_handshake", ExitUnreachable, "what answers there breaks the protocol: is it a node?", handshake.ErrEphemeral, handshake.ErrKey),

	means("bad_json", ExitUsage, `quote it for the shell, as in '{"text": "hello"}'`, ErrBadJSON),
	means("bad_value", ExitUsage, "the peer's dialect has no such value: the manual says which values it has", envelope.ErrEncode),
	means("bad_name", ExitUsage, NameForm, envelope.ErrNameLength, envelope.ErrNameUTF8, envelope.ErrNameControl, envelope.ErrNameReserved),
	means("ambiguous", ExitFailed, "give more of the key, or its label", text.ErrAmbiguousPrefix),
	means("ambiguous", ExitFailed, "several peers have this label: name the one you mean by its key", trust.ErrAmbiguous),
	means("unknown_peer", ExitFailed, "see who is trusted with: peernode trust list", trust.ErrNotFound),
	means("label_taken", ExitFailed, "choose another --label; see: peernode trust list", trust.ErrLabelTaken),
	means("bad_label", ExitUsage, "choose a --label that nobody takes for a key", trust.ErrLabelIsKey),
	means("bad_label", ExitUsage, "choose a --label of at most 64 bytes", trust.ErrLabelTooLong),
	means("bad_label", ExitUsage, "choose a --label of printable characters", trust.ErrCharacter),
	means("bad_key", ExitUsage, "one of its characters is wrong: copy it again", identity.ErrKeyChecksum),
	means("bad_key", ExitUsage, "a key has 63 characters; the beginning of a trusted one needs at least 8 after pnet1", identity.ErrKeyLength),
	means("bad_key", ExitUsage, "no node has such a key: copy it again", identity.ErrKeyRange, identity.ErrKeyLowOrder),
	means("self", ExitUsage, "this is the node's own key: give that of the other node", trust.ErrSelf),
	means("locked", ExitFailed, "another command is writing the peers file: try again, or see which one hangs", trust.ErrLocked),
	means("peers_file", ExitFailed, "check that it is a peers file: one has a line for each peer, and nothing else", trust.ErrFileTooLarge),
	means("identity_file", ExitFailed, keyFileAdvice, identity.ErrFileContent, identity.ErrFileAlgorithm),
	means("permissions", ExitFailed, "others may change whom this node trusts: chmod go-w the file, and check what is in it", trust.ErrPermissions),
	means("permissions", ExitFailed, "nobody else may read a private key: chmod 600 the file, and make a new one if somebody has", identity.ErrPermissions),

	means("bad_code", ExitUsage, "give the code that the other node shows, such as 42-otter-velvet", peernet.ErrCode, peernet.ErrCodeWord),
	means("wrong_code", ExitRefused, "have the other node make a new one with: peernode pair; if nobody has mistyped the code, somebody else on the network tries to pair", peernet.ErrWrongCode),
	means("code_over", ExitRefused, "make a new one with: peernode pair", peernet.ErrCodeOver),
	means("guesses", ExitRefused, "each try gives an attacker who poses as the other node one guess: make a new code there with: peernode pair", peernet.ErrGuesses),
	means("no_offer", ExitUnreachable, "is the number right, and is the other node on this network? if not, say where it listens with --at HOST:PORT", peernet.ErrNoOffer),
	means("offering", ExitFailed, "end that one with Ctrl-C first; only one of the two nodes shows a code, and a person types it at the other", peernet.ErrOffering),
	means("own_code", ExitUsage, "give it to: peernode pair on the other node", peernet.ErrOwnCode),
	means("reveals", ExitUsage, "to pair all the same, give --yes: while a node shows a code, everybody who connects to it learns its key; a node that joins shows its key to the node that answers", peernet.ErrReveals),
	means("no_offer", ExitUsage, "say where it listens with --at HOST:PORT", peernet.ErrJoinAddr),

	means("not_all", ExitFailed, "see who is connected with: peernode peers; or why one is not with: peernode why PEER", ErrNotAll),
	means("not_in_time", ExitUnreachable, "see: peernode why PEER; or allow it more time with --timeout", ErrNotInTime),
	means("not_listening", ExitFailed, "see where it listens with: peernode listen", ErrNotListening),
	means("no_knock", ExitFailed, "see who has knocked with: peernode trust pending", ErrNoKnock),
	means("blocked", ExitRefused, "let it in again with: peernode trust unblock PEER", peernet.ErrBlocked),
	means("too_many", ExitFailed, "unblock some: see them with: peernode trust blocked", trust.ErrBlocksFull),
	means("blocked_file", ExitFailed, "correct the file, or remove it to unblock all", trust.ErrBlocksFile),
	means("too_many", ExitFailed, "remove one that is not needed: peernode interfaces remove INTERFACE", ErrInterfacesFull),
	means("no_discovery", ExitFailed, "", ErrNoDiscovery),
	means("not_trusted", ExitRefused, "trust it first with: peernode trust add PEER", peernet.ErrNotTrusted),
	means("refused", ExitRefused, "on the other machine run: peernode trust add SELF", peernet.ErrRefused),
	means("full", ExitFailed, "start this node with a higher --max-peers or --max-sessions, or wait until a peer has gone", peernet.ErrFull),
	means("peer_busy", ExitUnreachable, "the peer does not want this node for now: try again later", peernet.ErrBusy),
	means("unanswered", ExitUnreachable, "run both nodes with --private or both without; with it, check that each trusts the other and that both clocks are right; if the peer speaks BEAM alone, add dialect=beam to its line of the peers file", peernet.ErrUnanswered),
	means("wrong_key", ExitUnreachable, "another node answers at this address: check the address and the key", peernet.ErrWrongKey),
	means("own_address", ExitUnreachable, "this node itself listens at this address: give that of the other node", handshake.ErrSelf),
	means("no_handshake", ExitUnreachable, "does a node listen there, and do both have the same --namespace?", handshake.ErrMessage2),
	means("dialect", ExitUnreachable, "start this node with --dialect auto, without --namespace and --private if the peer speaks beam; or fix the peer's with dialect= in the peers file", peernet.ErrNotSpoken),
	means("no_address", ExitUnreachable, "say where it is with: peernode connect PEER ADDR", peernet.ErrNoAddress),
	means("not_connected", ExitUnreachable, "see why with: peernode why PEER; or say where it is with: peernode connect PEER ADDR", peernet.ErrNotConnected),
	means("not_accepted", ExitUnreachable, "let the peer trust SELF; if the peer is a Go node, remove dialect=beam from its line of the peers file", peernet.ErrNotAccepted),
	means("no_guests", ExitRefused, "the node there must serve a handler to guests, as with: peernode run --echo --guests", peernet.ErrNoGuests),
	means("unreachable", ExitUnreachable, "is the peer running, and is the address right?", peernet.ErrUnreachable),
	means("maybe_no_handler", ExitUnreachable, "check the name: an Elixir node closes the connection, without a word, for a name that it has not exposed", peernet.ErrMaybeNoHandler),
	means("link_lost", ExitUnreachable, "the connection broke; see: peernode why PEER", peernet.ErrLinkLost),
	means("not_started", ExitUnreachable, "wait until the node has started", peernet.ErrNotStarted),

	means("name_taken", ExitFailed, "choose another name; see what is exposed with: peernode status", tunnel.ErrTaken, peernet.ErrTaken),
	means("no_streams", ExitFailed, "the peer must run version 2 of the native dialect: nodes on the BEAM have no streams", peernet.ErrNoStreams),
	means("not_stream", ExitFailed, "use: peernode call", peernet.ErrNotStream),
	means("broken_off", ExitFailed, "see why on the other machine; or see here: peernode why PEER", tunnel.ErrBrokenOff),

	means("no_handler", ExitFailed, "check the name: the peer does not serve it, or not to this node", peernet.ErrNoHandler),
	means("forbidden", ExitRefused, "the peer does not let this node call it: ask its owner", peernet.ErrForbidden),
	means("bad_args", ExitFailed, "check the JSON against what the handler takes", peernet.ErrBadArgs),
	means("failed", ExitFailed, "the peer's handler ran and reported this", peernet.ErrFailed),
	means("internal", ExitFailed, "the peer's handler broke down: its log says more", peernet.ErrInternal),
	means("overloaded", ExitFailed, "the peer has too much to do: try again later", peernet.ErrOverloaded),
	means("cancelled", ExitFailed, "", peernet.ErrCancelled),
	means("deadline", ExitUnreachable, "allow it more time with --timeout", peernet.ErrDeadline),
	means("too_large", ExitFailed, "send less at a time: a call and its result have at most 1 MiB each, unless the receiver raises Limits.Message", peernet.ErrTooLarge),

	means("address_in_use", ExitFailed, "this port is taken: choose another", syscall.EADDRINUSE),
	means("no_such_address", ExitFailed, "this machine has no such address: give one that it has, or :PORT for all", syscall.EADDRNOTAVAIL),
	means("disk_full", ExitFailed, "make room on the disk", syscall.ENOSPC),
	means("read_only", ExitFailed, "the disk is read-only: choose another directory with --data-dir", syscall.EROFS),
	means("path_too_long", ExitUsage, "choose another directory with --data-dir", syscall.ENAMETOOLONG),
	means("not_a_directory", ExitFailed, "choose another directory with --data-dir", syscall.ENOTDIR),
	means(CodePermission, ExitFailed, "this user may not do that", fs.ErrPermission),
	means("timeout", ExitUnreachable, "allow it more time with --timeout", context.DeadlineExceeded),
	means("interrupted", ExitFailed, "", context.Canceled),
}
