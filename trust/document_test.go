package trust

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/seed-f6ddb928/peernet-go/identity"
)

// readExample returns the content of a peers file in testdata.
func readExample(t testing.TB, name string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	if len(data) == 0 {
		t.Fatalf("%s is empty", name)
	}
	return string(data)
}

// mustKey returns the key with that text.
func mustKey(t testing.TB, text string) identity.PublicKey {
	t.Helper()
	key, err := identity.ParsePublicKey(text)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// Keys in the files of testdata.
const (
	ada     = "pnet1s5s0qzvfxzn4gayt0hwtg0hhtgxm7wsdycup4a8t5j5ca25mfe4qwgsew4"
	bob     = "pnet1m60dkltm0hqmf56mv8pweep4xulcxs7gtduxwnddl3lpgmug9d8s2sumpy"
	tokyo   = "A6RXZPAUECJ4RN2V3QNRB2DMWQTDOSWRNKUFH3IL37ALFODNDR6A"
	largest = "5P7777777777777777777777777777777777777777777777757Q"
	two     = "pnet1qgqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqafjenq"
)

func TestExamples(t *testing.T) {
	for name, want := range map[string][]Peer{
		"home.peers": {
			{mustKey(t, ada), "Ada's laptop", []Option{{"addr", "192.0.2.7:7100"}, {"addr", "[2001:db8::7]:7100"}}},
			{mustKey(t, bob), "", nil},
			{mustKey(t, tokyo), "Grüße = 東京", []Option{
				{"dialect", "beam"}, {"seen-by", `the "old" node in C:\peers`}, {"x-empty", ""},
			}},
			{mustKey(t, largest), `a=b "quoted" \ label`, []Option{{"addr", "pump.example:7100"}}},
			{mustKey(t, two), "", nil}, // a comment follows the key
		},
		"notepad.peers": {
			{mustKey(t, ada), "Ada", nil},
			{mustKey(t, bob), "Bob", []Option{{"addr", "192.0.2.7:7100"}}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			doc := parse(readExample(t, name), identity.PublicKey{}, empty)
			if len(doc.problems) != 0 {
				t.Errorf("problems: %v", doc.problems)
			}
			if !samePeers(doc.peers, want) {
				t.Errorf("%+v\nwant\n%+v", doc.peers, want)
			}
		})
	}
}

func TestABadLineIsNamedAndAffectsNoOther(t *testing.T) {
	doc := parse(readExample(t, "mistakes.peers"), identity.PublicKey{}, empty)
	want := []struct {
		line int
		err  error
	}{
		{3, identity.ErrKeyChecksum}, {4, identity.ErrKeyText}, {5, ErrDuplicate}, {6, ErrOptionValue}, {7, ErrOptionValue},
		{8, ErrOptionName}, {9, ErrOptionValue}, {10, ErrQuote}, {11, ErrQuote}, {12, ErrQuote}, {13, ErrQuote}, {14, ErrQuote},
		{15, ErrLabelTooLong}, {16, ErrLabelIsKey}, {17, ErrLabelIsKey}, {18, ErrCharacter}, {19, ErrCharacter},
		{20, ErrLineTooLong}, {21, ErrLineTooLong}, {22, identity.ErrKeyRange}, {23, identity.ErrKeyLowOrder},
	}
	for i, problem := range doc.problems {
		lineError, ok := errors.AsType[*LineError](problem)
		if !ok || i >= len(want) || lineError.Line != want[i].line || !errors.Is(problem, want[i].err) {
			t.Errorf("problem %d: %v", i, problem)
		}
	}
	if len(doc.problems) != len(want) {
		t.Errorf("%d problems, want %d", len(doc.problems), len(want))
	}
	peers := []Peer{{mustKey(t, ada), "Ada", nil}, {mustKey(t, largest), "last", nil}}
	if !samePeers(doc.peers, peers) {
		t.Errorf("%+v\nwant\n%+v", doc.peers, peers)
	}
}

func TestOurOwnKeyIsABadLine(t *testing.T) {
	self := mustKey(t, bob)
	doc := parse(readExample(t, "home.peers"), self, empty)
	if _, found := doc.get(self); found || len(doc.problems) != 1 || !errors.Is(doc.problems[0], ErrSelf) {
		t.Errorf("found = %t, problems %v", found, doc.problems)
	}
	if len(doc.peers) != 4 {
		t.Errorf("%d other peers, want 4", len(doc.peers))
	}
}

func TestProblemsOfAFileOfAnotherKindAreBounded(t *testing.T) {
	doc := parse(strings.Repeat("x\n", 10*problemLimit), identity.PublicKey{}, empty)
	if len(doc.problems) != problemLimit+1 {
		t.Fatalf("%d problems, want %d", len(doc.problems), problemLimit+1)
	}
	if last := doc.problems[problemLimit]; !errors.Is(last, ErrTooManyProblems) {
		t.Errorf("the last is %v", last)
	}
}

func TestLimitsOfALine(t *testing.T) {
	key := testKey(1)
	fill := lineLimit - len(key.String()+" x= l")
	for _, v := range []struct {
		n    int
		want error
	}{{fill, nil}, {fill + 1, ErrLineTooLong}} {
		peer := Peer{key, "l", []Option{{"x", strings.Repeat("v", v.n)}}}
		for _, end := range []string{"", "\n", "\r\n"} {
			doc := parse(peer.String()+end, identity.PublicKey{}, empty)
			if v.want == nil && (len(doc.peers) != 1 || len(doc.problems) != 0) ||
				v.want != nil && (len(doc.peers) != 0 || !errors.Is(doc.problems[0], v.want)) {
				t.Errorf("%d bytes: %d peers, problems %v", lineLimit-fill+v.n, len(doc.peers), doc.problems)
			}
		}
		_, err := parse("", identity.PublicKey{}, empty).put(peer)
		checkIs(t, "with", err, v.want)
	}
}

func TestEditsKeepAllOtherBytes(t *testing.T) {
	const comment = "# comment\n\n"
	a, b, c := testKey(1), testKey(2), testKey(3)
	lineA, lineB, lineC := a.String()+" A", b.String()+" B", c.String()+" C"
	bad := b.String() + ` note="unclosed`
	for name, v := range map[string]struct {
		before string
		edit   func(*document) (string, error)
		after  string
	}{
		"first":            {"", add(Peer{Key: c, Label: "C"}), lineC + "\n"},
		"append":           {comment + lineA + "\n", add(Peer{Key: c, Label: "C"}), comment + lineA + "\n" + lineC + "\n"},
		"append without":   {comment + lineA, add(Peer{Key: c, Label: "C"}), comment + lineA + "\n" + lineC + "\n"},
		"append after":     {lineA + "\n\n", add(Peer{Key: c, Label: "C"}), lineA + "\n\n" + lineC + "\n"},
		"append CR LF":     {lineA + "\r\n", add(Peer{Key: c, Label: "C"}), lineA + "\r\n" + lineC + "\r\n"},
		"append to CR LF":  {"#\r\n" + lineA, add(Peer{Key: c, Label: "C"}), "#\r\n" + lineA + "\r\n" + lineC + "\r\n"},
		"same":             {"  " + lineA + " ", add(Peer{Key: a, Label: "A"}), "  " + lineA + " "},
		"same without":     {lineA + "\n", add(Peer{Key: a}), lineA + "\n"},
		"update":           {"#1\n\t" + lineA + "  \r\n#2", add(Peer{Key: a, Label: "New"}), "#1\n" + a.String() + " New\r\n#2"},
		"update the last":  {"#1\n" + lineA, add(Peer{Key: a, Label: "New"}), "#1\n" + a.String() + " New"},
		"keep options":     {a.String() + ` x-1="a b" x-2=c  A`, add(Peer{Key: a, Label: "New"}), a.String() + ` x-1="a b" x-2=c New`},
		"keep the label":   {lineA, add(Peer{Key: a, Options: []Option{{"x", "y"}}}), a.String() + " x=y A"},
		"no options":       {a.String() + " x=y A", add(Peer{Key: a, Options: []Option{}}), lineA},
		"key in capitals":  {strings.ToUpper(a.String()) + " A\n" + lineB, add(Peer{Key: a, Label: "New"}), a.String() + " New\n" + lineB},
		"bad line is kept": {bad + "\n" + lineA, add(Peer{Key: b, Label: "B"}), bad + "\n" + lineA + "\n" + lineB + "\n"},
		"update beside it": {lineB + "\n" + bad + "\n", add(Peer{Key: b, Label: "New"}), b.String() + " New\n" + bad + "\n"},
		"remove":           {comment + lineA + "\n" + lineB + "\r\n" + lineC, remove(b), comment + lineA + "\n" + lineC},
		"remove the last":  {comment + lineA, remove(a), comment},
		"remove duplicate": {lineA + "\n" + lineB + "\n" + lineA + "2\n", remove(a), lineB + "\n"},
		"remove bad":       {lineA + "\n" + bad + "\ngarbage\n", remove(b), lineA + "\ngarbage\n"},
		"remove none":      {comment + lineA, remove(b), comment + lineA},
		"remove too long":  {lineA + "\n" + b.String() + strings.Repeat(" ", lineLimit), remove(b), lineA + "\n"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := v.edit(parse(v.before, identity.PublicKey{}, empty))
			if got != v.after || err != nil {
				t.Errorf("%q becomes\n%q, %v, want\n%q", v.before, got, err, v.after)
			}
		})
	}
}

