package prometheus

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	client "github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	"go.uber.org/goleak"

	"github.com/seed-f6ddb928/peernet-go/identity"
	"github.com/seed-f6ddb928/peernet-go/peernet"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience bounds what a test waits for on real sockets; nothing takes so long.
const patience = time.Minute

// filled sets every number that v holds to another one, and makes each map one of two entries.
func filled(v reflect.Value, next *uint64) {
	switch v.Kind() {
	case reflect.Uint64:
		*next++
		v.SetUint(*next)
	case reflect.Int, reflect.Int64:
		*next++
		v.SetInt(int64(*next))
	case reflect.Map:
		*next += 2
		v.Set(reflect.ValueOf(map[string]uint64{"other": *next - 1, "failed": *next}))
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() && v.Type().Field(i).Type != reflect.TypeFor[time.Time]() {
				filled(v.Field(i), next)
			}
		}
	}
}

// fullStats returns statistics in which every number is another one.
func fullStats() peernet.Stats {
	var s peernet.Stats
	n := uint64(100)
	filled(reflect.ValueOf(&s).Elem(), &n)
	for i, state := range []peernet.PeerState{peernet.StateConnected, peernet.StateFound} {
		p := peernet.PeerStats{Label: fmt.Sprintf("peer \"%d\"\\\n", i), State: state}
		filled(reflect.ValueOf(&p).Elem(), &n)
		p.Peer, p.RTT, p.SmoothedRTT = identity.PublicKey{byte(i + 1)}, time.Duration(n+1)*time.Second, time.Duration(n+2)*time.Second
		n += 2
		s.Peers = append(s.Peers, p)
	}
	s.Discovery = []peernet.ProviderStatus{
		{Name: "udp", State: peernet.ProviderRunning, Sightings: n + 1, Dropped: n + 2, Counts: map[string]uint64{"sent": n + 3}},
		{Name: "mdns", State: peernet.ProviderFailed, Sightings: n + 4, Dropped: n + 5},
	}
	return s
}

func noHandlers() []string { return nil }

// page returns what a scrape of r reads.
func page(t *testing.T, r *client.Registry) string {
	t.Helper()
	w := httptest.NewRecorder()
	promhttp.HandlerFor(r, promhttp.HandlerOpts{}).ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/metrics", nil))
	if w.Code != http.StatusOK {
		t.Fatalf("status %d: %s", w.Code, w.Body)
	}
	return w.Body.String()
}

func TestMetricsKeepToTheRulesOfPrometheus(t *testing.T) {
	c := newCollector(fullStats, noHandlers)
	c.handlers.WithLabelValues("echo").Observe(1)
	r := client.NewPedanticRegistry()
	r.MustRegister(c)
	text := page(t, r)
	problems, err := promlint.New(strings.NewReader(text)).Lint()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Errorf("%s: %s", p.Metric, p.Text)
	}
	for _, f := range []string{"peernet_uptime_seconds", "peernet_calls_total", "peernet_handler_duration_seconds_bucket"} {
		if !strings.Contains(text, "\n"+f) {
			t.Errorf("%s is missing", f)
		}
	}
	if want := `peernet_sessions{label="peer \"0\"\\\n",peer="` + (identity.PublicKey{1}).String() + `"} `; !strings.Contains(text, want) {
		t.Errorf("%s is missing", want)
	}
}

// TestMetricsOfTwoNodesNeedLabels: without them the second registration is refused, with them both are read.
func TestMetricsOfTwoNodesNeedLabels(t *testing.T) {
	r := client.NewRegistry()
	if err := r.Register(newCollector(fullStats, noHandlers)); err != nil {
		t.Fatal(err)
	}
	second := newCollector(fullStats, noHandlers)
	if err := r.Register(second); err == nil {
		t.Error("two nodes have the same metrics")
	}
	r = client.NewRegistry()
	for _, name := range []string{"one", "two"} {
		client.WrapRegistererWith(client.Labels{"node": name}, r).MustRegister(newCollector(fullStats, noHandlers))
	}
	if text := page(t, r); !strings.Contains(text, `peernet_strangers{node="one"}`) || !strings.Contains(text, `peernet_strangers{node="two"}`) {
		t.Error("a node is missing")
	}
}

// TestNothingIsOnTheDefaultRegistry: neither by importing the package nor by making a Collector.
func TestNothingIsOnTheDefaultRegistry(t *testing.T) {
	newCollector(fullStats, noHandlers)
	families, err := client.DefaultGatherer.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if strings.HasPrefix(f.GetName(), "peernet_") {
			t.Errorf("%s is there", f.GetName())
		}
	}
}

// seriesOf returns the names and labels on a page.
func seriesOf(page string) map[string]bool {
	series := make(map[string]bool)
	for line := range strings.Lines(page) {
		if i := strings.LastIndexByte(line, ' '); i > 0 && line[0] != '#' {
			series[line[:i]] = true
		}
	}
	return series
}

