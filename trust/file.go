package trust

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"slices"
	"time"

	"github.com/gofrs/flock"

	"github.com/seed-f6ddb928/peernet-go/internal/durable"
)

const (
	// lockSuffix is added to the name of the peers file for the file that writers lock. The peers file cannot be locked
	// itself, because every write puts another in its place.
	lockSuffix = ".lock"
	// lockWait is how long a writer waits for the lock, lockRetry the time between two tries. Writing takes milliseconds.
	lockWait  = 5 * time.Second
	lockRetry = 5 * time.Millisecond
	// confirmPause is the time between two readings that must agree before a peer counts as missing. confirmTries is how
	// often the file is read again before it is left for later.
	confirmPause = 20 * time.Millisecond
	confirmTries = 25
	// clockStep is the coarsest step of the times that file systems keep. rereadAfter is how long a file that looks the same
	// is not read.
	clockStep   = 2 * time.Second
	rereadAfter = 5 * time.Second
)

// Reload reads the file again and tells the watchers what changed; for a set in memory, it does nothing. It compares
// the content with what it read before, so it also sees an edit that keeps the file's size and time.
//
// If the file cannot be used (the system's error, ErrFileKind, ErrFileTooLarge, ErrFileMissing, ErrFileGarbled,
// ErrFileChanging), the set stays as it was. Bad lines are not an error of Reload; [Set.Problems] returns them.
func (s *Set) Reload() error {
	if s.path == "" {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	doc, err := s.load(s.path)
	if err != nil {
		s.err = fmt.Errorf("reading the peers file %s: %w", s.path, durable.Cause(err))
		return s.err
	}
	s.publish(doc)
	return nil
}

// Err returns why the file could not be used when it was last read; nil if it could. The peers read before are trusted
// until it can be used again.
func (s *Set) Err() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}

// Poll calls Reload at once, then whenever the file may have changed, which it looks at every interval; the interval must
// be positive. It ends with ctx. If report is not nil, Poll calls it in its own goroutine with every new error of Reload
// and every new one of [Set.Problems]. An error that was gone and comes back is new again. Every error names the file.
func (s *Set) Poll(ctx context.Context, interval time.Duration, report func(error)) {
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	var (
		known map[string]bool
		seen  fs.FileInfo
		at    time.Time
	)
	for ctx.Err() == nil {
		info, err := os.Stat(s.path)
		if err != nil || mayDiffer(seen, info, time.Now(), at) {
			now := make(map[string]bool)
			for _, problem := range s.inspect() {
				text := problem.Error()
				if !known[text] && report != nil {
					report(problem)
				}
				now[text] = true
			}
			known, at = now, time.Now()
			if seen, err = os.Stat(s.path); err != nil || s.Err() != nil {
				seen = nil
			}
		}
		select {
		case <-ctx.Done():
		case <-ticker.C:
		}
	}
}

// mayDiffer reports whether a file may have another content than when it was read, at that time and with seen found
// afterwards. info is what is found now. An edit within the resolution of the file system's clock shows in neither.
func mayDiffer(seen, info fs.FileInfo, now, at time.Time) bool {
	return seen == nil || !reflect.DeepEqual(seen.Sys(), info.Sys()) || // device, inode, size, times
		now.Sub(info.ModTime()) < clockStep || now.Sub(at) >= rereadAfter
}

// inspect reloads the file and returns everything that is wrong with it.
func (s *Set) inspect() []error {
	var all []error
	err := s.Reload()
	if err != nil {
		all = append(all, err)
	}
	if err == nil || errors.Is(err, ErrFileGarbled) {
		for _, problem := range s.Problems() {
			all = append(all, fmt.Errorf("peers file %s: %w", s.path, problem))
		}
	}
	return all
}

// editFile does the work of edit for a set with a file. It keeps the edits that others made since the last reading.
func (s *Set) editFile(change func(*document) (string, error)) error {
	return s.withFile(func(path string, doc *document) error {
		return s.apply(doc, change, func(text string) error {
			if err := durable.Replace(path, []byte(text), doc.mode); err != nil {
				return s.writeFailed(err)
			}
			return nil
		})
	})
}

// withFile calls f with the path and the content of the file, while nobody else writes it. f is called with mu held.
func (s *Set) withFile(f func(path string, doc *document) error) error {
	path, err := resolve(s.path)
	if err != nil {
		return s.writeFailed(err)
	}
	unlock, err := lock(path)
	if err != nil {
		return s.writeFailed(err)
	}
	defer unlock()

	s.mu.Lock()
	defer s.mu.Unlock()
	doc, err := s.load(path)
	if err != nil {
		return s.writeFailed(err)
	}
	return f(path, doc)
}

// CheckWrite returns why Add would fail for any peer: the file cannot be read, or its folder or disk takes no new one. It
// changes nothing that anybody reads. It may wait for 5 seconds, for another writer.
func (s *Set) CheckWrite() error {
	if s.path == "" {
		return nil
	}
	return s.withFile(func(path string, doc *document) error {
		size := len(doc.text) + lineLimit
		if size > fileLimit {
			return s.writeFailed(ErrFileTooLarge)
		}
		if err := durable.CheckReplace(path, size); err != nil {
			return s.writeFailed(err)
		}
		return nil
	})
}