// add and remove are the edits of a set.
func add(peer Peer) func(*document) (string, error) {
	return func(doc *document) (string, error) { return doc.put(peer) }
}

func remove(key identity.PublicKey) func(*document) (string, error) {
	return func(doc *document) (string, error) {
		text, _ := doc.remove(key)
		return text, nil
	}
}

func TestALabelNamesOnePeer(t *testing.T) {
	a, b := testKey(1), testKey(2)
	doc := parse(fmt.Sprintf("%s Ada\n%s Bob\n", a, b), identity.PublicKey{}, empty)
	for _, peer := range []Peer{{Key: testKey(3), Label: "Ada"}, {Key: b, Label: "Ada"}} {
		_, err := doc.put(peer)
		checkIs(t, "a label that is taken", err, ErrLabelTaken)
	}
	for _, peer := range []Peer{{Key: testKey(3), Label: "ada"}, {Key: a, Label: "Ada"}, {Key: testKey(3)}, {Key: testKey(4)}} {
		_, err := doc.put(peer)
		checkIs(t, "a label that is free", err, nil)
	}
	// The file may have the label twice. Another change is still possible.
	doc = parse(fmt.Sprintf("%s Ada\n%s Ada\n", a, b), identity.PublicKey{}, empty)
	_, err := doc.put(Peer{Key: b, Label: "Ada", Options: []Option{{"x", "y"}}})
	checkIs(t, "the label that it has", err, nil)
}

