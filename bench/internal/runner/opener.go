package runner

import "github.com/seed-f6ddb928/peernet-go/bench/internal/measure"

// dialOpener makes sessions by dialling one responder again and again.
type dialOpener struct {
	at   Endpoint
	stop func()
	dial func(Endpoint) (measure.Client, error)
}

// opener returns the Open of a runner each of whose Dials makes a session and nothing else that costs.
func opener(serve func() (Endpoint, func(), error), dial func(Endpoint) (measure.Client, error)) func(int) (measure.Opener, error) {
	return func(int) (measure.Opener, error) {
		at, stop, err := serve()
		return dialOpener{at, stop, dial}, err
	}
}

func (o dialOpener) Open() (measure.Client, error) { return o.dial(o.at) }

func (o dialOpener) Close() { o.stop() }
