package child

import (
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"testing"
)

const variable = "PEERNET_TEST_CHILD"

func init() {
	Run(variable, func(words []string) error {
		fmt.Print(strings.Join(words, " "))
		if len(words) == 0 {
			return errors.New("no words")
		}
		return nil
	})
}

func TestAChildDoesItsTaskAlone(t *testing.T) {
	out, err := Command(t.Context(), variable, []string{"one", "two"}).CombinedOutput()
	if string(out) != "one two" || err != nil {
		t.Errorf("%q, %v", out, err)
	}
	out, err = Command(t.Context(), variable, []string{}).CombinedOutput()
	if exit, failed := errors.AsType[*exec.ExitError](err); !failed || exit.ExitCode() != 1 || string(out) != "no words\n" {
		t.Errorf("a task that fails: %q, %v", out, err)
	}
	out, err = Command(t.Context(), variable, "not a list").CombinedOutput()
	if err == nil || !strings.Contains(string(out), "json") {
		t.Errorf("a config that the task cannot read: %q, %v", out, err)
	}
}
