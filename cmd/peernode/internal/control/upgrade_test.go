package control

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
)

// closed is the last line of a pipe.
var closed = WatchLine{Event: &Event{Kind: "closed"}}

// onJoint returns a pipe that does this with its connection, and tells what it returns on ended.
func onJoint(do func(ctx context.Context, j *Joint) error) (f fake, ended chan error) {
	ended = make(chan error, 1)
	f.pipe = func(ctx context.Context, _ Request, join func() (*Joint, error)) (WatchLine, error) {
		j, err := join()
		if err == nil {
			err = do(ctx, j)
		}
		ended <- err
		return closed, err
	}
	return f, ended
}

// next reads the next bytes, or the kind of the next line.
func next(t *testing.T, j *Joint) string {
	t.Helper()
	line, err := j.Next()
	if err != nil {
		t.Fatal(err)
	}
	if line != nil && line.Error != nil {
		return line.Error.Code
	}
	if line != nil {
		return line.Event.Kind
	}
	b := make([]byte, 100)
	n, err := j.Read(b)
	if err != nil {
		t.Fatal(err)
	}
	return string(b[:n])
}

func TestUpgradeCarriesBytesLinesAndEnds(t *testing.T) {
	f, ended := onJoint(func(_ context.Context, j *Joint) error {
		all, err := io.ReadAll(j)
		if err != nil {
			return err
		}
		_, err = j.Write(slices.Concat(all, []byte("!")))
		return errors.Join(err, j.Tell(WatchLine{Event: &Event{Kind: "opened"}}), j.CloseWrite(), j.Finish())
	})
	dir, _, _ := serve(t, f)
	j, err := Pipe.Ask(t.Context(), NewClient(dir), Request{})
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	if _, err := j.Write([]byte("hello")); err != nil {
		t.Fatal(err)
	}
	if err := j.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if a, b := next(t, j), next(t, j); a != "hello!" || b != "opened" {
		t.Errorf("got %q, then %q", a, b)
	}
	if _, err := j.Next(); err != io.EOF {
		t.Errorf("at the end: %v", err)
	}
	select {
	case err := <-ended:
		t.Errorf("it has ended before the client had written all: %v", err)
	default:
	}
	if err := j.Done(); err != nil {
		t.Fatal(err)
	}
	if got := next(t, j); got != "closed" {
		t.Errorf("last: got %q", got)
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

func TestDoneMayComeBeforeTheEnd(t *testing.T) {
	f, ended := onJoint(func(_ context.Context, j *Joint) error {
		all, err := io.ReadAll(j)
		if string(all) != "late" {
			err = errors.Join(err, errors.New(string(all)))
		}
		return errors.Join(err, j.Finish())
	})
	dir, _, _ := serve(t, f)
	j, err := Pipe.Ask(t.Context(), NewClient(dir), Request{})
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	_, err = j.Write([]byte("late"))
	if err := errors.Join(err, j.Done(), j.CloseWrite()); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// TestCutIsNoEnd closes the connection at each end, before and after the end of a direction.
func TestCutIsNoEnd(t *testing.T) {
	f, ended := onJoint(func(_ context.Context, j *Joint) error {
		_, err := io.ReadAll(j)
		if err == nil {
			err = j.Finish()
		}
		return err
	})
	dir, _, _ := serve(t, f)
	for _, end := range []bool{false, true} {
		j, err := Pipe.Ask(t.Context(), NewClient(dir), Request{})
		if err != nil {
			t.Fatal(err)
		}
		if end {
			j.CloseWrite()
		}
		j.Close()
		if err := <-ended; !errors.Is(err, ErrGone) {
			t.Errorf("the node gets %v", err)
		}
	}

	f, _ = onJoint(func(_ context.Context, j *Joint) error {
		j.CloseWrite()
		return j.Close()
	})
	dir, _, _ = serve(t, f)
	j, err := Pipe.Ask(t.Context(), NewClient(dir), Request{})
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	if _, err := j.Next(); err != io.EOF {
		t.Error(err)
	}
	if _, err := j.Next(); !errors.Is(err, ErrGone) {
		t.Errorf("the client gets %v", err)
	}
}

func TestUpgradeFails(t *testing.T) {
	dir, _, _ := serve(t, fake{}) // before the answer
	if _, err := Pipe.Ask(t.Context(), NewClient(dir), Request{}); code(t, err) != "nothing" {
		t.Error(err)
	}
	f, _ := onJoint(func(context.Context, *Joint) error { return errNothing }) // after it
	dir, _, _ = serve(t, f)
	j, err := Pipe.Ask(t.Context(), NewClient(dir), Request{})
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	if got := next(t, j); got != "nothing" {
		t.Errorf("got %q", got)
	}
	if status, answer := try(t, dir, "POST", "/v1/pipe", strings.NewReader("{}")); status != 400 || !strings.Contains(answer, "Upgrade: peernode-bytes") {
		t.Errorf("without the header: %d %s", status, answer)
	}
}

func TestShutdownEndsUpgrades(t *testing.T) {
	f, ended := onJoint(func(ctx context.Context, j *Joint) error {
		<-ctx.Done()
		return ctx.Err()
	})
	dir, _, server := serve(t, f)
	j, err := Pipe.Ask(t.Context(), NewClient(dir), Request{})
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	if err := server.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
	select {
	case <-ended:
	default:
		t.Error("Shutdown has not waited for the pipe")
	}
	if got := next(t, j); got != "stopping" {
		t.Errorf("got %q", got)
	}
}

// A stub is a connection of which the bytes of Reader arrive.
type stub struct {
	io.Reader
	io.Writer
}

func (stub) Close() error { return nil }

// pieces are the pieces of one connection, of each kind.
func pieces(t testing.TB) []byte {
	var b bytes.Buffer
	j := newJoint(stub{nil, &b})
	_, err := j.Write([]byte("hello"))
	if err := errors.Join(err, j.Tell(closed), j.Done(), j.CloseWrite()); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// readAll reads all pieces, and returns what they mean and the error that ends that.
func readAll(b []byte) (bytesRead []byte, lines, ends int, err error) {
	j := newJoint(stub{bytes.NewReader(b), nil})
	for {
		line, err := j.Next()
		switch {
		case err == io.EOF:
			ends++
			continue
		case err != nil:
			return bytesRead, lines, ends, err
		case line != nil:
			lines++
			continue
		}
		part := make([]byte, 7)
		n, err := j.Read(part)
		if err != nil {
			return bytesRead, lines, ends, err
		}
		bytesRead = append(bytesRead, part[:n]...)
	}
}

func TestPiecesThatAreCutShortFail(t *testing.T) {
	all := pieces(t)
	got, lines, ends, err := readAll(all)
	if string(got) != "hello" || lines != 1 || ends != 1 || !errors.Is(err, ErrGone) {
		t.Errorf("got %q, %d lines, %d ends, %v", got, lines, ends, err)
	}
	for n := range all {
		if _, _, ends, err := readAll(all[:n]); ends != 0 || !errors.Is(err, ErrGone) {
			t.Errorf("of %d bytes: %d ends, %v", n, ends, err)
		}
	}
	for name, piece := range map[string][]byte{
		"an unknown kind": {9, 0, 0, 0}, "an end with bytes": {pieceEnd, 0, 0, 1, 0}, "done with bytes": {pieceDone, 0, 0, 1, 0},
		"a line that is too long": binary.BigEndian.AppendUint32(nil, pieceLine<<24|maxPlain+1), "an empty line": {pieceLine, 0, 0, 2, '{', '}'},
	} {
		if _, _, _, err := readAll(piece); !errors.Is(err, ErrRequest) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzPieces(f *testing.F) {
	f.Add(pieces(f))
	f.Add([]byte{pieceEnd, 0, 0, 0, pieceDone, 0, 0, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		got, _, _, err := readAll(b)
		if err == nil || len(got) > len(b) {
			t.Errorf("%d bytes of %d (%v)", len(got), len(b), err)
		}
	})
}
