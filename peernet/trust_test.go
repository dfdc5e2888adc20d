package peernet_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/seed-f6ddb928/peernet-go/identity"
	"github.com/seed-f6ddb928/peernet-go/peernet"
	"github.com/seed-f6ddb928/peernet-go/trust"
)

func TestStrangerIsRefusedAndLearnsNothingElse(t *testing.T) {
	a, b := startNode(t, peernet.Config{}), startNode(t, peernet.Config{Name: "secret name"})
	if err := a.Pair(b.PublicKey(), "b"); err != nil {
		t.Fatal(err)
	}
	ctx := patiently(t)
	events := b.Events(ctx)
	err := a.Connect(ctx, b.PublicKey(), b.Addrs()[0].String())
	if !errors.Is(err, peernet.ErrRefused) || strings.Contains(err.Error(), "secret") {
		t.Errorf("connect: %v", err)
	}
	if e := await[peernet.Refused](t, events); e.Peer != a.PublicKey() {
		t.Errorf("refused %v", e.Peer)
	}
	if info, _ := a.Peer(b.PublicKey()); info.Name != "" || info.State == peernet.StateConnected {
		t.Errorf("the untrusted node sees %+v", info)
	}
}

func TestAWrongKeyAndAClosedPortAreToldApart(t *testing.T) {
	a, b, c := startNode(t, peernet.Config{}), startNode(t, peernet.Config{}), startNode(t, peernet.Config{})
	pair(t, a, b)
	pair(t, a, c)
	ctx := patiently(t)
	if err := a.ConnectOnce(ctx, b.PublicKey(), c.Addrs()[0].String()); !errors.Is(err, peernet.ErrWrongKey) || errors.Is(err, peernet.ErrUnreachable) {
		t.Errorf("another key there: %v", err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	if err := a.ConnectOnce(ctx, b.PublicKey(), l.Addr().String()); !errors.Is(err, peernet.ErrUnreachable) {
		t.Errorf("a closed port: %v", err)
	}
	if err := a.Connect(ctx, b.PublicKey(), "127.0.0.1:0"); err == nil {
		t.Error("port 0 was dialled")
	}
	if err := a.Connect(ctx, b.PublicKey(), b.Addrs()[0].String()); err != nil {
		t.Errorf("the right key: %v", err)
	}
}

func TestNamespacesDoNotMeet(t *testing.T) {
	a, b := startNode(t, peernet.Config{Namespace: "one"}), startNode(t, peernet.Config{Namespace: "two"})
	pair(t, a, b)
	if err := a.Connect(patiently(t), b.PublicKey(), b.Addrs()[0].String()); !errors.Is(err, peernet.ErrUnreachable) {
		t.Errorf("connect: %v", err)
	}
}

func TestUnpairEndsTheSessionOnBothEnds(t *testing.T) {
	a, b := pairOf(t, peernet.Config{}, peernet.Config{})
	ctx := patiently(t)
	begun, ended := make(chan struct{}), make(chan error, 1)
	handle(t, b, "wait", func(ctx context.Context, _ *peernet.Request) (any, error) {
		close(begun)
		<-ctx.Done()
		ended <- ctx.Err()
		return nil, nil
	})
	ea, eb := a.Events(ctx), b.Events(ctx)
	call := make(chan error, 1)
	go func() { _, err := a.Call(ctx, b.PublicKey(), "wait", nil); call <- err }()
	select {
	case <-begun:
	case err := <-call:
		t.Fatalf("call: %v", err)
	}
	if err := b.Unpair(a.PublicKey()); err != nil {
		t.Fatal(err)
	}
	if e := await[peernet.Disconnected](t, ea); e.Reason != "revoked" {
		t.Errorf("a: %+v", e)
	}
	if e := await[peernet.Disconnected](t, eb); e.Reason != "revoked" {
		t.Errorf("b: %+v", e)
	}
	if err := <-call; !errors.Is(err, peernet.ErrLinkLost) {
		t.Errorf("call: %v", err)
	}
	select {
	case err := <-ended:
		if !errors.Is(err, context.Canceled) {
			t.Errorf("handler's context: %v", err)
		}
	case <-ctx.Done():
		t.Error("the handler's context does not end")
	}
}

func TestEditOfThePeersFileCounts(t *testing.T) {
	dir := t.TempDir()
	a := startNode(t, peernet.Config{DataDir: dir, Timing: peernet.Timing{Reload: time.Hour}})
	b := startNode(t, peernet.Config{})
	if err := b.Pair(a.PublicKey(), ""); err != nil {
		t.Fatal(err)
	}
	ctx := patiently(t)
	events := a.Events(ctx)
	line := fmt.Sprintf("%v addr=%v laptop of Bea\n", b.PublicKey(), b.Addrs()[0])
	if err := os.WriteFile(filepath.Join(dir, "peers"), []byte("# mine\n"+line), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := a.Reload(); err != nil {
		t.Fatal(err)
	}
	if e := await[peernet.Paired](t, events); e.Peer != b.PublicKey() || e.Label != "laptop of Bea" {
		t.Errorf("paired %+v", e)
	}
	await[peernet.Connected](t, events) // at the address in the file
	if err := os.WriteFile(filepath.Join(dir, "peers"), []byte("# mine\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := a.Reload(); err != nil {
		t.Fatal(err)
	}
	if e := await[peernet.Disconnected](t, events); e.Reason != "revoked" {
		t.Errorf("disconnected: %+v", e)
	}
}

func TestIdentityAndTrustSurviveARestart(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new")
	peer := startNode(t, peernet.Config{}).PublicKey()
	var first identity.PublicKey
	for i := range 2 {
		n, err := peernet.New(peernet.Config{DataDir: dir})
		if err != nil {
			t.Fatal(err)
		}
		switch i {
		case 0:
			first = n.PublicKey()
			if err := n.Pair(peer, "friend"); err != nil {
				t.Fatal(err)
			}
		case 1:
			if n.PublicKey() != first {
				t.Error("another identity after a restart")
			}
			if key, err := n.Lookup("friend"); err != nil || key != peer {
				t.Errorf("Lookup = %v, %v", key, err)
			}
			if list := n.Peers(); len(list) != 1 || list[0].State != peernet.StateUnknown || list[0].Label != "friend" {
				t.Errorf("Peers = %+v", list)
			}
		}
		if err := n.Shutdown(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
}

// TestRootMakesNoDataDirInAFolderOfAnotherUser: that user could not use it.
func TestRootMakesNoDataDirInAFolderOfAnotherUser(t *testing.T) {
	folder := t.TempDir()
	if os.Geteuid() != 0 || os.Chown(folder, 12345, 12345) != nil {
		t.Skip("only root could")
	}
	keys, err := identity.GenerateKeyPair(nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, config := range map[string]peernet.Config{"a key": {}, "peers": {Identity: keys}} {
		config.DataDir = filepath.Join(folder, "new", "node")
		n, err := peernet.New(config)
		if err == nil { // the folder is made with the first peer
			err = n.Pair(startNode(t, peernet.Config{}).PublicKey(), "friend")
		}
		if !errors.Is(err, trust.ErrOwner) || !strings.HasSuffix(err.Error(), "sudo -u '#12345'") {
			t.Errorf("%s: %v", name, err)
		}
		if entries, err := os.ReadDir(folder); err != nil || len(entries) > 0 {
			t.Errorf("%s: %v, %v", name, entries, err)
		}
	}
	if _, err := peernet.New(peernet.Config{DataDir: folder}); err != nil {
		t.Errorf("a folder that is there: %v", err)
	}
}

func TestPeersFileIsReadAgainByItself(t *testing.T) {
	dir := t.TempDir()
	a := startNode(t, peernet.Config{DataDir: dir, Timing: peernet.Timing{Reload: 5 * time.Millisecond}})
	key := startNode(t, peernet.Config{}).PublicKey()
	events := a.Events(patiently(t))
	if err := os.WriteFile(filepath.Join(dir, "peers"), []byte(key.String()+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if e := await[peernet.Paired](t, events); e.Peer != key {
		t.Errorf("paired %+v", e)
	}
}
