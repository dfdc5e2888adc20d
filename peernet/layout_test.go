package peernet_test

import (
	"errors"
	"fmt"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const (
	modulePath = "github.com/seed-f6ddb928/peernet-go"
	actorPath  = "github.com/asynkron/protoactor-go"
	otelPath   = "go.opentelemetry.io/otel"
)

// layers is who may import whom: a package imports packages of lower layers only. Every package of the module is here;
// one that does not exist yet may be.
var layers = map[string]int{
	"cmd/peernode":                    9,
	"cmd/peernode/internal/backend":   9,
	"cmd/peernode/internal/datadir":   9,
	"cmd/peernode/internal/demo":      9,
	"cmd/peernode/internal/metrics":   9,
	"cmd/peernode/internal/providers": 9,
	"cmd/peernode/internal/usage":     9,
	"cmd/peernode/internal/doctor":    8,
	"cmd/peernode/internal/failure":   8,
	"cmd/peernode/internal/output":    8,
	"cmd/peernode/internal/control":   7,
	"cmd/peernode/internal/text":      7,
	"cmd/peernode/internal/tunnel":    7,

	"docs":               7, // tests alone: the examples of the documents
	"interop/erlang":     7, // tests alone: nodes with a peer on a real BEAM
	"interop/python":     7, // tests alone: nodes with a peer in Python
	"peernet/middleware": 7,
	"peernet/otel":       7,
	"peernet/peertest":   7,
	"peernet/prometheus": 7,

	"peernet": 6,

	"internal/node": 5,

	"internal/guests":   4,
	"internal/listener": 4,
	"internal/peers":    4,

	"discovery/mdns":    3,
	"discovery/udp":     3,
	"internal/finder":   3,
	"internal/serve":    3,
	"internal/session":  3,
	"internal/test/kit": 3,

	"channel":                2,
	"discovery/internal/lan": 2,
	"discovery/manual":       2,
	"internal/dialects":      2,
	"envelope/etf":           2,
	"internal/idtable":       2,
	"internal/netwatch":      2,
	"internal/counters":      2,
	"internal/test/netns":    2,

	"discovery": 1,
	"envelope":  1,
	"handshake": 1,
	"pairing":   1,
	"private":   1,
	"trust":     1,

	"envelope/internal/values": 0,
	"frame":                    0,
	"identity":                 0,
	"internal/actorkit":        0,
	"internal/candidates":      0,
	"internal/clock":           0,
	"internal/durable":         0,
	"internal/limiter":         0,
	"internal/test/child":      0,
	"internal/test/memnet":     0,
	"internal/test/vectors":    0,
}

// sideways are the imports within one layer that are allowed: importer, then imported.
var sideways = map[[2]string]bool{
	{"identity", "internal/durable"}:                                   true, // key files are made atomically
	{"cmd/peernode/internal/providers", "cmd/peernode/internal/usage"}: true, // flags are checked as arguments are
}

// forTests are imported by tests alone, and by the packages named here.
var forTests = map[string][]string{
	"internal/test/child":   {"internal/test/netns"},
	"internal/test/kit":     nil,
	"internal/test/memnet":  {"peernet/peertest"},
	"internal/test/netns":   nil,
	"internal/test/vectors": nil,
}

// wire is what knows nothing of trust and discovery, although some of it stands above them.
var wire = []string{"identity", "frame", "handshake", "channel", "envelope", "envelope/etf", "private", "pairing"}

// An imported is one import of one file, with packages of the module named by their folders.
type imported struct {
	file     string // from the module's root
	importer string
	test     bool // in a _test.go file
	path     string
}

// offence returns what is wrong with an import, "" if nothing is.
func (i imported) offence() string {
	if outside := i.outsideOffence(); outside != "" {
		return outside
	}
	target, ours := strings.CutPrefix(i.path, modulePath+"/")
	if !ours {
		return ""
	}
	from, known := layers[i.importer]
	to, targetKnown := layers[target]
	switch {
	case !known:
		return fmt.Sprintf("package %s is not in the table", i.importer)
	case !targetKnown:
		return fmt.Sprintf("package %s is not in the table", target)
	case i.test:
		if strings.HasPrefix(target, "cmd/") && !strings.HasPrefix(i.importer, "cmd/") {
			return "a test imports a command's package"
		}
		return ""
	case sideways[[2]string{i.importer, target}]:
		return ""
	case strings.HasPrefix(i.importer, "cmd/") && target == "peernet/otel":
		return "the command does not trace"
	case strings.HasPrefix(target, i.importer+"/internal/"):
		return "" // a package's own
	case strings.HasPrefix(i.importer, "cmd/") && strings.HasPrefix(target, "internal/"):
		return "a command imports an internal package"
	case to >= from:
		return fmt.Sprintf("layer %d imports layer %d", from, to)
	}
	if users, restricted := forTests[target]; restricted && !slices.Contains(users, i.importer) {
		return "the package is for tests"
	}
	if root, _, _ := strings.Cut(target, "/"); slices.Contains(wire, i.importer) && (root == "trust" || root == "discovery") {
		return "the wire knows nothing of trust and discovery"
	}
	return ""
}

// outsideOffence is offence for what does not belong to the module: the rules for the actor library and for OpenTelemetry, of
// tests too.
func (i imported) outsideOffence() string {
	if (i.path == otelPath || strings.HasPrefix(i.path, otelPath+"/")) && i.importer != "peernet/otel" {
		return "only peernet/otel knows OpenTelemetry, so that only its users pay for it"
	}
	if i.path != actorPath && !strings.HasPrefix(i.path, actorPath+"/") {
		return ""
	}
	if isHeavy(i.path) {
		return "the actor library's remote and cluster bring in what no node needs"
	}
	if i.importer != "peernet" && !strings.HasPrefix(i.importer, "internal/") {
		return "only internal packages and peernet know actors"
	}
	return ""
}

// isHeavy reports whether a package belongs to the parts of the actor library that stay out of the build.
func isHeavy(importPath string) bool {
	for _, part := range []string{"remote", "cluster"} {
		if p := path.Join(actorPath, part); importPath == p || strings.HasPrefix(importPath, p+"/") {
			return true
		}
	}
	return false
}

// moduleRoot returns the folder of go.mod: the nearest above the folder that tests run in.
func moduleRoot(t *testing.T) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for !isModule(dir) {
		parent := filepath.Dir(dir)
		if parent == dir {
			t.Fatal("no go.mod above the test's folder")
		}
		dir = parent
	}
	return dir
}

