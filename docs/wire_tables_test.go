package docs_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/seed-f6ddb928/peernet-go/envelope"
	"github.com/seed-f6ddb928/peernet-go/frame"
	"github.com/seed-f6ddb928/peernet-go/handshake"
)

func TestHandshakeTableIsTheCodes(t *testing.T) {
	rows := readPage(t).table(t, "4 message")
	private := readPage(t).table(t, "4.6 message")[0]
	if body, whole := number(t, private[4]), number(t, private[5]); body != handshake.PrivateMessage1Size || whole != body+frame.HeaderSize {
		t.Errorf("message 1 in private mode: page %d and %d", body, whole)
	}
	for i, size := range []int{handshake.Message1Size, handshake.Message2Size, handshake.Message3Size} {
		if body, whole := number(t, rows[i][4]), number(t, rows[i][5]); body != size || whole != size+frame.HeaderSize {
			t.Errorf("message %d: page %d and %d, code %d", i+1, body, whole, size)
		}
	}
}

// TestLimitsTableIsTheCodes compares the limits that the packages of the wire have as constants.
func TestLimitsTableIsTheCodes(t *testing.T) {
	want := map[string]int{
		"frame body":                 frame.DefaultLimit,
		"message 1":                  handshake.Message1Size,
		"message 1 in private mode":  handshake.PrivateMessage1Size,
		"message 2":                  handshake.Message2Size,
		"message 3":                  handshake.Message3Size,
		"bytes read from a stranger": 2*frame.HeaderSize + handshake.Message1Size + handshake.Message3Size,
		"depth":                      envelope.MaxDepth,
		"elements per frame":         envelope.MaxElements,
		"pairs of options or hello":  envelope.MaxKeys,
		"name":                       envelope.MaxName,
		"ping nonce":                 envelope.MaxNonce,
		"option t":                   int(envelope.MaxTimeout.Milliseconds()),
		"option trace":               envelope.MaxTrace,
		"hello strings":              envelope.MaxHelloString,
		"error code, bye code":       envelope.MaxCode,
		"error text":                 envelope.MaxText,
		"bye text":                   envelope.MaxText,
		"bye retry_after_ms":         int(envelope.MaxRetryAfter.Milliseconds()),
	}
	for _, row := range readPage(t).table(t, "9 limit") {
		code, here := want[row[0]]
		if here && number(t, row[1]) != code {
			t.Errorf("%s: page %s, code %d", row[0], row[1], code)
		}
		delete(want, row[0])
	}
	for name := range want {
		t.Errorf("the table has no row %q", name)
	}
}

// TestRegistriesAreTheCodes compares the kinds, the codes of replies and the codes of bye with all constants of their types.
func TestRegistriesAreTheCodes(t *testing.T) {
	p := readPage(t)
	declared := constants(t, "../envelope")
	for _, c := range []struct {
		table, typ string
		cell       int
	}{
		{"6 kind", "Kind", 1},
		{"6.8 code", "Reason", 0},
		{"10 code", "Code", 0},
	} {
		var page []string
		for _, row := range p.table(t, c.table) {
			page = append(page, row[c.cell])
			if c.typ == "Kind" && envelope.Kind(number(t, row[1])).String() != row[0] {
				t.Errorf("kind %s is not %s", row[1], row[0])
			}
		}
		if !slices.Equal(page, declared[c.typ]) {
			t.Errorf("%s: page %q, code %q", c.typ, page, declared[c.typ])
		}
	}
	for name, heading := range map[string]string{envelope.NameHello: "6.7", envelope.NameBye: "6.8", envelope.NameCancel: "6.9"} {
		if !envelope.Reserved([]byte(name)) || !strings.HasPrefix(name, "$/") {
			t.Errorf("%s is not a name of the protocol (§%s)", name, heading)
		}
	}
}

// constants returns the values of the typed constants that the files of a package declare, by type, in order.
func constants(t *testing.T, dir string) map[string][]string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	values := map[string][]string{}
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			spec, is := n.(*ast.ValueSpec)
			if !is || len(spec.Values) != 1 {
				return true
			}
			typ, is := spec.Type.(*ast.Ident)
			if !is {
				return true
			}
			if lit, is := spec.Values[0].(*ast.BasicLit); is {
				value := lit.Value
				if lit.Kind == token.STRING {
					if value, err = strconv.Unquote(value); err != nil {
						t.Fatal(err)
					}
				}
				values[typ.Name] = append(values[typ.Name], value)
			}
			return true
		})
	}
	return values
}
