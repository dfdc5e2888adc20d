//go:build !unix

package peernet_test

import "time"

// cpuTime is 0: this system is not asked for the processor time of the process, and figures that need it are 0.
func cpuTime() time.Duration { return 0 }