func isModule(dir string) bool {
	_, err := os.Stat(filepath.Join(dir, "go.mod"))
	return err == nil
}

// readImports reads the imports of every Go file of the module, whatever system it is for.
func readImports(t *testing.T, root string) (packages map[string]bool, imports []imported) {
	t.Helper()
	packages = make(map[string]bool)
	err := filepath.WalkDir(root, func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		relative, err := filepath.Rel(root, name)
		if err != nil {
			return err
		}
		switch {
		case entry.IsDir() && relative != "." && (isModule(name) || ignored(entry.Name())):
			return filepath.SkipDir
		case entry.IsDir() || filepath.Ext(name) != ".go":
			return nil
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		folder := filepath.ToSlash(filepath.Dir(relative))
		packages[folder] = true
		for _, spec := range file.Imports {
			p, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				return err
			}
			imports = append(imports, imported{filepath.ToSlash(relative), folder, strings.HasSuffix(name, "_test.go"), p})
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(packages) == 0 || len(imports) == 0 {
		t.Fatalf("found %d packages and %d imports in the module", len(packages), len(imports))
	}
	return packages, imports
}

// ignored reports whether the go command ignores a folder of this name.
func ignored(name string) bool {
	return name == "testdata" || strings.HasPrefix(name, ".") || strings.HasPrefix(name, "_")
}

func TestImportsGoToLowerLayers(t *testing.T) {
	packages, imports := readImports(t, moduleRoot(t))
	for p := range packages {
		if _, known := layers[p]; !known {
			t.Errorf("package %s is not in the table of layers", p)
		}
	}
	for _, i := range imports {
		if offence := i.offence(); offence != "" {
			t.Errorf("%s imports %s: %s", i.file, i.path, offence)
		}
	}
}

func TestHeavyPartsOfTheActorLibraryStayOutOfTheBuild(t *testing.T) {
	list := exec.CommandContext(t.Context(), "go", "list", "-deps", "-test", "-f", "{{.ImportPath}}", "./...")
	list.Dir = moduleRoot(t)
	out, err := list.Output()
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
		t.Fatalf("go list: %v\n%s", err, exit.Stderr)
	}
	if err != nil {
		t.Fatal(err)
	}
	deps := strings.Fields(string(out))
	if !slices.Contains(deps, modulePath+"/frame") {
		t.Fatalf("go list names %d packages and not ours", len(deps))
	}
	for _, dep := range deps {
		if isHeavy(dep) {
			t.Errorf("the build contains %s", dep)
		}
	}
}

func TestEachLayoutRuleBites(t *testing.T) {
	for _, c := range []struct {
		name, importer string
		test           bool
		target         string // of this module, unless it holds a dot
		allowed        bool
	}{
		{"down", "internal/session", false, "channel", true},
		{"down by many", "peernet", false, "frame", true},
		{"down to a helper", "trust", false, "internal/durable", true},
		{"standard library", "frame", false, "io", true},
		{"sideways", "internal/listener", false, "internal/peers", false},
		{"sideways in the lowest layer", "frame", false, "identity", false},
		{"sideways by exception", "identity", false, "internal/durable", true},
		{"the exception is one-way", "internal/durable", false, "identity", false},
		{"up", "frame", false, "handshake", false},
		{"up in a test", "frame", true, "peernet", true},
		{"unlisted importer", "internal/new", false, "frame", false},
		{"unlisted importer of a test", "internal/new", true, "frame", false},
		{"unlisted target", "peernet", false, "internal/new", false},
		{"command imports the API", "cmd/peernode", false, "peernet", true},
		{"command imports the wire", "cmd/peernode", false, "identity", true},
		{"command imports its own package", "cmd/peernode", false, "cmd/peernode/internal/control", true},
		{"command imports an internal package", "cmd/peernode", false, "internal/session", false},
		{"control imports an internal package", "cmd/peernode/internal/control", false, "internal/clock", false},
		{"API imports a command's package", "peernet", false, "cmd/peernode/internal/control", false},
		{"test imports a command", "peernet", true, "cmd/peernode", false},
		{"command's own test", "cmd/peernode", true, "cmd/peernode/internal/control", true},
		{"vectors in a test", "channel", true, "internal/test/vectors", true},
		{"vectors outside tests", "channel", false, "internal/test/vectors", false},
		{"netns in a command's test", "cmd/peernode", true, "internal/test/netns", true},
		{"netns outside tests", "peernet", false, "internal/test/netns", false},
		{"memnet outside tests", "internal/node", false, "internal/test/memnet", false},
		{"memnet for peertest", "peernet/peertest", false, "internal/test/memnet", true},
		{"wire imports trust", "channel", false, "trust", false},
		{"wire imports discovery", "envelope", false, "discovery", false},
		{"actors in an internal package", "internal/session", false, actorPath + "/actor", true},
		{"actors in the API", "peernet", false, actorPath + "/actor", true},
		{"actors below the API", "peernet/otel", false, actorPath + "/actor", false},
		{"actors in the wire", "envelope", false, actorPath + "/actor", false},
		{"actors in a test of the wire", "envelope", true, actorPath + "/actor", false},
		{"actors in the command's package", "cmd/peernode/internal/control", false, actorPath + "/actor", false},
		{"tracing in its package", "peernet/otel", false, otelPath + "/trace", true},
		{"tracing in the API", "peernet", false, otelPath, false},
		{"tracing in a test of the command", "cmd/peernode", true, otelPath + "/sdk/trace", false},
		{"the command imports the tracing package", "cmd/peernode", false, "peernet/otel", false},
		{"remote actors", "internal/session", false, actorPath + "/remote", false},
		{"cluster in a test", "internal/session", true, actorPath + "/cluster/clusterproviders/etcd", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			target := c.target
			if _, ours := layers[target]; ours || strings.HasPrefix(target, "internal/") {
				target = modulePath + "/" + target
			}
			i := imported{"file.go", c.importer, c.test, target}
			if offence := i.offence(); (offence == "") != c.allowed {
				t.Errorf("%s imports %s: %q, want allowed %v", c.importer, c.target, offence, c.allowed)
			}
		})
	}
}

