package docs_test

import (
	"flag"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the snippets of cookbook.md and the demo of README.md again from the code")

// recipe is the first line of a snippet of cookbook.md; it names the declarations that the snippet shows.
var recipe = regexp.MustCompile("^```go name=([A-Za-z0-9_,]+)$")

// TestCookbookShowsCodeThatRuns compares every snippet of cookbook.md with the declarations that it names, in the test files
// beside the page: with the body of an example, and with the whole of anything else.
func TestCookbookShowsCodeThatRuns(t *testing.T) {
	code := declarations(t)
	raw, err := os.ReadFile("cookbook.md")
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	var open []string // the declarations of the snippet that the line is in
	shown := make(map[string]bool)
	var got strings.Builder
	for i, line := range strings.Split(strings.TrimSuffix(strings.ReplaceAll(string(raw), "\r\n", "\n"), "\n"), "\n") {
		switch m := recipe.FindStringSubmatch(line); {
		case m != nil:
			open = strings.Split(m[1], ",")
			got.Reset()
			out.WriteString(line + "\n")
		case open != nil && line == "```":
			want := snippet(t, code, open)
			if got.String() != want && !*update {
				t.Errorf("cookbook.md:%d: the snippet of %v differs from the code, which is:\n%s\nor: go test ./docs -update", i+1, open, want)
			}
			for _, name := range open {
				shown[name] = true
			}
			out.WriteString(want + "```\n")
			open = nil
		case open != nil:
			got.WriteString(line + "\n")
		case strings.HasPrefix(line, "```go"):
			t.Errorf("cookbook.md:%d: a snippet without the name of its code", i+1)
		default:
			out.WriteString(line + "\n")
		}
	}
	if open != nil {
		t.Fatal("cookbook.md ends in a snippet")
	}
	examples := 0
	for name := range code {
		if strings.HasPrefix(name, "Example_") {
			examples++
			if !shown[name] {
				t.Errorf("%s is in no snippet of cookbook.md", name)
			}
		}
	}
	if examples == 0 {
		t.Error("there are no examples")
	}
	if *update {
		if err := os.WriteFile("cookbook.md", []byte(out.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func snippet(t *testing.T, code map[string]string, names []string) string {
	t.Helper()
	var parts []string
	for _, name := range names {
		text, ok := code[name]
		if !ok {
			t.Fatalf("cookbook.md shows %s, which no test file declares", name)
		}
		parts = append(parts, text)
	}
	return strings.Join(parts, "\n")
}

// declarations returns the functions and types of this folder's cookbook_*_test.go as they are written, by name. Of a
// function whose name begins with Example it returns only the body.
func declarations(t *testing.T) map[string]string {
	t.Helper()
	files, err := filepath.Glob("cookbook_*_test.go")
	if err != nil || len(files) == 0 {
		t.Fatal("no recipes", err)
	}
	code := make(map[string]string)
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		text := strings.ReplaceAll(string(raw), "\r\n", "\n")
		set := token.NewFileSet()
		tree, err := parser.ParseFile(set, file, text, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		cut := func(from, to token.Pos) string { return text[set.Position(from).Offset:set.Position(to).Offset] }
		for _, d := range tree.Decls {
			switch d := d.(type) {
			case *ast.FuncDecl:
				if strings.HasPrefix(d.Name.Name, "Example") {
					code[d.Name.Name] = body(cut(d.Body.Lbrace+1, d.Body.Rbrace))
					continue
				}
				code[d.Name.Name] = cut(beginning(d.Doc, d.Pos()), d.End()) + "\n"
			case *ast.GenDecl:
				if s, ok := d.Specs[0].(*ast.TypeSpec); ok {
					code[s.Name.Name] = cut(beginning(d.Doc, d.Pos()), d.End()) + "\n"
				}
			}
		}
	}
	return code
}

func beginning(doc *ast.CommentGroup, pos token.Pos) token.Pos {
	if doc != nil {
		return doc.Pos()
	}
	return pos
}

// body returns what stands between the braces of an example, one tab to the left. It keeps the comment with the example's output.
func body(text string) string {
	var b strings.Builder
	for line := range strings.Lines(strings.Trim(text, "\n")) {
		b.WriteString(strings.TrimPrefix(line, "\t"))
	}
	return strings.TrimRight(b.String(), "\n\t ") + "\n"
}
