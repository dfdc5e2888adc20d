package pairing

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"strings"
	"testing"
)

func TestCodesAreForgivenInTyping(t *testing.T) {
	want := mustCode(t, "42-otter-velvet")
	if want.Text() != "42-otter-velvet" || want.Number() != 42 {
		t.Fatal(want.Text())
	}
	for _, text := range []string{
		"42-OTTER-Velvet", " 42 otter velvet\n", "42-otter velvet", "42otter-velvet", "42-ottervelvet", "42ottervelvet", "42OtterVelvet",
		"42--otter--velvet-", "42 - otter - velvet", "42\u2013otter\u2014velvet", "42\u00a0otter\u2011velvet", "42_otter_velvet", "4 2 otter velvet", "42 ot ter velvet",
	} {
		if got, err := ParseCode(text); err != nil || got != want {
			t.Errorf("%q: %v, %v", text, got.Text(), err)
		}
	}
}

func TestWhatIsNoCodeIsRefused(t *testing.T) {
	for text, want := range map[string]error{
		"": ErrCode, "42": ErrCode, "otter-velvet": ErrCode, "9-otter-velvet": ErrCode, "1000-otter-velvet": ErrCode, "042-otter-velvet": ErrCode,
		"99999999999-otter-velvet": ErrCode, "42-otter": ErrCode, "42-otter-velvet-otter": ErrCode, "42-otter-42-velvet": ErrCode, "42-otter-velvet!": ErrCode,
		"42-otter-velvet\x00": ErrCode, "42-otter-velv\xffet": ErrCode, "4\u0662-otter-velvet": ErrCode, "42-otter-velvet" + strings.Repeat(" ", 64): ErrCode,
		"42-oter-velvet": ErrWord, "42-otter-xyzzy": ErrWord,
	} {
		if c, err := ParseCode(text); !errors.Is(err, want) {
			t.Errorf("%q: %v, %v", text, c, err)
		}
	}
	if _, err := ParseCode("42-oter-velvet"); err == nil || !strings.Contains(err.Error(), `"otter"`) || strings.Contains(err.Error(), "velvet") {
		t.Errorf("the error is %v: it must name the word that is meant, and not the other", err)
	}
}

func TestEachCodeIsReadBack(t *testing.T) {
	random := rand.NewChaCha8([32]byte{1})
	numbers := make(map[uint16]bool)
	for range 20_000 {
		c, err := NewCode(random)
		wantNil(t, err)
		if got := mustCode(t, c.Text()); got != c {
			t.Fatalf("%s is read as %s", c.Text(), got.Text())
		}
		if len(c.Text()) > codeLimit || c.Number() < FirstNumber || c.Number() > LastNumber {
			t.Fatal(c.Text())
		}
		numbers[c.Number()] = true
	}
	if len(numbers) != LastNumber-FirstNumber+1 {
		t.Errorf("%d numbers", len(numbers))
	}
	for n := range 4 {
		if _, err := NewCode(randomOf(make([]byte, n))); err == nil {
			t.Errorf("%d random bytes are enough", n)
		}
	}
}

func TestACodePrintsWithoutItsWords(t *testing.T) {
	c := mustCode(t, "42-otter-velvet")
	var log bytes.Buffer
	slog.New(slog.NewTextHandler(&log, nil)).Info("code", "code", c)
	for _, text := range []string{fmt.Sprint(c), fmt.Sprintf("%v %+v %#v %s %q %d %x", c, c, c, c, c, c, c), fmt.Sprint(&c), log.String()} {
		if strings.Contains(text, "otter") || strings.Contains(text, "words") || !strings.Contains(text, "42-…") {
			t.Error(text)
		}
	}
}

func FuzzCode(f *testing.F) {
	for _, v := range pairingVectors(f) {
		f.Add(v.Code)
	}
	f.Add("42 OTTER velvet")
	f.Fuzz(func(t *testing.T, text string) {
		c, err := ParseCode(text)
		if err != nil {
			return
		}
		again, err := ParseCode(c.Text())
		if err != nil || again != c {
			t.Errorf("%q is %s, which is %v, %v", text, c.Text(), again, err)
		}
	})
}
