package docs_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"
)

const manualFile = "peernode.md"

// TestPagesShowTheCommand holds what the pages say of peernode to the command itself.
func TestPagesShowTheCommand(t *testing.T) {
	c := buildCommand(t)
	t.Run("demo", c.checkDemo)
	t.Run("subcommands and flags", c.checkManual)
	t.Run("examples", c.checkExamples)
}

// A command is the path of a peernode made for the tests.
type command string

func buildCommand(t *testing.T) command {
	t.Helper()
	path := filepath.Join(t.TempDir(), "peernode")
	if runtime.GOOS == "windows" {
		path += ".exe"
	}
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", path, "../cmd/peernode").CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	return command(path)
}

// run returns what the command prints.
func (c command) run(t *testing.T, args ...string) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), string(c), args...).CombinedOutput()
	if err != nil {
		t.Errorf("peernode %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

// demoLine is the line of README.md that runs the demo. Its output follows.
const demoLine = "$ go run ./cmd/peernode demo"

// checkDemo compares the demo in README.md with one that runs now, but for keys, ports and times.
func (c command) checkDemo(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("the demo tells another story where the system does not broadcast on loopback")
	}
	lines := readLines(t, readmeFile)
	begin := slices.Index(lines, demoLine) + 1
	if begin == 0 {
		t.Fatalf("README.md has no line %q", demoLine)
	}
	end := begin + slices.Index(lines[begin:], "```")
	now := strings.Split(strings.TrimSuffix(c.run(t, "demo"), "\n"), "\n")
	shown, want := plot(lines[begin:end]), plot(now)
	if shown == want {
		return
	}
	if !*update {
		t.Fatalf("README.md shows\n%s\nthe demo says\n%s\nor: go test ./docs -update", shown, want)
	}
	text := strings.Join(slices.Concat(lines[:begin], now, lines[end:]), "\n") + "\n"
	if err := os.WriteFile(readmeFile, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// The parts of the demo's output that differ from run to run, and what stands in their place in its plot.
var changing = []struct {
	part *regexp.Regexp
	sign string
}{
	{regexp.MustCompile(`\n {17}`), " "}, // how a line is wrapped
	{regexp.MustCompile(`(?m)^ *[0-9]+ ms`), "N ms"},
	{regexp.MustCompile(`\([0-9.]+ ms\)`), "(N ms)"},
	{regexp.MustCompile(`pnet1[02-9ac-hj-np-z]+`), "KEY"},
	{regexp.MustCompile(`[0-9]+-[a-z]+-[a-z]+`), "CODE"},
	{regexp.MustCompile(`127\.0\.0\.1:[0-9]+`), "ADDRESS"},
}

// plot returns lines of the demo's output without the parts that differ from run to run.
func plot(lines []string) string {
	text := strings.Join(lines, "\n")
	for _, c := range changing {
		text = c.part.ReplaceAllString(text, c.sign)
	}
	return text
}

var (
	// listed is a subcommand in a help text, and flagged a flag.
	listed  = regexp.MustCompile(`^  ([a-z]+) {2,}`)
	flagged = regexp.MustCompile(`^ +(?:(-[a-z]), )? *(--[a-z-]+)`)
)

// checkManual fails unless the manual has every subcommand and every flag.
func (c command) checkManual(t *testing.T) {
	manual := strings.Join(readLines(t, manualFile), "\n")
	var visit func(path ...string)
	visit = func(path ...string) {
		section := ""
		for line := range strings.Lines(c.run(t, append(path, "--help")...)) {
			if line[0] != ' ' {
				section = strings.TrimSpace(line)
				continue
			}
			switch section {
			case "Available Commands:":
				if m := listed.FindStringSubmatch(line); m != nil && m[1] != "help" && m[1] != "completion" {
					visit(slices.Concat(path, m[1:])...)
				}
			case "Flags:":
				for _, flag := range flagged.FindStringSubmatch(line)[1:] {
					if flag != "" && flag != "-h" && flag != "--help" && flag != "-v" && flag != "--version" && !strings.Contains(manual, "`"+flag) {
						t.Errorf("%s has no flag %s of %q", manualFile, flag, path)
					}
				}
			}
		}
		if !strings.Contains(manual, "`"+strings.Join(path, " ")) {
			t.Errorf("%s has no subcommand %q", manualFile, path)
		}
	}
	visit()
}

// example is a line of a page that runs the command.
var example = regexp.MustCompile(`(?:^\S*\$|&&|;) peernode ([^&|;]*)`)

// checkExamples fails if a page runs the command with a subcommand or flag that is not there.
func (c command) checkExamples(t *testing.T) {
	found := 0
	for _, name := range []string{readmeFile, manualFile} {
		for _, line := range readLines(t, name) {
			for _, m := range example.FindAllStringSubmatch(line, -1) {
				found++
				c.run(t, append(strings.Fields(m[1]), "--help")...)
			}
		}
	}
	if found < 10 {
		t.Errorf("the pages have %d examples", found)
	}
}

// jsonName is a field of what the command prints as JSON, eventKind an event of a node.
var (
	jsonName  = regexp.MustCompile("`json:\"([a-z_]+)")
	eventKind = regexp.MustCompile(`\) Kind\(\) string +\{ return "([a-z_]+)" \}`)
)

// TestManualNamesEveryFieldAndEvent holds the manual's tables of JSON to the sources.
func TestManualNamesEveryFieldAndEvent(t *testing.T) {
	manual := strings.Join(readLines(t, manualFile), "\n")
	for dir, name := range map[string]*regexp.Regexp{"../cmd/peernode": jsonName, "../peernet": eventKind} {
		found := 0
		err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
			if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
				return err
			}
			text, err := os.ReadFile(path)
			for _, m := range name.FindAllStringSubmatch(string(text), -1) {
				found++
				if !strings.Contains(manual, "`"+m[1]+"`") {
					t.Errorf("%s: %s does not have %q", path, manualFile, m[1])
				}
			}
			return err
		})
		if err != nil || found < 10 {
			t.Errorf("%s has %d names (%v)", dir, found, err)
		}
	}
}
