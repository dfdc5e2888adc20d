package measure

// writes are the calls of write, and the bytes written by them.
type writes struct{ calls, bytes float64 }

func (w writes) minus(before writes) writes {
	return writes{w.calls - before.calls, w.bytes - before.bytes}
}
