// Command bench measures this node beside the floors and beside what a user would pick instead, on loopback, and prints medians
// with their ratios to the encrypted floor of the same pass. See docs/performance.md.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"

	"github.com/seed-f6ddb928/peernet-go/bench/internal/child"
	"github.com/seed-f6ddb928/peernet-go/bench/internal/report"
)

func main() {
	child.Main()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	switch err := run(ctx, os.Args[1:], os.Stdout, os.Stderr); {
	case errors.Is(err, flag.ErrHelp):
	case err != nil:
		fmt.Fprintf(os.Stderr, "bench: %v\n", err)
		os.Exit(1)
	}
}

// run is the command: results go to stdout, progress to stderr. What was found is printed even if something failed.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	o, err := parseOptions(args, stderr)
	if err != nil {
		return err
	}
	found, failed := o.measure(ctx, stderr)
	about := machine()
	fmt.Fprintln(stdout, about)
	for _, m := range o.measures {
		if err := found.WriteText(stdout, m); err != nil {
			return err
		}
	}
	if err := found.WriteBars(stdout); err != nil {
		return err
	}
	return errors.Join(failed, o.writeFiles(found, about))
}

// writeFiles writes the files that flags name.
func (o options) writeFiles(found *report.Report, about string) (err error) {
	if o.docs != "" {
		if err := found.WriteDocs(o.docs, about, o.measures); err != nil {
			return err
		}
	}
	if o.json == "" {
		return nil
	}
	f, err := os.Create(o.json)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	return found.WriteJSON(f, about, o.measures)
}
