package peernet

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"sync"
)

// A crash tells how the first of several goroutines of one caller ended without returning: by a panic, or by
// runtime.Goexit. The zero crash says that none did.
type crash struct {
	once  sync.Once
	value any    // of the panic; nil: runtime.Goexit
	stack []byte // of the goroutine that panicked; nil: there was no crash
}

// keep notes the end of the goroutine that calls it, with the value that recover returned there. It is safe for concurrent
// use.
func (c *crash) keep(recovered any) {
	c.once.Do(func() { c.value, c.stack = recovered, debug.Stack() })
}

// repeat ends the goroutine that calls it in the same way, if there was a crash. The other goroutines have ended.
func (c *crash) repeat() {
	switch {
	case c.stack == nil:
	case c.value == nil:
		runtime.Goexit()
	default:
		panic(&crashError{c.value, c.stack})
	}
}

// A crashError is a panic that was caught in one goroutine, and raised again in another.
type crashError struct {
	value any
	stack []byte
}

// Error tells where the panic was raised first.
func (e *crashError) Error() string { return fmt.Sprintf("%v\n\n%s", e.value, e.stack) }

// Unwrap returns the value of the panic if it is an error.
func (e *crashError) Unwrap() error {
	err, _ := e.value.(error)
	return err
}
