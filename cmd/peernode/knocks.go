package main

import (
	"context"
	"errors"
	"io/fs"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/seed-f6ddb928/peernet-go/cmd/peernode/internal/control"
	"github.com/seed-f6ddb928/peernet-go/cmd/peernode/internal/failure"
	"github.com/seed-f6ddb928/peernet-go/cmd/peernode/internal/output"
	"github.com/seed-f6ddb928/peernet-go/cmd/peernode/internal/text"
	"github.com/seed-f6ddb928/peernet-go/cmd/peernode/internal/usage"
)

// knockCommands are the subcommands of trust about keys that have knocked. They ask the running node.
func (a *app) knockCommands() []*cobra.Command {
	change := func(use, short, example string, ask control.Operation[control.KeyChange], more func(*control.Request) error) *cobra.Command {
		return &cobra.Command{Use: use, Short: short, Example: example,
			RunE: a.onNode(func(ctx context.Context, node *control.Client, args []string) error {
				q := control.Request{Peer: args[0]}
				if err := more(&q); err != nil {
					return err
				}
				return ask.Show(ctx, node, q, a.keyChanged)
			}),
		}
	}
	nothing := func(*control.Request) error { return nil }
	pending := &cobra.Command{
		Use:   "pending",
		Short: "List the keys that were refused lately because they are not trusted",
		Long: `Pending lists the keys that have connected to the running node since it started, proved themselves, and were
refused: newest first, at most 64, and 8 of one source. A number names a knock for accept, ignore and block, and is
never used again. Before you accept a key, make sure whose it is.`,
		RunE: show(a, control.GetKnocks, a.knocks),
	}
	var label string
	accept := change("accept KNOCK", "Trust a key that has knocked", "  peernode trust accept 3 --label bob", control.AcceptKnock, func(q *control.Request) error {
		q.Name = label
		return usage.CheckLabel(label)
	})
	accept.Flags().StringVar(&label, "label", "", "the `NAME` to call the peer by")
	ignore := change("ignore KNOCK", "Hide a key from the list of knocks until the node stops", "  peernode trust ignore 3", control.IgnoreKnock, nothing)
	var long time.Duration
	block := change("block PEER", "Block a key for a time, trusted or not", "  peernode trust block bob --for 24h\n  peernode trust block 3 --for 1h", control.BlockKey, func(q *control.Request) error {
		if long < time.Millisecond {
			return failure.Usage("--for is too short", usage.TimeForm)
		}
		q.For = long.Milliseconds()
		return nil
	})
	block.Long = `Block has the running node block a key for a time: its connections end at once, and when it connects again it gets no
answer. It stays trusted if it is, and may connect when the time is over. The block outlives the node; if none runs, it
holds for the next one of the data directory. PEER may be a whole key that is not trusted, or the number of a knock. A
number is always that of a knock: name a peer whose label is one by its key.`
	block.Flags().DurationVar(&long, "for", 24*time.Hour, "how `LONG`, such as 24h")
	block.RunE = a.orFile(block.RunE, blockInFile(&long))
	unblock := change("unblock PEER", "End the block of a key", "  peernode trust unblock bob", control.UnblockKey, nothing)
	unblock.RunE = a.orFile(unblock.RunE, unblockInFile)
	ask := show(a, control.GetBlocked, a.blocked)
	blocked := &cobra.Command{
		Use:   "blocked",
		Short: "List the blocked keys, and until when",
		RunE: func(cmd *cobra.Command, args []string) error {
			err := ask(cmd, args)
			if errors.Is(err, control.ErrNoNode) {
				if fileErr := a.listBlocks(); !errors.Is(fileErr, fs.ErrNotExist) {
					return fileErr
				}
			}
			return err
		},
	}
	return []*cobra.Command{pending, accept, ignore, block, unblock, blocked}
}

// knocks prints who has knocked, as a table or as one object each.
func (a *app) knocks(answer control.Knocks) error {
	if len(answer.Knocks) == 0 && !a.out.JSON {
		a.say("no knock waits for an answer")
		return nil
	}
	head := []string{"NUMBER", "KEY", "FROM", "TIMES", "FIRST", "LAST"}
	return output.List(a.out, answer.Knocks, head, func(k control.Knock) []string {
		return []string{strconv.Itoa(k.Number), k.PublicKey, k.Address, strconv.FormatUint(k.Count, 10), age(k.First) + " ago", age(k.Last) + " ago"}
	})
}

// blocked prints the keys that are blocked, as a table or as one object each.
func (a *app) blocked(answer control.Blocked) error {
	return output.List(a.out, answer.Blocked, nil, func(b control.Block) []string {
		return []string{text.WholeName(b.PublicKey, b.Label), "until " + b.Until.Local().Format(time.DateTime)}
	})
}

// keyChanged prints a change of a key.
func (a *app) keyChanged(c control.KeyChange) error {
	name := text.WholeName(c.PublicKey, c.Label)
	if !c.Until.IsZero() {
		return a.out.Print(c, "%s %s until %s", c.Change, name, c.Until.Local().Format(time.DateTime))
	}
	return a.out.Print(c, "%s %s", c.Change, name)
}
