package peernet_test

import (
	"context"
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/seed-f6ddb928/peernet-go/identity"
	"github.com/seed-f6ddb928/peernet-go/internal/test/kit"
	"github.com/seed-f6ddb928/peernet-go/peernet"
)

// TestArgumentsForSeveralPeersAreInTheDialectOfEach: bob gets the same terms before alice knows that he is on the BEAM and
// after, by CallMany, CallEach and SendMany, and a native node gets what MessagePack has for them. What only the BEAM has is
// an error of the native node alone.
func TestArgumentsForSeveralPeersAreInTheDialectOfEach(t *testing.T) {
	inBEAMWorld(t, peernet.Config{}, func(w *beamWorld) {
		carol, carolAddr := kit.KeyPair(0x41), netip.MustParseAddrPort("10.0.0.4:4041")
		n := w.nativeAt(carol, w.network.Host(carolAddr.Addr()), carolAddr)
		defer n.Shutdown(w.Context())
		got := make(chan string, 10)
		w.bob.Handlers["take"] = func(args peernet.Raw) (any, error) {
			got <- fmt.Sprintf("bob %x", args.Bytes())
			return nil, nil
		}
		handle(w, n, "take", func(_ context.Context, r *peernet.Request) (any, error) {
			got <- fmt.Sprintf("carol %x", r.Args().Bytes())
			return nil, nil
		})
		if err := w.alice.Pair(carol.PublicKey(), "carol"); err != nil {
			w.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(w.Context(), time.Minute)
		defer cancel()
		keys := []identity.PublicKey{bobKey, carol.PublicKey()}
		go func() {
			time.Sleep(time.Second)
			_ = w.alice.Connect(ctx, carol.PublicKey(), carolAddr.String())
			_ = w.alice.Connect(ctx, bobKey, farAddr.String())
		}()
		ask := func(by string, args any) (errs []error) {
			switch by {
			case "CallMany":
				for _, o := range peernet.CallMany[any](ctx, w.alice, keys, "take", args, peernet.WaitForReady()) {
					errs = append(errs, o.Err)
				}
			case "CallEach":
				errs = make([]error, 2)
				for o := range peernet.CallEach[any](ctx, w.alice, keys, "take", args, peernet.WaitForReady()) {
					i := 0
					if o.Peer != bobKey {
						i = 1
					}
					errs[i] = o.Err
				}
			case "SendMany":
				for _, o := range peernet.SendMany(ctx, w.alice, keys, "take", args, peernet.WaitForReady()) {
					errs = append(errs, o.Err)
				}
			}
			return errs
		}
		for _, by := range []string{"CallMany", "CallMany", "CallEach", "SendMany"} {
			for i, err := range ask(by, peernet.Tuple{peernet.Atom("ok"), 1}) {
				if err != nil {
					w.Errorf("%s, peer %d: %v", by, i, err)
				}
			}
			seen := map[string]bool{<-got: true, <-got: true}
			if !seen["bob 680277026f6b6101"] || !seen["carol 92a26f6b01"] {
				w.Errorf("%s: %v", by, seen)
			}
		}
		for _, by := range []string{"CallMany", "CallEach", "SendMany"} {
			errs := ask(by, peernet.ImproperList{Elements: []any{1}, Tail: 2})
			if errs[0] != nil || errs[1] == nil || peernet.Sent(errs[1]) {
				w.Errorf("an improper list by %s: %v", by, errs)
			}
			if g := <-got; g != "bob 6c0000000161016102" {
				w.Errorf("an improper list by %s: %s", by, g)
			}
		}
	})
}
