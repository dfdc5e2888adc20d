package measure

import (
	"errors"
	"runtime"
	"slices"
	"time"
)

// smallEvery is the pause between two small calls beside bulk.
const smallEvery = 20 * time.Millisecond

// Line has callers goroutines call with size bytes over a slow line for the time d, while another makes one small call after the
// other. It returns how long those took.
func Line(c Client, callers, size int, d time.Duration) (Figures, error) {
	runtime.GC() // what was set up
	bulk := startCallers([]Client{c}, callers, size)
	time.Sleep(d / warmUp)
	var (
		times  []float64 // ms
		failed error
	)
	calls, began := bulk.calls(), time.Now()
	payload := make([]byte, smallCall)
	for time.Since(began) < d || bulk.calls() == calls {
		start := time.Now()
		if failed = c.Call(payload); failed != nil {
			break
		}
		times = append(times, float64(time.Since(start))/1e6)
		time.Sleep(smallEvery)
	}
	calls, took := bulk.calls()-calls, time.Since(began)
	if _, err := bulk.end(); errors.Join(err, failed) != nil {
		return nil, errors.Join(err, failed)
	}
	slices.Sort(times)
	return Figures{
		SmallP50.Name: times[len(times)/2],
		SmallP99.Name: times[len(times)*99/100],
		BulkMB.Name:   float64(calls) * float64(size) / 1e6 / took.Seconds(),
	}, nil
}
