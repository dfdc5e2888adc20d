package trust

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/gofrs/flock"

	"github.com/seed-f6ddb928/peernet-go/identity"
	"github.com/seed-f6ddb928/peernet-go/internal/durable"
)

const (
	// lockSuffix is added to the name of the peers file for the file that writers lock. The peers file cannot be locked
	// itself, because every write puts another in its place.
	lockSuffix = ".lock"
	// lockWait is how long a writer waits for the lock, lockRetry how often it tries. Writing takes milliseconds.
	lockWait  = 5 * time.Second
	lockRetry = 5 * time.Millisecond
	// settlePause is the time between two readings that must agree before a peer counts as missing, and settleTries how
	// often the file is read again before it is left for later.
	settlePause = 20 * time.Millisecond
	settleTries = 25
	// folderMode is the mode of a folder that is made for the peers file.
	folderMode = 0o700
)

// Reload reads the file again and tells the watchers what changed; for a set in memory, it does nothing. It compares the
// content with what it read before, so that an edit that keeps the file's size and time is seen too.
//
// If the file cannot be used (the system's error, ErrFileKind, ErrFileTooLarge, ErrFileMissing, ErrFileGarbled,
// ErrFileChanging), the set stays as it was. Bad lines are not an error of Reload, but in [Set.Problems].
func (s *Set) Reload() error {
	if s.path == "" {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	doc, err := s.load(s.path)
	if err != nil {
		return fmt.Errorf("peers file %s: %w", s.path, err)
	}
	s.publish(doc)
	return nil
}

// Poll calls Reload at once and then at every interval, which must be positive, until ctx ends. If report is not nil,
// Poll calls it in its own goroutine for every error of Reload and every one of [Set.Problems], when it comes up for the
// first time and when it comes up again after it was gone. Every error names the file.
func (s *Set) Poll(ctx context.Context, interval time.Duration, report func(error)) {
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	known := make(map[string]bool)
	for ctx.Err() == nil {
		now := make(map[string]bool)
		for _, problem := range s.inspect() {
			text := problem.Error()
			if !known[text] && report != nil {
				report(problem)
			}
			now[text] = true
		}
		known = now
		select {
		case <-ctx.Done():
		case <-ticker.C:
		}
	}
}

// inspect reloads the file and returns all that is wrong with it.
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

// editFile does the work of edit for a set with a file. Others' edits since the last reading are kept.
func (s *Set) editFile(change func(*document) (string, error)) error {
	path, err := resolve(s.path)
	if err != nil {
		return fmt.Errorf("peers file: %w", err)
	}
	unlock, err := lock(path)
	if err != nil {
		return fmt.Errorf("peers file %s: %w", path, err)
	}
	defer unlock()

	s.mu.Lock()
	defer s.mu.Unlock()
	doc, err := s.load(path)
	if err != nil {
		return fmt.Errorf("peers file %s: %w", path, err)
	}
	text, err := change(doc)
	if err != nil {
		return err
	}
	if text != doc.text {
		if err := durable.Replace(path, []byte(text), doc.mode); err != nil {
			return fmt.Errorf("peers file: %w", err)
		}
		mode := doc.mode
		doc = parse(text, s.self)
		doc.mode, doc.present = mode, true
	}
	s.publish(doc)
	return nil
}

// load reads the file at path and returns what may become current. The caller holds mu.
func (s *Set) load(path string) (*document, error) {
	doc, err := s.settle(path)
	if err != nil {
		return nil, err
	}
	if s.garbled(doc) {
		s.problems = doc.problems
		return nil, ErrFileGarbled
	}
	return doc, nil
}

// settle reads the file at path until no peer of the set is missing, or only peers that were missing the time before.
func (s *Set) settle(path string) (*document, error) {
	doc, err := s.read(path)
	if err != nil {
		return nil, err
	}
	missing := s.missing(doc)
	if len(missing) == 0 {
		return doc, nil
	}
	for range settleTries {
		time.Sleep(settlePause)
		doc, err = s.read(path)
		if err != nil {
			return nil, err
		}
		before := missing
		missing = s.missing(doc)
		if containsAll(before, missing) {
			return doc, nil
		}
	}
	return nil, ErrFileChanging
}

// read reads the file at path once.
func (s *Set) read(path string) (*document, error) {
	current := s.current.Load()
	data, mode, err := durable.Read(path, fileLimit)
	other, isOther := errors.AsType[*durable.KindError](err)
	switch {
	case errors.Is(err, fs.ErrNotExist) && current.present:
		return nil, ErrFileMissing
	case errors.Is(err, fs.ErrNotExist):
		return parse("", s.self), nil
	case isOther:
		return nil, fmt.Errorf("%w: it is %s", ErrFileKind, other.Kind)
	case errors.Is(err, durable.ErrTooLarge):
		return nil, fmt.Errorf("%w: at most %d bytes are taken", ErrFileTooLarge, fileLimit)
	case err != nil:
		return nil, err
	case runtime.GOOS != "windows" && mode.Perm()&0o022 != 0:
		return nil, fmt.Errorf("%w: make it yours alone to write: chmod go-w %s", ErrPermissions, path)
	}
	if current.present && current.mode == mode && current.text == string(data) {
		return current, nil
	}
	doc := parse(string(data), s.self)
	doc.mode, doc.present = mode, true
	return doc, nil
}

// missing returns the keys of the set that doc lacks.
func (s *Set) missing(doc *document) map[identity.PublicKey]bool {
	keys := make(map[identity.PublicKey]bool)
	for _, peer := range s.current.Load().peers {
		if _, found := doc.get(peer.Key); !found {
			keys[peer.Key] = true
		}
	}
	return keys
}

// containsAll reports whether all has every key of some.
func containsAll(all, some map[identity.PublicKey]bool) bool {
	for key := range some {
		if !all[key] {
			return false
		}
	}
	return true
}

// garbled reports whether it is a mistake that empties the set: doc has no good line, but a bad one that was not there
// when the set was read. (A bad line that was there is no mistake of the last edit, which may have removed the last peer.)
func (s *Set) garbled(doc *document) bool {
	current := s.current.Load()
	if len(current.peers) == 0 || len(doc.peers) != 0 {
		return false
	}
	known := make(map[string]bool)
	for _, l := range current.lines {
		known[strings.TrimRight(l.text, "\r\n")] = true
	}
	for _, l := range doc.lines {
		if l.err != nil && !known[strings.TrimRight(l.text, "\r\n")] {
			return true
		}
	}
	return false
}

// resolve follows symbolic links, so that a file which is kept elsewhere and linked to stays so when it is replaced, and
// so that whoever writes it by another path takes the same lock.
func resolve(path string) (string, error) {
	resolved, err := filepath.EvalSymlinks(path)
	if !errors.Is(err, fs.ErrNotExist) {
		return resolved, err
	}
	if _, linkErr := os.Lstat(path); linkErr == nil {
		return "", fmt.Errorf("%w: it is a symbolic link that leads nowhere", err)
	}
	return path, nil
}

// lock takes the lock of writers of the file at path, whose folder it makes. It is not taken for reading: readers see one
// content or another, never half of one.
func lock(path string) (unlock func(), err error) {
	if err := os.MkdirAll(filepath.Dir(path), folderMode); err != nil {
		return nil, err
	}
	path += lockSuffix
	if err := durable.CheckRegular(path); err != nil {
		return nil, lockFailed(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), lockWait)
	defer cancel()
	file := flock.New(path, flock.SetFlag(os.O_CREATE|os.O_RDWR|durable.NonBlock))
	_, err = file.TryLockContext(ctx, lockRetry)
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return nil, fmt.Errorf("%w: %s", ErrLocked, path)
	case err != nil:
		return nil, err
	}
	unlock = func() { _ = file.Unlock() } // the lock ends when the file is closed, whatever Unlock says
	info, err := file.Stat()
	if err == nil {
		err = durable.CheckInfo(path, info) // something else may have taken its place
	}
	if err != nil {
		unlock()
		return nil, lockFailed(err)
	}
	return unlock, nil
}

// lockFailed returns err as one of this package.
func lockFailed(err error) error {
	if other, isOther := errors.AsType[*durable.KindError](err); isOther {
		return fmt.Errorf("%w: its lock %s is %s", ErrFileKind, other.Path, other.Kind)
	}
	return err
}