// TestSeriesExistFromTheStart: whatever happens to a peer later adds none, as a rate misses the first value of a new series.
func TestSeriesExistFromTheStart(t *testing.T) {
	a, b := started(t), started(t)
	c := New(a)
	r := client.NewPedanticRegistry()
	r.MustRegister(c)
	a.Use(c.Measure)
	for name, err := range map[string]error{"works": nil, "fails": errors.New("on purpose"), "is never called": nil} {
		if err := a.Handle(name, func(context.Context, *peernet.Request) (any, error) { return nil, err }); err != nil {
			t.Fatal(err)
		}
	}
	if err := a.Pair(b.PublicKey(), "b"); err != nil {
		t.Fatal(err)
	}
	before := seriesOf(page(t, r))
	for _, want := range []string{`result="not_trusted",role="responder"`, `code="overloaded",direction="out"`, `reason="lost"`, `handler="is never called"`, "peernet_rtt_seconds"} {
		if !slices.ContainsFunc(slices.Collect(maps.Keys(before)), func(s string) bool { return strings.Contains(s, want) }) {
			t.Errorf("%s is missing", want)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := errors.Join(b.Pair(a.PublicKey(), "a"), b.Connect(ctx, a.PublicKey(), a.Addrs()[0].String())); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"works", "fails", "nothing"} {
		_, _ = b.Call(ctx, a.PublicKey(), name, nil)
		_, _ = a.Call(ctx, b.PublicKey(), name, nil)
	}
	if _, err := a.Ping(ctx, b.PublicKey()); err != nil {
		t.Fatal(err)
	}
	if err := b.Shutdown(ctx); err != nil {
		t.Fatal(err)
	}
	for series := range seriesOf(page(t, r)) {
		if !before[series] {
			t.Errorf("%s is new", series)
		}
	}
}

// TestEveryNumberOfStatsIsAMetric: one that is added to Stats must not be forgotten. The total is left to the reader of
// the metrics.
func TestEveryNumberOfStatsIsAMetric(t *testing.T) {
	s := fullStats()
	r := client.NewPedanticRegistry()
	r.MustRegister(newCollector(func() peernet.Stats { return s }, noHandlers))
	families, err := r.Gather()
	if err != nil {
		t.Fatal(err)
	}
	told := make(map[float64]string)
	for _, f := range families {
		for _, m := range f.GetMetric() {
			value := m.GetCounter().GetValue() + m.GetGauge().GetValue()
			if other, twice := told[value]; twice && value > 100 {
				t.Errorf("%v is told by %s and by %s", value, other, f.GetName())
			}
			told[value] = f.GetName()
		}
	}
	var walk func(path string, v reflect.Value)
	walk = func(path string, v reflect.Value) {
		number := 0.0
		switch v.Kind() {
		case reflect.Uint64:
			number = float64(v.Uint())
		case reflect.Int:
			number = float64(v.Int())
		case reflect.Int64:
			number = time.Duration(v.Int()).Seconds()
		case reflect.Map:
			for _, key := range v.MapKeys() {
				walk(path+"."+key.String(), v.MapIndex(key))
			}
			return
		case reflect.Slice:
			for i := range v.Len() {
				walk(path, v.Index(i))
			}
			return
		case reflect.Struct:
			for i := range v.NumField() {
				if f := v.Type().Field(i); f.IsExported() && f.Name != "Total" && f.Type != reflect.TypeFor[time.Time]() {
					walk(path+"."+f.Name, v.Field(i))
				}
			}
			return
		default:
			return
		}
		if told[number] == "" {
			t.Errorf("%s (%v) is no metric", path, number)
		}
	}
	walk("Stats", reflect.ValueOf(s))
}

func TestHandlersAreMeasuredAlsoWhenTheyPanic(t *testing.T) {
	c := newCollector(func() peernet.Stats { return peernet.Stats{} }, noHandlers)
	r := client.NewRegistry()
	r.MustRegister(c.handlers)
	node, peer := connected(t)
	node.Use(c.Measure)
	for name, h := range map[string]peernet.Handler{
		"works":  func(context.Context, *peernet.Request) (any, error) { return nil, nil },
		"panics": func(context.Context, *peernet.Request) (any, error) { panic("on purpose") },
	} {
		if err := node.Handle(name, h); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for range 3 {
		if _, err := peer.Call(ctx, node.PublicKey(), "works", nil); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"panics", "nothing"} {
		if _, err := peer.Call(ctx, node.PublicKey(), name, nil); !errors.Is(err, peernet.ErrInternal) && !errors.Is(err, peernet.ErrNoHandler) {
			t.Fatal(err)
		}
	}
	families, err := r.Gather()
	if err != nil || len(families) != 1 {
		t.Fatal(families, err)
	}
	got := make(map[string]uint64)
	for _, m := range families[0].GetMetric() {
		got[m.GetLabel()[0].GetValue()] = m.GetHistogram().GetSampleCount()
	}
	if want := map[string]uint64{"works": 3, "panics": 1}; !maps.Equal(got, want) {
		t.Errorf("measured %v, want %v", got, want)
	}
}

// started returns a node on loopback that runs until the test ends.
func started(t *testing.T) *peernet.Node {
	t.Helper()
	n, err := peernet.New(peernet.Config{})
	if err != nil {
		t.Fatal(err)
	}
	if err := n.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := n.Shutdown(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return n
}

// connected returns two nodes on loopback that are connected, until the test ends.
func connected(t *testing.T) (a, b *peernet.Node) {
	t.Helper()
	a, b = started(t), started(t)
	if err := errors.Join(a.Pair(b.PublicKey(), "b"), b.Pair(a.PublicKey(), "a"), b.Connect(t.Context(), a.PublicKey(), a.Addrs()[0].String())); err != nil {
		t.Fatal(err)
	}
	return a, b
}
