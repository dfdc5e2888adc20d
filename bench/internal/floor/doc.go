// Package floor is the least that a call over Noise must do: a bare encrypted session with Noise XX, ChaCha20-Poly1305, a
// length prefix, request ids, coalesced writes and an inline echo. Everything else is measured against it, so it has to be as
// fast as it can be. It has no dispatch, no actors, no envelope, and no bound on what is queued: it is no protocol to use.
package floor
