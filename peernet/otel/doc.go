// Package otel traces handlers and calls with OpenTelemetry. A call takes the W3C traceparent of its span to the peer
// (docs/wire.md §6.3), so that a call, what its handler calls, and so on across nodes are one trace:
//
//	node.Use(otel.Middleware())
//	node.UseOutgoing(otel.OutgoingMiddleware())
//
// A span has the name of the handler, rpc.system "peernet", rpc.method, the fingerprint of the peer's key as peernet.peer,
// and error.type if it failed: the code of the answer. No words of a peer, no texts of errors, no addresses.
//
// Sends carry no trace, so one that arrives begins a trace of its own, and the tracestate of W3C Trace Context does not
// travel. Programs that do not import this package do not have OpenTelemetry's tracing in them on peernet's account.
package otel
