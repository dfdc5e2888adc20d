package docs_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

// proseWidth is how wide the prose of a page may be, in characters.
const proseWidth = 100

// pages returns the path of every Markdown page of the module.
func pages(t *testing.T) []string {
	t.Helper()
	var paths []string
	err := filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() && strings.HasPrefix(d.Name(), ".") && path != ".." {
			return fs.SkipDir
		}
		if strings.HasSuffix(path, ".md") {
			paths = append(paths, path)
		}
		return err
	})
	if err != nil || len(paths) < 10 {
		t.Fatalf("pages: %q (%v)", paths, err)
	}
	return paths
}

var (
	listItem = regexp.MustCompile(`^([-*]|[0-9]+\.) `)
	linkOnly = regexp.MustCompile(`^ *([-*] )?\[[^\]]*\]\([^)]*\)[.,;:]?$`)
)

// prose calls visit with each line of a page that is neither code nor table.
func prose(t *testing.T, path string, visit func(number int, line string)) {
	t.Helper()
	fenced, list := false, false
	for i, line := range readLines(t, path) {
		switch indented := strings.HasPrefix(line, " "); {
		case strings.HasPrefix(strings.TrimSpace(line), "```"):
			fenced = !fenced
			continue
		case fenced, line == "", strings.HasPrefix(line, "|"):
			continue
		case !indented:
			list = listItem.MatchString(line)
		case !list && strings.HasPrefix(line, "    "):
			continue // code
		}
		visit(i+1, line)
	}
	if fenced {
		t.Errorf("%s ends in a block of code", path)
	}
}

func TestProseIsWrapped(t *testing.T) {
	for _, path := range pages(t) {
		prose(t, path, func(number int, line string) {
			if n := utf8.RuneCountInString(line); n > proseWidth && !linkOnly.MatchString(line) {
				t.Errorf("%s:%d: %d characters, at most %d are allowed", path, number, n, proseWidth)
			}
		})
	}
}

// link is a link within the repository: a file, a heading, or both.
var link = regexp.MustCompile(`\]\(([^):# ]*)(?:#([^)]*))?\)`)

func TestLinksLeadSomewhere(t *testing.T) {
	for _, path := range pages(t) {
		prose(t, path, func(number int, line string) {
			for _, m := range link.FindAllStringSubmatch(line, -1) {
				target := path
				if m[1] != "" {
					target = filepath.Join(filepath.Dir(path), filepath.FromSlash(m[1]))
				}
				if _, err := os.Stat(target); err != nil {
					t.Errorf("%s:%d: %v", path, number, err)
				} else if m[2] != "" && !anchors(t, target)[m[2]] {
					t.Errorf("%s:%d: %s has no heading #%s", path, number, target, m[2])
				}
			}
		})
	}
}

// anchors returns the names by which links reach the headings of a page.
func anchors(t *testing.T, path string) map[string]bool {
	t.Helper()
	names := make(map[string]bool)
	prose(t, path, func(_ int, line string) {
		marks, heading, found := strings.Cut(line, " ")
		if !found || strings.Trim(marks, "#") != "" {
			return
		}
		names[strings.Map(func(r rune) rune {
			switch {
			case r == ' ':
				return '-'
			case r == '-' || r == '_' || unicode.IsLetter(r) || unicode.IsDigit(r):
				return unicode.ToLower(r)
			}
			return -1
		}, heading)] = true
	})
	return names
}

func TestEveryDecisionHasItsContextAndCost(t *testing.T) {
	var heading, parts string
	entries := 0
	check := func() {
		if heading != "" && parts != "Context Decision Cost " {
			t.Errorf("%s has %q, want context, decision and cost", heading, parts)
		}
		heading, parts = "", ""
	}
	prose(t, "decisions.md", func(_ int, line string) {
		if strings.HasPrefix(line, "#") {
			check()
		}
		if title, ok := strings.CutPrefix(line, "### "); ok {
			heading = title
			entries++
		}
		if part, ok := strings.CutPrefix(line, "- **"); ok && heading != "" {
			name, _, _ := strings.Cut(part, ".")
			parts += name + " "
		}
	})
	check()
	if entries == 0 {
		t.Error("decisions.md has no entries")
	}
}
