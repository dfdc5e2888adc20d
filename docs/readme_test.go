package docs_test

import (
	"context"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/seed-f6ddb928/peernet-go/identity"
	"github.com/seed-f6ddb928/peernet-go/peernet"
)

const readmeFile = "../README.md"

// A stranger decides within a page whether to go on.
const (
	readmeLines  = 130 // at most
	readmeGoLine = 60  // the first Go block begins before it
)

func TestReadmeIsShort(t *testing.T) {
	lines := readLines(t, readmeFile)
	if len(lines) > readmeLines {
		t.Errorf("README.md has %d lines, at most %d are allowed", len(lines), readmeLines)
	}
	if i := slices.Index(lines, "```go"); i < 0 || i+1 >= readmeGoLine {
		t.Errorf("README.md: the first Go block begins at line %d, want it before line %d", i+1, readmeGoLine)
	}
}

// greetBob begins with the Go code of README.md, so that the code compiles.
func greetBob(ctx context.Context, dir string, bob identity.PublicKey) error {
	node, err := peernet.New(peernet.Config{DataDir: dir, Listen: ":7100"})
	if err != nil {
		return err
	}
	if err := node.Start(ctx); err != nil {
		return err
	}
	defer func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		node.Shutdown(ctx)
	}()
	peernet.Handle(node, "greet", func(ctx context.Context, from peernet.Caller, name string) (string, error) {
		return "hello " + name + " from " + from.Label, nil
	})
	if err := node.Connect(ctx, bob, "10.0.0.7:7100"); err != nil {
		return err
	}
	reply, err := peernet.Call[string](ctx, node, bob, "greet", "Ada")
	fmt.Println(reply)
	return err
}

// greetBob is compiled, not run: nobody is at its address.
var _ = greetBob

func TestReadmeShowsCodeThatCompiles(t *testing.T) {
	lines := readLines(t, readmeFile)
	begin := slices.Index(lines, "```go") + 1
	end := begin + slices.Index(lines[begin:], "```")
	shown := strings.Join(lines[begin:end], "\n") + "\n"

	file, err := os.ReadFile("readme_test.go")
	if err != nil {
		t.Fatal(err)
	}
	text := strings.ReplaceAll(string(file), "\r\n", "\n")
	set := token.NewFileSet()
	tree, err := parser.ParseFile(set, "readme_test.go", text, 0)
	if err != nil {
		t.Fatal(err)
	}
	f := tree.Scope.Lookup("greetBob").Decl.(*ast.FuncDecl)
	compiled := body(text[set.Position(f.Body.Lbrace+1).Offset:set.Position(f.Body.Rbrace).Offset])
	if !strings.HasPrefix(compiled, shown) {
		t.Errorf("README.md shows\n%s\ngreetBob is\n%s", shown, compiled)
	}
}

// readLines returns the lines of a text file without their ends.
func readLines(t *testing.T, name string) []string {
	t.Helper()
	raw, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return strings.Split(strings.TrimSuffix(strings.ReplaceAll(string(raw), "\r\n", "\n"), "\n"), "\n")
}
