package session

import (
	"bytes"

	"github.com/seed-f6ddb928/peernet-go/envelope"
)

// dataPrefix is what a value of a stream begins with, as nodes of this project write it.
var dataPrefix = func() []byte {
	b, _, err := envelope.AppendData(nil, envelope.StreamID{Call: 1}, nil)
	if err != nil {
		panic(err)
	}
	return b[:2+1+len(envelope.NameData)]
}()

// takeData hands a large value that lies where it was opened to its stream, behind what came before it in the same read. It returns false
// if plain is no such value, or if the actor has something to do first, so that it goes the way of all envelopes. An error is a violation
// of the protocol.
func (r *reader) takeData(b *batch, plain []byte) (taken bool, err error) {
	if !bytes.HasPrefix(plain, dataPrefix) || !r.mayDeliver(b) {
		return false, nil
	}
	err = r.deliverAll(b.envelopes)
	clear(b.envelopes)
	b.envelopes = b.envelopes[:0]
	if err != nil {
		return true, err
	}
	if err = r.codec.Parse(plain, &r.part); err == nil {
		r.messages.Add(1)
		err = r.handleData(r.part.Args, r)
	}
	r.part = envelope.Envelope{}
	return true, err
}

// hold returns v, which lies where it was opened, as a value that stays: where it lies, if that is a buffer of values, or copied into one.
// The next frame that may be such a value is opened in a buffer of values, too.
func (r *reader) hold(v []byte) Value {
	held := r.opened
	if r.opened = nil; held == nil {
		held = valueBuffers.Get().(*buffer)
		v = append(held.b, v...)
	} else {
		r.values = nil
	}
	if r.values == nil {
		r.values = valueBuffers.Get().(*buffer)
	}
	return Value{v, held}
}

// releaseValues gives back the buffer that no value has come for.
func (r *reader) releaseValues() {
	if r.values != nil {
		Value{buf: r.values}.Release()
		r.values = nil
	}
}
