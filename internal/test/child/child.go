// Package child lets a test run its own binary once more, as a process that does one task in place of the tests: one of
// several that edit a file at once, or one with limits of its own. It imports nothing of this module, so that the tests of
// every package can use it.
package child

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
)

// Run does a task, if this process was started by the Command with that variable, and ends the process: with status 0, or
// with status 1 and the error on standard error. Otherwise it returns. An init function of the tests calls it.
func Run[C any](variable string, do func(C) error) {
	text, isChild := os.LookupEnv(variable)
	if !isChild {
		return
	}
	var config C
	err := json.Unmarshal([]byte(text), &config)
	if err == nil {
		err = do(config)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

// Command returns the command that runs this test binary with variable set, so that its Run with that variable does the
// task with config. The process is killed when ctx ends. Command panics if config has no form in JSON.
func Command(ctx context.Context, variable string, config any) *exec.Cmd {
	text, err := json.Marshal(config)
	if err != nil {
		panic(err)
	}
	self, err := os.Executable()
	if err != nil {
		panic(err)
	}
	cmd := exec.CommandContext(ctx, self)
	cmd.Env = append(os.Environ(), variable+"="+string(text))
	return cmd
}
