package doctor

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"github.com/seed-f6ddb928/peernet-go/cmd/peernode/internal/text"
	"github.com/seed-f6ddb928/peernet-go/identity"
	"github.com/seed-f6ddb928/peernet-go/trust"
)

// clockSlack is how far a file may be in the future: the clocks of private nodes may differ by as much.
const clockSlack = 5 * time.Minute

// Directory checks the data directory at dir: who may write to it, the key in the file named key, and the peers file. It makes
// nothing. denied says what to do about a file that the system denies this user.
func Directory(dir, key, peers string, now time.Time, denied func(error) string) []Finding {
	info, err := os.Stat(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return []Finding{Skip(CheckDirectory, dir+" is not there yet: peernode id makes it")}
	case err != nil:
		return []Finding{problem(CheckDirectory, denied(err), "%v", err)}
	case !info.IsDir():
		return []Finding{problem(CheckDirectory, "choose another directory with --data-dir", "%s is not a directory", dir)}
	case runtime.GOOS != "windows" && info.Mode().Perm()&0o022 != 0:
		return []Finding{problem(CheckDirectory, "run: chmod go-w "+text.ShellWord(dir), "others may write to %s", dir)}
	}
	list := []Finding{ok(CheckDirectory, "%s", dir)}
	path := filepath.Join(dir, key)
	if f, made := checkKey(path, denied); made.IsZero() || !made.After(now.Add(clockSlack)) {
		list = append(list, f, ok(CheckClock, "it is %s", now.UTC().Format(time.RFC3339)))
	} else {
		list = append(list, f, problem(CheckClock, "set the clock, as with: sudo timedatectl set-ntp true",
			"it is %s, and the key was made later, at %s: private mode needs a clock that is right to 5 minutes",
			now.UTC().Format(time.RFC3339), made.UTC().Format(time.RFC3339)))
	}
	return append(list, checkPeers(filepath.Join(dir, peers), denied))
}

// checkKey checks a key file. It also returns when the file was written last; zero: there is none.
func checkKey(path string, denied func(error) string) (f Finding, written time.Time) {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return Skip(CheckKey, "there is none yet: peernode id makes one"), written
	}
	if err == nil {
		written = info.ModTime()
		if runtime.GOOS != "windows" && info.Mode().Perm()&0o077 != 0 {
			return problem(CheckKey, "run: chmod 600 "+text.ShellWord(path), "others may read %s", path), written
		}
		_, err = identity.Load(path)
	}
	if err != nil {
		return problem(CheckKey, denied(err), "%v", err), written
	}
	return ok(CheckKey, "%s", path), written
}

// checkPeers checks the peers file.
func checkPeers(path string, denied func(error) string) Finding {
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return problem(CheckPeers, "run: peernode trust add KEY", "nobody is trusted yet")
	}
	set, err := trust.Open(path)
	switch {
	case err != nil:
		return problem(CheckPeers, denied(err), "%v", err)
	case len(set.Problems()) > 0:
		return problem(CheckPeers, "correct it in "+text.ShellWord(path)+", or remove it", "%v", set.Problems()[0])
	case len(set.List()) == 0:
		return problem(CheckPeers, "run: peernode trust add KEY", "nobody is trusted yet")
	}
	return ok(CheckPeers, "%s", text.Count(len(set.List()), "peer"))
}