func TestAFileDoesNotGrowBeyondItsLimit(t *testing.T) {
	line := Peer{Key: testKey(1)}.String() + "\n"
	comments := strings.Repeat(strings.Repeat("#", 1023)+"\n", fileLimit/1024)
	doc := parse(comments[:len(comments)-len(line)-1]+"\n", identity.PublicKey{}, empty)
	text, err := doc.put(Peer{Key: testKey(1)})
	if len(text) != fileLimit || err != nil {
		t.Fatalf("%d bytes, %v", len(text), err)
	}
	_, err = parse(text, identity.PublicKey{}, empty).put(Peer{Key: testKey(2)})
	checkIs(t, "one more", err, ErrFileTooLarge)
}

func FuzzPeersFile(f *testing.F) {
	files, err := filepath.Glob("testdata/*.peers")
	if err != nil || len(files) == 0 {
		f.Fatalf("no examples: %v", err)
	}
	for _, file := range files {
		f.Add(readExample(f, filepath.Base(file)))
	}
	f.Add("\n\n" + ada)
	f.Add(byteOrderMark + ada + "\r\n" + bob + " x=\"\" \"\"")
	f.Fuzz(func(t *testing.T, text string) {
		if len(text) > fileLimit {
			return
		}
		doc := parse(text, identity.PublicKey{}, empty)
		checkDocument(t, doc)

		added, err := doc.put(Peer{Key: testKey(1), Label: "Fuzz", Options: []Option{{"x", "a b"}}})
		if err == nil {
			now := parse(added, identity.PublicKey{}, empty)
			checkDocument(t, now)
			if got, _ := now.get(testKey(1)); got.Label != "Fuzz" || len(got.Options) != 1 {
				t.Errorf("added, and then it is %+v in %q", got, added)
			}
			checkOthers(t, doc, now, testKey(1))
		}
		for _, peer := range doc.peers[:min(len(doc.peers), 3)] {
			updated, err := doc.put(Peer{Key: peer.Key, Options: append(slices.Clone(peer.Options), Option{"x", "a b"})})
			if err == nil {
				now := parse(updated, identity.PublicKey{}, empty)
				got, found := now.get(peer.Key)
				if want := append(peer.Option("x"), "a b"); !found || !slices.Equal(got.Option("x"), want) || got.Label != peer.Label {
					t.Errorf("%+v updated is %+v", peer, got)
				}
				checkOthers(t, doc, now, peer.Key)
			}
			removed, found := doc.remove(peer.Key)
			now := parse(removed, identity.PublicKey{}, empty)
			if _, still := now.get(peer.Key); !found || still {
				t.Errorf("%s removed: found = %t, there still = %t", peer.Key, found, still)
			}
			checkOthers(t, doc, now, peer.Key)
		}
	})
}

