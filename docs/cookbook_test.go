package docs_test

import (
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the snippets of cookbook.md and the demo of README.md again from the code")

// recipe is the first line of a snippet of cookbook.md; it names the declarations that the snippet shows.
var recipe = regexp.MustCompile("^```go name=([A-Za-z0-9_,]+)$")

// TestCookbookShowsCodeThatRuns compares every snippet of cookbook.md with the declarations that it names, in the test files
// beside the page: with what they import, with the body of an example, and with the whole of anything else.
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

// A declaration is one as a snippet shows it.
type declaration struct {
	text    string
	imports map[string]bool // paths of the packages that it uses
}

func snippet(t *testing.T, code map[string]declaration, names []string) string {
	t.Helper()
	imports, parts := make(map[string]bool), []string{""}
	for _, name := range names {
		d, ok := code[name]
		if !ok {
			t.Fatalf("cookbook.md shows %s, which no test file declares", name)
		}
		maps.Copy(imports, d.imports)
		parts = append(parts, d.text)
	}
	parts[0] = importsOf(slices.Sorted(maps.Keys(imports)))
	return strings.Join(parts, "\n")
}

// importsOf returns a declaration that imports the paths, those of the standard library first.
func importsOf(paths []string) string {
	var b strings.Builder
	b.WriteString("import (\n")
	for i, other := range [...]bool{false, true} {
		before := b.Len()
		for _, path := range paths {
			if strings.Contains(path, ".") != other {
				continue
			}
			if i > 0 && b.Len() == before && before > len("import (\n") {
				b.WriteString("\n")
			}
			fmt.Fprintf(&b, "\t%q\n", path)
		}
	}
	b.WriteString(")\n")
	return b.String()
}

// majorVersion is the end of an import path that is no part of the package's name.
var majorVersion = regexp.MustCompile("/v[0-9]+$")

// importsIn returns the paths of those packages that a declaration of the file uses.
func importsIn(file *ast.File, d ast.Decl) map[string]bool {
	paths := make(map[string]string) // by name
	for _, i := range file.Imports {
		p := strings.Trim(i.Path.Value, `"`)
		paths[path.Base(majorVersion.ReplaceAllString(p, ""))] = p
	}
	used := make(map[string]bool)
	ast.Inspect(d, func(n ast.Node) bool {
		if s, ok := n.(*ast.SelectorExpr); ok {
			if x, ok := s.X.(*ast.Ident); ok && x.Obj == nil && paths[x.Name] != "" { // and is no variable
				used[paths[x.Name]] = true
			}
		}
		return true
	})
	return used
}

// declarations returns the functions and types of this folder's cookbook_*_test.go as they are written, by name. Of a
// function whose name begins with Example it returns only the body.
func declarations(t *testing.T) map[string]declaration {
	t.Helper()
	files, err := filepath.Glob("cookbook_*_test.go")
	if err != nil || len(files) == 0 {
		t.Fatal("no recipes", err)
	}
	code := make(map[string]declaration)
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
			imports := importsIn(tree, d)
			switch d := d.(type) {
			case *ast.FuncDecl:
				if strings.HasPrefix(d.Name.Name, "Example") {
					code[d.Name.Name] = declaration{body(cut(d.Body.Lbrace+1, d.Body.Rbrace)), imports}
					continue
				}
				code[d.Name.Name] = declaration{cut(beginning(d.Doc, d.Pos()), d.End()) + "\n", imports}
			case *ast.GenDecl:
				if s, ok := d.Specs[0].(*ast.TypeSpec); ok {
					code[s.Name.Name] = declaration{cut(beginning(d.Doc, d.Pos()), d.End()) + "\n", imports}
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
