package peernet

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"sync"
)

// A crash is how the first of several goroutines that work for one caller has ended without returning: by a panic, or by
// runtime.Goexit. The zero crash is none.
type crash struct {
	once     sync.Once
	happened bool
	value    any    // of the panic; nil: runtime.Goexit
	stack    []byte // of the goroutine that panicked
}

// keep takes note of the end of the goroutine that calls it, with what recover has returned there. It is safe for concurrent
// use.
func (c *crash) keep(recovered any) {
	c.once.Do(func() { c.happened, c.value, c.stack = true, recovered, debug.Stack() })
}

// again does to the goroutine that calls it what was done to the other, if anything was. The others have ended.
func (c *crash) again() {
	switch {
	case !c.happened:
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

// Error tells where it was first.
func (e *crashError) Error() string { return fmt.Sprintf("%v\n\n%s", e.value, e.stack) }

// Unwrap returns the value of the panic if it is an error.
func (e *crashError) Unwrap() error {
	err, _ := e.value.(error)
	return err
}