// checkDocument fails the test unless the parts of doc agree with each other.
func checkDocument(t *testing.T, doc *document) {
	t.Helper()
	var text strings.Builder
	for _, l := range doc.lines {
		text.WriteString(l.text)
	}
	if text.String() != doc.text {
		t.Error("the lines are not the text")
	}
	if len(doc.index) != len(doc.peers) {
		t.Errorf("%d peers, %d keys", len(doc.peers), len(doc.index))
	}
	for i, peer := range doc.peers {
		if doc.index[peer.Key] != i {
			t.Errorf("peer %d is at %d of the index", i, doc.index[peer.Key])
		}
		if back, err := parsePeer(peer.String()); err != nil || !back.equal(peer) {
			t.Errorf("%+v is written %q, which is read as %+v, %v", peer, peer.String(), back, err)
		}
	}
}

// checkOthers fails the test unless all peers but the one with key are the same in both documents.
func checkOthers(t *testing.T, before, now *document, key identity.PublicKey) {
	t.Helper()
	other := func(peers []Peer) []Peer {
		return slices.DeleteFunc(slices.Clone(peers), func(p Peer) bool { return p.Key == key })
	}
	if !samePeers(other(before.peers), other(now.peers)) {
		t.Errorf("from\n%q to\n%q", before.text, now.text)
	}
}

func TestEditsDoNotReadTheOtherLinesAgain(t *testing.T) {
	path := filepath.Join(t.TempDir(), "peers")
	var b strings.Builder
	const peers = 10_000
	for i := range peers {
		fmt.Fprintf(&b, "%s\n", testKey(i+1).String())
	}
	if err := os.WriteFile(path, []byte(b.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := Open(path)
	if err != nil || len(s.List()) != peers {
		t.Fatal(len(s.List()), err)
	}
	before := s.current.Load()
	if err := s.Add(Peer{Key: testKey(1), Label: "first"}); err != nil {
		t.Fatal(err)
	}
	if err := s.Add(Peer{Key: testKey(peers + 1)}); err != nil {
		t.Fatal(err)
	}
	after := s.current.Load()
	if n := testing.AllocsPerRun(1, func() { parse(after.text, s.self, before) }); n > peers/10 {
		t.Errorf("%v allocations for two new lines", n)
	}
	// What is not read again is what would be read.
	if whole := parse(after.text, s.self, empty); !reflect.DeepEqual(whole.peers, after.peers) || !reflect.DeepEqual(whole.index, after.index) {
		t.Error("the peers differ from those of the whole file")
	}
	if _, err := s.Remove(testKey(2)); err != nil || s.Contains(testKey(2)) || len(s.List()) != peers {
		t.Error(err)
	}
}

func TestLinesThatMoveCountAsTheyDoWhereTheyAre(t *testing.T) {
	a, b := testKey(1).String(), testKey(2).String()
	texts := []string{
		a + "\n" + b + "\n", b + "\n" + a + "\n", "\ufeff" + a + "\n" + b + "\n", b + "\n\ufeff" + a + "\n", a + "\n" + a + "\n",
		a + " x\n" + a + "\n", a + "\n" + a + " x\n", "# c\n" + a, a + "\n# c\n",
	}
	for _, from := range texts {
		for _, to := range texts {
			for _, self := range []identity.PublicKey{{}, testKey(2)} {
				old := parse(from, identity.PublicKey{}, empty)
				got, want := parse(to, self, old), parse(to, self, empty)
				if !reflect.DeepEqual(got, want) {
					t.Errorf("%q after %q: %+v, not %+v", to, from, got, want)
				}
			}
		}
	}
}
