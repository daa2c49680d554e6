package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strconv"
	"strings"
	"time"

	"plumb/container/bench"

	"golang.org/x/sys/unix"
)

// benchWait is the argument by which plumb bench is the command of its containers, which waits to be killed.
const benchWait = "wait-inside"

// benchFlags are what plumb bench was asked for.
type benchFlags struct {
	options     bench.Options
	job         string
	concurrency []int
	containers  []int
	families    []string
	publish     int
	cold        bool
	against     []string
	form        string // of what is printed: "", "json" or "gobench"
	svg, html   string // files
}

func benchCommand() command {
	c := command{
		name: "bench", args: "[options]",
		summary: "measure in a sealed lab what each step of a container's network costs, and others beside it; touches nothing else",
	}
	c.run = func(args []string) error {
		b := benchFlags{job: "run", concurrency: []int{1}, containers: []int{0}, families: []string{"46"}}
		f := newFlags(c)
		b.register(f)
		words, err := f.parseAnywhere(args)
		switch {
		case err != nil:
			return err
		case len(words) == 1 && words[0] == benchWait:
			return pause()
		case len(words) > 0:
			return usagef("takes no argument, was given %q", words[0])
		}
		b.fill()
		if err := b.options.Check(); err != nil {
			return usagef("%v", err)
		}
		if b.cold && !slices.ContainsFunc(b.options.Cases, func(c bench.Case) bool { return c.Cold }) {
			return usagef("--cold: the table is absent only where there is no container, and one comes at a time: --containers and --concurrency leave no such case")
		}
		if !capable() {
			return inUserNamespace()
		}
		ctx, stop := signal.NotifyContext(context.Background(), unix.SIGINT, unix.SIGTERM)
		defer stop()
		return b.run(ctx)
	}
	return c
}

func (b *benchFlags) register(f *flags) {
	f.IntVar(&b.options.N, "n", 100, "`N` iterations of each case (default 100)")
	f.IntVar(&b.options.Warmup, "warmup", 5, "`N` iterations of each before, which do not count (default 5)")
	f.Func("job", "`JOB`: run, a whole container from its clone to its end (the default), or network, that of a namespace alone", func(s string) error {
		if b.job = s; s != "run" && s != "network" {
			return fmt.Errorf("run and network are")
		}
		return nil
	})
	f.Func("concurrency", "`LIST` of how many come and go at once, such as 1,4,16,64 (default 1): a case for each", numbers(&b.concurrency))
	f.Func("containers", "`LIST` of how many are there already, such as 0,100,1000 (default 0): a case for each", numbers(&b.containers))
	f.Func("family", "`LIST` of 4, 6 and 46, which is both (default 46): a case for each", func(s string) error {
		b.families = strings.Split(s, ",")
		return nil
	})
	f.IntVar(&b.publish, "publish", 0, "`N` ports that each container publishes (default 0)")
	f.BoolVar(&b.cold, "cold", false, "measure also with plumb's table made by each container, as on a host that has none; else it stands")
	f.Func("against", "`LIST` of others to measure in turn with plumb: "+strings.Join(bench.RivalNames(), ", ")+"; cni for all of cni-, all for all; what is not installed is named", func(s string) (err error) {
		b.against, err = bench.FindRivals(strings.Split(s, ","))
		return err
	})
	f.BoolFunc("json", "print JSON", b.inForm("json"))
	f.BoolFunc("gobench", "print Go's benchmark format, for benchstat", b.inForm("gobench"))
	f.StringVar(&b.svg, "svg", "", "draw into `FILE`: what happens when, how the times are distributed, and how they grow")
	f.StringVar(&b.html, "html", "", "write `FILE`, a page with the drawing and the table")
}

func (b *benchFlags) inForm(form string) func(string) error {
	return func(string) error {
		b.form = form
		return nil
	}
}

// numbers reads a list of whole numbers.
func numbers(to *[]int) func(string) error {
	return func(s string) error {
		*to = nil
		for word := range strings.SplitSeq(s, ",") {
			n, err := strconv.Atoi(word)
			if err != nil {
				return fmt.Errorf("whole numbers with commas between them are needed")
			}
			*to = append(*to, n)
		}
		return nil
	}
}

// fill makes the cases: each value of a list with each of the others, and cold ones beside them where they can be.
func (b *benchFlags) fill() {
	for _, family := range b.families {
		for _, containers := range b.containers {
			for _, concurrency := range b.concurrency {
				c := bench.Case{Concurrency: concurrency, Containers: containers, Family: family, Publish: b.publish}
				b.options.Cases = append(b.options.Cases, c)
				if c.Cold = b.cold && containers == 0 && concurrency == 1; c.Cold {
					b.options.Cases = append(b.options.Cases, c)
				}
			}
		}
	}
}

// run measures, and prints what it has come to. Without cases of its own to look at, the rivals alone are measured.
func (b *benchFlags) run(ctx context.Context) error {
	exe, err := os.Executable()
	if err != nil {
		return fmt.Errorf("find this program's file: %w", err)
	}
	if b.job == "run" {
		b.options.Command = []string{exe, "bench", benchWait}
	}
	progress := newProgress(os.Stderr)
	b.options.Progress = progress.show
	var out benchOutput
	if b.against == nil {
		out.report, err = bench.Run(ctx, b.options)
	} else {
		out.duel, err = bench.RunRivals(ctx, bench.RivalOptions{
			N: b.options.N, Warmup: b.options.Warmup, Names: b.against, Plumb: exe, Progress: progress.show,
		})
	}
	progress.end()
	if err != nil {
		return err
	}
	for _, file := range []struct {
		path  string
		write func(io.Writer) error
	}{{b.svg, out.writeSVG}, {b.html, out.writeHTML}} {
		if file.path != "" {
			if err := writeFile(file.path, file.write); err != nil {
				return err
			}
		}
	}
	switch b.form {
	case "json":
		fmt.Println(out.json())
	case "gobench":
		out.gobench(os.Stdout)
	default:
		out.table(os.Stdout)
	}
	return nil
}

func writeFile(path string, write func(io.Writer) error) error {
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	if err := write(file); err != nil {
		file.Close()
		return err
	}
	return file.Close()
}

// pause waits for a signal.
func pause() error {
	for {
		unix.Pause()
	}
}

// A progress shows how far a command has come: a line that is written over on a terminal, and nothing elsewhere.
type progress struct {
	w     io.Writer
	shown bool
}

func newProgress(w *os.File) *progress {
	if _, err := unix.IoctlGetTermios(int(w.Fd()), unix.TCGETS); err != nil {
		return &progress{}
	}
	return &progress{w: w}
}

const (
	barWidth  = 30
	lineStart = "\r\x1b[K"
)

func (p *progress) show(now bench.Progress) {
	if p.w == nil || now.Total == 0 {
		return
	}
	p.shown = true
	full := barWidth * now.Done / now.Total
	fmt.Fprintf(p.w, "%s%s [%s%s] %d/%d, %s left", lineStart, now.What, strings.Repeat("=", full), strings.Repeat(" ", barWidth-full),
		now.Done, now.Total, now.Left.Round(time.Second/10))
}

func (p *progress) end() {
	if p.shown {
		fmt.Fprint(p.w, lineStart)
	}
}
