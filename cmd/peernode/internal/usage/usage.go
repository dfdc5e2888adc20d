// Package usage checks a command line, and says what is wrong with it and which form is right.
package usage

import (
	"cmp"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/seed-f6ddb928/peernet-go/cmd/peernode/internal/failure"
	"github.com/seed-f6ddb928/peernet-go/cmd/peernode/internal/text"
)

// Arguments checks the number of a subcommand's arguments by its Use line: [NAME] may be missing, and [NAME]… may be given
// any number of times. It also checks the form of the arguments that are in checks, and tidies them.
func Arguments(cmd *cobra.Command, args []string) error {
	return ArgumentsAs(cmd, "", strings.Fields(cmd.Use)[1:], args)
}

// ArgumentsAs is Arguments with other names than the Use line has: those of cmd with this flag.
func ArgumentsAs(cmd *cobra.Command, flag string, names, args []string) error {
	whole := cmd.CommandPath()
	if flag != "" {
		whole += " " + flag
	}
	_, path, _ := strings.Cut(whole, " ")
	form := strings.Join(append([]string{"give it as:", whole}, names...), " ")
	many := len(names) > 0 && strings.HasSuffix(names[len(names)-1], "…")
	switch {
	case len(args) < len(names) && !strings.HasPrefix(names[len(args)], "["):
		return failure.Usage(fmt.Sprintf("%s: %s is missing", path, names[len(args)]), form)
	case len(args) > len(names) && !many:
		if strings.HasPrefix(args[len(names)], "–") || strings.HasPrefix(args[len(names)], "—") {
			form = "a flag begins with two minus signs, not with a dash"
		} else if strings.Contains(cmd.Use, "JSON") {
			form += "; quote the JSON for the shell"
		}
		return failure.Usage(fmt.Sprintf("%s: one argument too many: %.80q", path, args[len(names)]), form)
	}
	for i, arg := range args {
		if check := checks[names[min(i, len(names)-1)]]; check != nil {
			tidy, err := check(arg)
			if err != nil {
				return err
			}
			args[i] = tidy // cobra gives this slice to the subcommand
		}
	}
	return nil
}

// TidyFlags removes hidden characters from the ends of the flags of cmd that are text. A hidden character elsewhere is an
// error. Those that may be repeated are addresses and interfaces: they have no spaces at their ends either.
func TidyFlags(cmd *cobra.Command) (err error) {
	cmd.Flags().Visit(func(f *pflag.Flag) {
		var e error
		if list, ok := f.Value.(pflag.SliceValue); ok {
			values := list.GetSlice()
			for i, v := range values {
				v, e2 := text.Tidy(strings.TrimSpace(v))
				values[i], e = v, cmp.Or(e, e2)
			}
			e = cmp.Or(e, list.Replace(values))
		} else if f.Value.Type() == "string" {
			value, e2 := text.Tidy(f.Value.String())
			e = cmp.Or(e2, f.Value.Set(value))
		}
		if e != nil && err == nil {
			err = failure.UsageOf(fmt.Errorf("--%s: %w", f.Name, e), retype)
		}
	})
	return err
}

// Timeout adds --timeout to cmd, with the default usual, and returns where its value will be.
func Timeout(cmd *cobra.Command, usual time.Duration, what string) *time.Duration {
	d := cmd.Flags().Duration("timeout", usual, what)
	cmd.PreRunE = func(*cobra.Command, []string) error {
		if *d <= 0 {
			return failure.Usage("--timeout must be more than 0", TimeForm)
		}
		return nil
	}
	return d
}

// valueForms say which values a flag of each type takes.
var valueForms = map[string]struct{ name, advice string }{
	"duration": {"a time", TimeForm},
	"int":      {"a whole number", "give it in digits, such as 4"},
	"uint16":   {"a port", PortForm},
	"bool":     {"true or false", "leave its value out, or give it as true or false"},
}

// FlagError says what is wrong with a flag of cmd, and which form is right.
func FlagError(cmd *cobra.Command, err error) error {
	if e, ok := errors.AsType[*pflag.InvalidValueError](err); ok {
		if form, ok := valueForms[e.GetFlag().Value.Type()]; ok {
			return failure.Usage(fmt.Sprintf("--%s: %.80q is not %s", e.GetFlag().Name, e.GetValue(), form.name), form.advice)
		}
	}
	if e, ok := errors.AsType[*pflag.ValueRequiredError](err); ok {
		name, _ := pflag.UnquoteUsage(e.GetFlag())
		usual := fmt.Sprintf("give it as: --%s %s", e.GetFlag().Name, name)
		advice := cmp.Or(valueForms[e.GetFlag().Value.Type()].advice, usual)
		return failure.Usage(fmt.Sprintf("--%s needs a value", e.GetFlag().Name), advice)
	}
	return failure.UsageOf(err, seeHelp(cmd))
}

// Unknown returns err, cobra's error about args, with advice.
func Unknown(cmd *cobra.Command, args []string, err error) error {
	if _, _, unknown := cmd.Root().Find(args); unknown != nil { // no such subcommand
		for _, arg := range args {
			if likely := cmd.Root().SuggestionsFor(arg); len(likely) > 0 {
				return failure.UsageOf(err, "did you mean: peernode "+likely[0])
			}
		}
	}
	return failure.UsageOf(err, seeHelp(cmd))
}

// StrictHelp makes the subcommands that cobra adds report a wrong argument, as all others do.
func StrictHelp(root *cobra.Command) {
	root.InitDefaultHelpCmd()
	root.InitDefaultCompletionCmd()
	for _, cmd := range root.Commands() {
		switch cmd.Name() {
		case "help":
			cmd.RunE = func(_ *cobra.Command, args []string) error {
				topic, _, err := root.Find(args)
				if err != nil {
					return Unknown(root, args, err)
				}
				return topic.Help()
			}
		case "completion":
			cmd.RunE = func(cmd *cobra.Command, _ []string) error { return cmd.Help() } // a command that can run checks its arguments
		}
	}
}

// seeHelp is the advice to read the help text of cmd.
func seeHelp(cmd *cobra.Command) string { return fmt.Sprintf("see: %s --help", cmd.CommandPath()) }
