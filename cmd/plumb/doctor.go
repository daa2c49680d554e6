package main

import (
	"fmt"
	"os"
	"strings"

	"plumb/container/doctor"
)

func doctorCommand() command {
	c := command{
		name: "doctor", args: "[--json]",
		summary: "say what this host can do for containers, what is in their way, and how to mend it; changes nothing",
	}
	c.run = func(args []string) (err error) {
		var t tracing
		f := newFlags(c)
		asJSON := f.Bool("json", false, "print JSON")
		t.registerTrace(f)
		rest, err := f.parse(args)
		if err != nil {
			return err
		}
		if len(rest) > 0 {
			return usagef("takes no argument, was given %q", rest[0])
		}
		defer t.closeTrace(&err)
		tracer, err := t.tracer()
		if err != nil {
			return err
		}
		checks := doctor.Run(doctor.Options{Tracer: tracer})
		if *asJSON {
			err = printChecksJSON(checks)
		} else {
			err = printChecks(checks, colour(os.Stdout))
		}
		if err == nil && doctor.Worst(checks) == doctor.Problem {
			return &exitError{status: exitFailed}
		}
		return err
	}
	return c
}

// printChecks prints a line for each check, below those of what it found and of what mends it where there is more to say.
func printChecks(checks []doctor.Check, inColour bool) error {
	var b strings.Builder
	group, counts := "", [doctor.Problem + 1]int{}
	for _, c := range checks {
		if c.Group != group {
			if group != "" {
				b.WriteByte('\n')
			}
			group = c.Group
			b.WriteString(group + "\n")
		}
		counts[c.Status]++
		printCheck(&b, &c, inColour)
	}
	fmt.Fprintf(&b, "\n%d ok, %d unknown, %d warnings, %d problems\n", counts[doctor.OK], counts[doctor.Unknown], counts[doctor.Warning], counts[doctor.Problem])
	_, err := os.Stdout.WriteString(b.String())
	return err
}

func printCheck(b *strings.Builder, c *doctor.Check, inColour bool) {
	status := fmt.Sprintf("%-8s", c.Status)
	if inColour {
		status = [...]string{"\x1b[32m", "\x1b[36m", "\x1b[33m", "\x1b[31m"}[c.Status] + status + "\x1b[m"
	}
	const indent = "\n             " // below the detail
	detail := strings.ReplaceAll(c.Detail, "\n", indent)
	fmt.Fprintf(b, "  %s %s: %s\n", status, c.Name, detail)
	if c.Mend != "" {
		fmt.Fprintf(b, "           → %s\n", strings.ReplaceAll(c.Mend, "\n", indent))
	}
}

func printChecksJSON(checks []doctor.Check) error {
	all := make([]jsonText, len(checks))
	for i, c := range checks {
		var mend []jsonText
		for line := range strings.Lines(c.Mend) {
			mend = append(mend, jsonString(strings.TrimSuffix(line, "\n")))
		}
		all[i] = jsonObject(
			"group", jsonString(c.Group), "name", jsonString(c.Name), "status", jsonString(c.Status.String()),
			"detail", jsonString(c.Detail), "mend", jsonList(mend),
		)
	}
	_, err := fmt.Println(jsonObject("status", jsonString(doctor.Worst(checks).String()), "checks", jsonList(all)))
	return err
}
