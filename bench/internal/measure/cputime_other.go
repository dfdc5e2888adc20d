//go:build !unix

package measure

import "time"

// CPUTime is 0: this system is not asked for the processor time of the process, and figures that need it are 0.
func CPUTime() time.Duration { return 0 }
