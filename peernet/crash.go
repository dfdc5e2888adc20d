package peernet

import (
	"fmt"
	"runtime"
)

// A crash tells how one of several goroutines of one caller ended without returning: by a panic, or by runtime.Goexit. It is
// the value of the panic that is raised again in the caller's goroutine.
type crash struct {
	value any    // of the panic; nil: runtime.Goexit
	stack []byte // of the goroutine
}

// repeat ends the goroutine that calls it in the same way.
func (c *crash) repeat() {
	if c.value == nil {
		runtime.Goexit()
	}
	panic(c)
}

// Error tells where the panic was raised first.
func (c *crash) Error() string { return fmt.Sprintf("%v\n\n%s", c.value, c.stack) }

// Unwrap returns the value of the panic if it is an error.
func (c *crash) Unwrap() error {
	err, _ := c.value.(error)
	return err
}
