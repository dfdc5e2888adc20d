package netns

import (
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// A test that runs this test binary once more finds in taskVariable what to do there.
const taskVariable = "PEERNET_TEST_NETNS_TASK"

// again returns a command that runs the test t alone, with a task.
func again(t *testing.T, task string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), self, "-test.v", "-test.run="+pattern(t.Name(), ""))
	cmd.Env = append(os.Environ(), taskVariable+"="+task, "GORACE=atexit_sleep_ms=10")
	return cmd
}

func TestRunEndsAsTheTestInsideDoes(t *testing.T) {
	t.Parallel()
	tasks := map[string]func(*testing.T){
		"PASS": func(*testing.T) {},
		"FAIL": func(t *testing.T) { t.Error("no") },
		"SKIP": func(t *testing.T) { t.Skip("not now") },
		"exit": func(*testing.T) { os.Exit(0) },
	}
	if task := tasks[os.Getenv(taskVariable)]; task != nil {
		Run(t, task)
		return
	}
	Require(t)
	for task := range tasks {
		output, _ := again(t, task).CombinedOutput()
		want := task
		if task == "exit" {
			want = "FAIL"
		}
		if got, ok := readVerdict(t.Name(), output); !ok || got != want {
			t.Errorf("%s: %q:\n%s", task, got, output)
		}
	}
}

func TestNothingIsLeftOfAKilledRun(t *testing.T) {
	t.Parallel()
	if path := os.Getenv(taskVariable); path != "" {
		Run(t, func(t *testing.T) {
			held, err := os.OpenFile(path, os.O_WRONLY, 0)
			if err != nil {
				t.Fatal(err)
			}
			hosts, _ := pair(t)
			sleep := exec.Command("sleep", "1000")
			sleep.Stdout = held
			if err := hosts[0].Start(sleep); err != nil {
				t.Fatal(err)
			}
			if _, err := io.WriteString(held, "ready"); err != nil {
				t.Fatal(err)
			}
			_ = sleep.Wait()
		})
		return
	}
	Require(t)
	path := filepath.Join(t.TempDir(), "held")
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	held, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer held.Close()
	run := again(t, path)
	if err := run.Start(); err != nil {
		t.Fatal(err)
	}
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	end := time.Now().Add(patience)
	for ready := make([]byte, len("ready")); ; <-tick.C {
		_, err := io.ReadFull(held, ready)
		if err == nil {
			break
		}
		if !errors.Is(err, io.EOF) || time.Now().After(end) { // until somebody writes there is nothing but an end
			t.Fatalf("waiting for the program: %v", err)
		}
	}
	if err := run.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = run.Wait()
	if err := held.SetReadDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadAll(held); err != nil {
		t.Errorf("a program on a host outlives the test: %v", err)
	}
}

func TestTheFenceHoldsWhereThereIsANetwork(t *testing.T) {
	t.Parallel()
	Run(t, func(t *testing.T) {
		if err := isolated(); err != nil {
			t.Error(err)
		}
		hosts, _ := pair(t)
		hosts[0].Do(func() {
			if isolated() == nil {
				t.Error("a host is taken for isolated")
			}
		})
		if err := isolated(); err != nil {
			t.Errorf("after hosts were made: %v", err)
		}
	})
}

// A fakeTB notes how a test gave up.
type fakeTB struct {
	testing.TB
	ended string
}

func (f *fakeTB) Helper()               {}
func (f *fakeTB) Skipf(string, ...any)  { f.end("skipped") }
func (f *fakeTB) Fatalf(string, ...any) { f.end("failed") }

// end notes the first end: the real ones do not return.
func (f *fakeTB) end(how string) {
	if f.ended == "" {
		f.ended = how
	}
}

func TestWhatIsRequiredIsNotSkipped(t *testing.T) {
	for required, want := range map[string]string{
		"":              "skipped",
		"openssl":       "skipped",
		"netns":         "failed",
		"avahi,netns":   "failed",
		"netnsx,xnetns": "skipped",
	} {
		f := &fakeTB{}
		giveUp(f, errNoVerdict, required)
		if f.ended != want {
			t.Errorf("%q: %s, want %s", required, f.ended, want)
		}
	}
}

func TestPatternFitsOneTest(t *testing.T) {
	for _, c := range []struct {
		name, told, want string
	}{
		{"TestA", "", "^TestA$"},
		{"TestA/b", "", "^TestA$/^b$"},
		{"TestA/b_c#01/d.", "", `^TestA$/^b_c#01$/^d\.$`},
		{"TestA", "TestA", "^TestA$"},
		{"TestA", "Te/^b$/c", "^TestA$/^b$/c"},
		{"TestA/b", "Te/^b$/c", "^TestA$/^b$/c"},
		{"TestA/b", "Te/^b$", "^TestA$/^b$"},
		{"TestA", "TestB/b|TestA", "^TestA$"},
		{"TestA", "TestA/[a/b]", "^TestA$"},
	} {
		if got := pattern(c.name, c.told); got != c.want {
			t.Errorf("%s, told %q: %s, want %s", c.name, c.told, got, c.want)
		}
	}
}

func TestVerdictIsThatOfTheTest(t *testing.T) {
	for _, c := range []struct {
		name, output, want string
	}{
		{"TestA", "=== RUN   TestA\n--- PASS: TestA (0.00s)\nPASS\n", "PASS"},
		{"TestA", "--- FAIL: TestA (0.00s)\n    --- PASS: TestA/b (0.00s)\nFAIL\n", "FAIL"},
		{"TestA/b", "--- PASS: TestA (0.00s)\n    --- SKIP: TestA/b (0.00s)\nPASS\n", "SKIP"},
		{"TestA", "--- PASS: TestAB (0.00s)\nPASS\n", ""},
		{"TestA", "testing: warning: no tests to run\nPASS\n", ""},
	} {
		if got, ok := readVerdict(c.name, []byte(c.output)); got != c.want || ok != (c.want != "") {
			t.Errorf("%s in %q: %q, want %q", c.name, c.output, got, c.want)
		}
	}
}