// writeFailed returns err as what keeps the peers file from being written.
func (s *Set) writeFailed(err error) error {
	return fmt.Errorf("writing the peers file %s: %w", s.path, durable.Cause(err))
}

// load reads the file at path and returns the document that may become current. The caller holds mu.
func (s *Set) load(path string) (*document, error) {
	doc, err := s.readConfirmed(path)
	if err != nil {
		return nil, err
	}
	if s.isGarbled(doc) {
		s.problems = doc.problems
		return nil, ErrFileGarbled
	}
	return doc, nil
}

// readConfirmed reads the file at path until no peer of the set is missing, or only peers that were missing the time
// before.
func (s *Set) readConfirmed(path string) (*document, error) {
	before := s.current.Load()
	for range 1 + confirmTries {
		doc, err := s.read(path)
		if err != nil || s.isConfirmed(doc, before) {
			return doc, err
		}
		before = doc
		time.Sleep(confirmPause)
	}
	return nil, ErrFileChanging
}

// read reads the file at path once.
func (s *Set) read(path string) (*document, error) {
	current := s.current.Load()
	data, mode, err := durable.Read(path, fileLimit)
	switch {
	case errors.Is(err, fs.ErrNotExist) && current.present:
		return nil, ErrFileMissing
	case errors.Is(err, fs.ErrNotExist):
		return parse("", s.self, empty), nil
	case err != nil:
		return nil, err
	case runtime.GOOS != "windows" && mode.Perm()&0o022 != 0:
		return nil, fmt.Errorf("%w; run: chmod go-w %s", ErrPermissions, path)
	case isUTF16(data):
		return nil, ErrFileEncoding
	case current.present && current.mode == mode && current.text == string(data):
		return current, nil
	}
	doc := parse(string(data), s.self, current)
	doc.mode, doc.present = mode, true
	return doc, nil
}

// isUTF16 reports whether data begins as text in UTF-16 does: with its byte order mark, or with a character of ASCII.
func isUTF16(data []byte) bool {
	return len(data) > 1 && (data[0]|data[1] == 0xff && data[0]^data[1] == 1 || (data[0] == 0) != (data[1] == 0))
}

// isConfirmed reports whether all peers of the set that doc lacks were missing before, too.
func (s *Set) isConfirmed(doc, before *document) bool {
	current := s.current.Load()
	return doc == current || !slices.ContainsFunc(current.peers, func(peer Peer) bool {
		return before.has(peer.Key) && !doc.has(peer.Key)
	})
}

// isGarbled reports whether a mistake has emptied the set: doc has no good line, but a bad one that was not there when
// the set was read. (A bad line that was there is no mistake of the last edit, which may have removed the last peer.)
func (s *Set) isGarbled(doc *document) bool {
	current := s.current.Load()
	if len(current.peers) == 0 || len(doc.peers) > 0 {
		return false
	}
	known := make(map[string]bool, len(current.lines))
	for _, l := range current.lines {
		known[l.content] = true
	}
	return slices.ContainsFunc(doc.lines, func(l line) bool { return l.err != nil && !known[l.content] })
}

// resolve follows symbolic links. A file that is kept elsewhere and linked to stays so when it is replaced, and a
// writer that knows it by another path takes the same lock.
func resolve(path string) (string, error) {
	resolved, err := filepath.EvalSymlinks(path)
	if !errors.Is(err, fs.ErrNotExist) {
		return resolved, err
	}
	if _, linkErr := os.Lstat(path); linkErr == nil {
		return "", fmt.Errorf("%w: it is a symbolic link that leads nowhere", durable.Cause(err))
	}
	return path, nil
}

// lock takes the writers' lock of the file at path, and makes the file's folder. Readers need no lock: they see one
// content or another, never half of one.
func lock(path string) (unlock func(), err error) {
	if err := durable.MakeFolder(filepath.Dir(path)); err != nil {
		return nil, err
	}
	path += lockSuffix
	file := flock.New(path, flock.SetFlag(os.O_RDWR|durable.NonBlock|durable.NoFollow))
	err = durable.CheckRegular(os.Lstat(path))
	if errors.Is(err, fs.ErrNotExist) {
		err = durable.Create(path, nil, newFileMode)
	}
	if err == nil || errors.Is(err, fs.ErrExist) {
		err = takeLock(file)
	}
	if err != nil {
		return nil, fmt.Errorf("locking %s: %w", path, durable.Cause(err))
	}
	return func() { _ = file.Unlock() }, nil // the lock ends when the file is closed, whatever Unlock says
}

// takeLock takes the lock of file, which must be a regular file.
func takeLock(file *flock.Flock) error {
	ctx, cancel := context.WithTimeout(context.Background(), lockWait)
	defer cancel()
	_, err := file.TryLockContext(ctx, lockRetry)
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return ErrLocked
	case err != nil:
		return err
	}
	err = durable.CheckRegular(file.Stat()) // something else may have taken its place
	if err != nil {
		_ = file.Unlock()
	}
	return err
}
