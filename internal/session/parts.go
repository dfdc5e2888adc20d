package session

import "github.com/seed-f6ddb928/peernet-go/envelope"

// What a part begins with, as nodes of this project write it. One that is written otherwise is found by its name.
var (
	partPrefix = envelope.AppendPartHead(nil, 1, envelope.MinPart, false)[:lenPrefix]
	lastPrefix = envelope.AppendPartHead(nil, 1, envelope.MinPart, true)[:lenPrefix]
)

const lenPrefix = 2 + 1 + len(envelope.NamePart) // the array and its kind, then the name behind its length

// isPart says whether e is a part of an envelope.
func isPart(e *envelope.Envelope) bool {
	return e.Kind == envelope.KindSend && len(e.Name) == len(envelope.NamePart) && e.Name[0] == '$' &&
		(string(e.Name) == envelope.NamePart || string(e.Name) == envelope.NameLast)
}

// takePart takes the part r.part, and adds the envelope that it completes to b.
func (r *reader) takePart(b *batch) error {
	part, err := envelope.ParsePart(r.part.Args, string(r.part.Name) == envelope.NameLast)
	r.part = envelope.Envelope{}
	if err != nil {
		return err
	}
	now := r.config.Clock.Now().Sub(r.since)
	c, err := r.parts.add(part, now, r.wants)
	if c == nil || err != nil {
		return err
	}
	if isRequest(&c.head) && c.head.Kind == envelope.KindSend {
		b.chains++
	}
	if c.abandoned || c.discarded && c.head.Kind == envelope.KindReply {
		return nil
	}
	if c.discarded {
		b.envelopes = append(b.envelopes, c.head) // it has no args
		return nil
	}
	var whole envelope.Envelope
	if err := r.codec.Parse(c.b, &whole); err != nil {
		return err
	}
	// The caller's time runs from the first part (wire.md §6.10).
	whole.Options.Timeout = max(0, whole.Options.Timeout-(now-c.begun))
	b.envelopes = append(b.envelopes, whole)
	return nil
}

// wants says whether an envelope that comes in parts is to be kept: there is somebody to take it.
func (r *reader) wants(head *envelope.Envelope, total int) bool {
	switch {
	case head.Kind == envelope.KindReply:
		return r.flight.hasCall(head.ID)
	case isRequest(head):
		return r.inbound.OpenChain(head, total)
	}
	return true
}

// isRequest says whether an envelope is a call or a send of an application.
func isRequest(e *envelope.Envelope) bool {
	return e.Kind == envelope.KindCall || e.Kind == envelope.KindSend && !envelope.Reserved(e.Name)
}
