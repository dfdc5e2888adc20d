package listener

import (
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// Bounds of wire.md §9.
const (
	maxStrangers = 256
	maxPerSource = 32

	maxGuests, maxGuestsPerSource = 8, 4
)
