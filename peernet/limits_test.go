package peernet_test

import (
	"errors"
	"math"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/seed-f6ddb928/peernet-go/peernet"
)

// refusal returns the *ConfigError of a config; nil: it is accepted.
func refusal(t *testing.T, c peernet.Config) *peernet.ConfigError {
	t.Helper()
	_, err := peernet.New(c)
	e, ok := errors.AsType[*peernet.ConfigError](err)
	if err != nil && !ok {
		t.Fatalf("%T: %v", err, err)
	}
	return e
}

// TestEveryLimitHasBounds: a new field without any fails.
func TestEveryLimitHasBounds(t *testing.T) {
	for f := range reflect.TypeFor[peernet.Limits]().Fields() {
		for _, value := range []int{-1, math.MinInt, math.MaxInt} {
			var c peernet.Config
			reflect.ValueOf(&c.Limits).Elem().FieldByIndex(f.Index).SetInt(int64(value))
			e := refusal(t, c)
			if e == nil || e.Field != "Limits."+f.Name || e.Value != value || e.Low != (value < 0) || e.Because == "" {
				t.Errorf("%s of %d: %+v", f.Name, value, e)
				continue
			}
			bound, ok := e.Bound.(int)
			if !ok || e.Low && bound < 1 || !e.Low && bound > math.MaxInt32 {
				t.Errorf("%s of %d: the bound is %v", f.Name, value, e.Bound)
			}
		}
	}
}

// TestEveryTimeHasBounds: likewise.
func TestEveryTimeHasBounds(t *testing.T) {
	for f := range reflect.TypeFor[peernet.Timing]().Fields() {
		for _, value := range []time.Duration{-1, 5, math.MinInt64, math.MaxInt64} {
			var c peernet.Config
			reflect.ValueOf(&c.Timing).Elem().FieldByIndex(f.Index).SetInt(int64(value))
			e := refusal(t, c)
			if e == nil || e.Field != "Timing."+f.Name || e.Value != value || e.Low != (value < time.Hour) || e.Because == "" {
				t.Errorf("%s of %v: %+v", f.Name, value, e)
				continue
			}
			if bound, ok := e.Bound.(time.Duration); !ok || bound < time.Millisecond || bound > 30*24*time.Hour {
				t.Errorf("%s of %v: the bound is %v", f.Name, value, e.Bound)
			}
		}
	}
}

func TestBoundsThemselvesAreAccepted(t *testing.T) {
	for _, c := range []peernet.Config{
		{Namespace: strings.Repeat("x", 255), Name: strings.Repeat("x", 64)},
		{Limits: peernet.Limits{Frame: 1 << 20, CallsPerPeer: 1, CallBytesPerPeer: 1 << 20, SendsPerPeer: 1, SendBytesPerPeer: 1 << 20,
			QueueBytes: 1 << 20, Strangers: 1, StrangersPerSource: 1, Peers: 1, Sessions: 1}},
		{Limits: peernet.Limits{Frame: 1 << 30, CallsPerPeer: 1 << 20, CallBytesPerPeer: math.MaxInt32, SendsPerPeer: 1 << 20,
			SendBytesPerPeer: math.MaxInt32, QueueBytes: math.MaxInt32, Strangers: 1 << 16, StrangersPerSource: 1 << 16, Peers: 1 << 20, Sessions: 1 << 22}},
		{Timing: peernet.Timing{Dial: time.Millisecond, Handshake: time.Hour, PingAfter: 24 * time.Hour, Idle: 30 * 24 * time.Hour}},
	} {
		if e := refusal(t, c); e != nil {
			t.Error(e)
		}
	}
}

func TestFieldsAtOddsAreRefused(t *testing.T) {
	for _, c := range []struct {
		config peernet.Config
		field  string
		bound  any
	}{
		{peernet.Config{Namespace: strings.Repeat("x", 256)}, "len(Namespace)", 255},
		{peernet.Config{Name: strings.Repeat("x", 65)}, "len(Name)", 64},
		{peernet.Config{Limits: peernet.Limits{Frame: 1000}}, "Limits.Frame", 1 << 20},
		{peernet.Config{Limits: peernet.Limits{CallBytesPerPeer: 1000}}, "Limits.CallBytesPerPeer", 1 << 20},
		{peernet.Config{Limits: peernet.Limits{Frame: 16 << 20, CallBytesPerPeer: 8 << 20}}, "Limits.CallBytesPerPeer", 16 << 20},
		{peernet.Config{Limits: peernet.Limits{Frame: 16 << 20, SendBytesPerPeer: 8 << 20}}, "Limits.SendBytesPerPeer", 16 << 20},
		{peernet.Config{Limits: peernet.Limits{QueueBytes: 1 << 10}}, "Limits.QueueBytes", 1 << 20},
		{peernet.Config{Limits: peernet.Limits{StrangersPerSource: 257}}, "Limits.StrangersPerSource", 256},
		{peernet.Config{Limits: peernet.Limits{Strangers: 8, StrangersPerSource: 9}}, "Limits.StrangersPerSource", 8},
		{peernet.Config{Limits: peernet.Limits{Peers: 10, Sessions: 9}}, "Limits.Sessions", 10},
	} {
		if e := refusal(t, c.config); e == nil || e.Field != c.field || e.Bound != c.bound {
			t.Errorf("%s against %v: %+v", c.field, c.bound, e)
		}
	}
}

// TestDefaultsFollowWhatIsSet: one limit alone can be raised or lowered.
func TestDefaultsFollowWhatIsSet(t *testing.T) {
	for _, l := range []peernet.Limits{{Frame: 64 << 20}, {Strangers: 4}, {Peers: 1 << 20}, {Sessions: 1}} {
		if e := refusal(t, peernet.Config{Limits: l}); e != nil {
			t.Errorf("%+v: %v", l, e)
		}
	}
}