// tableRow is a row of the table in docs/architecture.md: the layer, and some of its packages.
var tableRow = regexp.MustCompile("^\\| ([0-9]) \\| (`[^|]*`) \\|")

func TestArchitectureShowsTheTable(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(moduleRoot(t), "docs", "architecture.md"))
	if err != nil {
		t.Fatal(err)
	}
	shown := make(map[string]int)
	for line := range strings.Lines(string(text)) {
		row := tableRow.FindStringSubmatch(line)
		if row == nil {
			continue
		}
		for p := range strings.SplitSeq(row[2], ", ") {
			shown[strings.Trim(p, "`")] = int(row[1][0] - '0')
		}
	}
	if !maps.Equal(shown, layers) {
		t.Errorf("docs/architecture.md shows %v, the table is %v", shown, layers)
	}
}

func TestTheTableAgreesWithItself(t *testing.T) {
	for edge := range sideways {
		from, known := layers[edge[0]]
		if to, targetKnown := layers[edge[1]]; !known || !targetKnown || from != to {
			t.Errorf("the exception %v is not within one layer", edge)
		}
	}
	for p, users := range forTests {
		for _, name := range append([]string{p}, users...) {
			if _, known := layers[name]; !known {
				t.Errorf("package %s for tests is not in the table", name)
			}
		}
	}
	for _, p := range wire {
		if _, known := layers[p]; !known {
			t.Errorf("package %s of the wire is not in the table", p)
		}
	}
}
