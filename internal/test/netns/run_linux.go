package netns

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"net"
	"os"
	"os/exec"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

const (
	// requireVariable names what tests may not skip, separated by commas.
	requireVariable = "PEERNET_TEST_REQUIRE"

	// insideVariable is set in the environment of the copy that Run starts.
	insideVariable = "PEERNET_TEST_NETNS"
)

// reportTime is how much earlier than the test binary its copy runs out of time, so that what it says then is read.
const reportTime = 5 * time.Second

// subtests is how many parallel subtests of one run may run at once: they wait for a network more than they compute.
const subtests = 64

// errNoVerdict: the test did not run in the copy, or did not end there.
var errNoVerdict = errors.New("the copy of the test binary ended without a verdict")

// Require skips the test with the reason where namespaces, or iproute2's ip, cannot be had. It fails it instead if the
// environment variable PEERNET_TEST_REQUIRE, a list with commas, holds netns. Run begins with it.
func Require(t testing.TB) {
	t.Helper()
	if _, err := available(); err != nil {
		giveUp(t, err, os.Getenv(requireVariable))
	}
}

// giveUp skips the test because of err, or fails it if it is required to run.
func giveUp(t testing.TB, err error, required string) {
	t.Helper()
	if slices.Contains(strings.Split(required, ","), "netns") {
		t.Fatalf("network namespaces: %v", err)
	}
	t.Skipf("network namespaces: %v", err)
}

// Run runs f, which is all there is to the test or subtest t, in namespaces of its own: in a copy of the test binary
// that runs nothing but t. It passes, fails or skips as f does there, and logs what f printed. f has a T of its own;
// it is not called in this process. Time, the directory and the environment are those of this process, flags are not.
// What was late (see Late) runs again, in other namespaces.
//
// Several of them may run at once, under t.Parallel before Run. Of the parallel subtests of f, 64 run at once.
func Run(t *testing.T, f func(t *testing.T)) {
	t.Helper()
	if os.Getenv(insideVariable) != "" {
		if err := isolated(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { tellLate(t.Name()) })
		f(t)
		return
	}
	Require(t)
	attributes, err := available()
	if err != nil {
		t.Fatal(err)
	}
	run := pattern(t.Name(), flag.Lookup("test.run").Value.String())
	for attempt := 1; ; attempt++ {
		output, err := runCopy(t, attributes, run)
		t.Logf("in namespaces of its own:\n%s", output)
		verdict, ok := readVerdict(t.Name(), output)
		switch {
		case !ok:
			t.Fatalf("%v: %v", errNoVerdict, err)
		case verdict == "SKIP":
			t.Skip()
		case verdict == "FAIL" || err != nil: // after a test that passes, TestMain may find fault
			t.Fatalf("%s, %v", verdict, err)
		}
		late := readLate(output)
		switch {
		case len(late) == 0:
			return
		case attempt == attempts:
			t.Fatalf("late at each of %d attempts: %s", attempts, strings.Join(late, ", "))
		}
		run = latePattern(t.Name(), late)
	}
}

// runCopy runs t alone, or what of it the argument of -test.run fits, in a copy of the test binary, and returns what that
// printed.
func runCopy(t *testing.T, attributes *syscall.SysProcAttr, fits string) ([]byte, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	args := []string{"-test.v", "-test.count=1", "-test.run=" + fits, "-test.parallel=" + strconv.Itoa(subtests)}
	if deadline, ok := t.Deadline(); ok {
		args = append(args, "-test.timeout="+max(time.Until(deadline)-reportTime, time.Second).String())
	}
	if testing.Short() {
		args = append(args, "-test.short")
	}
	run := exec.Command(self, args...)
	run.Env = append(os.Environ(), insideVariable+"=1")
	if os.Getenv("GORACE") == "" {
		run.Env = append(run.Env, "GORACE=atexit_sleep_ms=10") // not a second for each when built with -race
	}
	run.SysProcAttr = attributes

	// The copy is killed when the thread that started it ends: this one must not end before.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	return run.CombinedOutput()
}

// pattern returns the argument of -test.run that fits the test or subtest of that name, and of its subtests those that
// told, the argument of this process, fits. If told names alternatives that is all of them.
func pattern(name, told string) string {
	parts := strings.Split(name, "/")
	depth := len(parts)
	for i, p := range parts {
		parts[i] = "^" + regexp.QuoteMeta(p) + "$"
	}
	if more := strings.Split(told, "/"); len(more) > depth && !strings.ContainsAny(told, "|[(\\") {
		parts = append(parts, more[depth:]...)
	}
	return strings.Join(parts, "/")
}

// readVerdict returns PASS, FAIL or SKIP, which the test of that name ended with.
func readVerdict(name string, output []byte) (verdict string, ok bool) {
	line := regexp.MustCompile(`(?m)^ *--- (PASS|FAIL|SKIP): ` + regexp.QuoteMeta(name) + ` \(`)
	found := line.FindSubmatch(output)
	if found == nil {
		return "", false
	}
	return string(found[1]), true
}

// isolated returns an error unless this process has no network interface but a loopback.
func isolated() error {
	interfaces, err := net.Interfaces()
	if err != nil {
		return err
	}
	for _, i := range interfaces {
		if i.Flags&net.FlagLoopback == 0 {
			return fmt.Errorf("%s is set, but this process sees the interface %s: nothing may be tested here", insideVariable, i.Name)
		}
	}
	return nil
}

// available returns how to start a process in namespaces of its own, or why that is not possible. It tries once.
var available = sync.OnceValues(func() (*syscall.SysProcAttr, error) {
	ip, err := findIP()
	if err != nil {
		return nil, err
	}
	var failed []error
	for _, attributes := range ways() {
		try := exec.Command(ip, "-batch", "-")
		try.Stdin = strings.NewReader(addBridge + "\nlink add port1 master br0 type veth peer name eth0\n")
		try.SysProcAttr = attributes
		output, err := try.CombinedOutput()
		if err == nil {
			return attributes, nil
		}
		failed = append(failed, fmt.Errorf("%w %s", err, bytes.TrimSpace(output)))
	}
	return nil, errors.Join(failed...)
})

// ways returns how to start a process in namespaces of its own, best first. Root needs no user namespace, but may have
// no right to any other without one, in a container.
func ways() []*syscall.SysProcAttr {
	const own = syscall.CLONE_NEWNET | syscall.CLONE_NEWPID
	plain := &syscall.SysProcAttr{
		Cloneflags:   own,
		Unshareflags: syscall.CLONE_NEWNS, // and not Cloneflags: so that mounts there stay there
		Pdeathsig:    syscall.SIGKILL,
	}
	user := &syscall.SysProcAttr{
		Cloneflags:   own | syscall.CLONE_NEWUSER,
		Unshareflags: syscall.CLONE_NEWNS,
		Pdeathsig:    syscall.SIGKILL,
		UidMappings:  []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Geteuid(), Size: 1}},
		GidMappings:  []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getegid(), Size: 1}},
	}
	if os.Geteuid() == 0 {
		return []*syscall.SysProcAttr{plain, user}
	}
	return []*syscall.SysProcAttr{user}
}

// findIP returns the path of iproute2's ip, which may not be in an ordinary user's PATH.
func findIP() (string, error) {
	path, err := exec.LookPath("ip")
	for _, dir := range []string{"/usr/sbin", "/sbin"} {
		if err == nil {
			break
		}
		path, err = exec.LookPath(dir + "/ip")
	}
	return path, err
}
