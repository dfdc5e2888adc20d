package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// A usageError is a command line that cannot work.
type usageError struct {
	err  error
	hint string // the form that is expected
}

func (e *usageError) Error() string { return e.err.Error() }
func (e *usageError) Unwrap() error { return e.err }

// usage returns a usageError with a text of its own.
func usage(text, hint string) error { return &usageError{errors.New(text), hint} }

// timeHint is the form of a flag that is a time.
const timeHint = "give it as 500ms, 10s or 2m"

// arguments holds the arguments of a subcommand against its Use line, where [NAME] may be missing and [NAME]… may
// stand any number of times. It is the Args of every subcommand.
func arguments(cmd *cobra.Command, args []string) error {
	return argumentsAs(cmd, "", strings.Fields(cmd.Use)[1:], args)
}

// argumentsAs holds args against names instead, which are those of cmd with a flag that changes them, or "".
func argumentsAs(cmd *cobra.Command, flag string, names, args []string) error {
	whole := cmd.CommandPath()
	if flag != "" {
		whole += " " + flag
	}
	_, path, _ := strings.Cut(whole, " ")
	form := strings.Join(append([]string{"give it as:", whole}, names...), " ")
	many := len(names) > 0 && strings.HasSuffix(names[len(names)-1], "…")
	switch {
	case len(args) < len(names) && !strings.HasPrefix(names[len(args)], "["):
		return usage(fmt.Sprintf("%s: %s is missing", path, names[len(args)]), form)
	case len(args) > len(names) && !many:
		if strings.Contains(cmd.Use, "JSON") {
			form += "; quote the JSON for the shell"
		}
		return usage(fmt.Sprintf("%s: one argument too many: %.80q", path, args[len(names)]), form)
	}
	return nil
}

// valueForms say what a flag of each type takes.
var valueForms = map[string]struct{ name, hint string }{
	"duration": {"a time", timeHint},
	"int":      {"a whole number", "give it in digits, such as 4"},
	"uint16":   {"a port", portHint},
	"bool":     {"true or false", "leave its value out, or give it as true or false"},
}

// flagError says what is wrong with a flag of cmd, and what form it has.
func flagError(cmd *cobra.Command, err error) error {
	if e, ok := errors.AsType[*pflag.InvalidValueError](err); ok {
		if form, ok := valueForms[e.GetFlag().Value.Type()]; ok {
			return usage(fmt.Sprintf("--%s: %.80q is not %s", e.GetFlag().Name, e.GetValue(), form.name), form.hint)
		}
	}
	if e, ok := errors.AsType[*pflag.ValueRequiredError](err); ok {
		name, _ := pflag.UnquoteUsage(e.GetFlag())
		hint := fmt.Sprintf("give it as: --%s %s", e.GetFlag().Name, name)
		if form, ok := valueForms[e.GetFlag().Value.Type()]; ok {
			hint = form.hint
		}
		return usage(fmt.Sprintf("--%s needs a value", e.GetFlag().Name), hint)
	}
	return &usageError{err, seeHelp(cmd)}
}

// usageHint says what to do about args, which cmd cannot make sense of.
func usageHint(root, cmd *cobra.Command, args []string) string {
	if _, _, err := root.Find(args); err != nil { // no such subcommand
		for _, arg := range args {
			if likely := root.SuggestionsFor(arg); len(likely) > 0 {
				return "did you mean: peernode " + likely[0]
			}
		}
	}
	return seeHelp(cmd)
}

// strictHelp has the subcommands that cobra adds say that an argument is wrong, as all others do.
func strictHelp(root *cobra.Command) {
	root.InitDefaultHelpCmd()
	root.InitDefaultCompletionCmd()
	for _, cmd := range root.Commands() {
		switch cmd.Name() {
		case "help":
			cmd.RunE = func(_ *cobra.Command, args []string) error {
				topic, _, err := root.Find(args)
				if err != nil {
					return &usageError{err, usageHint(root, root, args)}
				}
				return topic.Help()
			}
		case "completion":
			cmd.RunE = func(cmd *cobra.Command, _ []string) error { return cmd.Help() } // what can run checks its arguments
		}
	}
}

// seeHelp sends people to the help text of cmd.
func seeHelp(cmd *cobra.Command) string { return fmt.Sprintf("see: %s --help", cmd.CommandPath()) }
