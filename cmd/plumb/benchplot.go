package main

import (
	"fmt"
	"io"
	"strings"
	"time"

	"plumb/container/bench/plot"
)

const benchTitle = "plumb bench"

// writeSVG draws all that there is to draw.
func (o benchOutput) writeSVG(w io.Writer) error { return plot.Write(w, benchTitle, o.panels()...) }

func (o benchOutput) panels() []*plot.Panel {
	if o.duel != nil {
		return o.duel.Panels()
	}
	return o.report.Panels()
}

// writeHTML writes the picture and the table as a page.
func (o benchOutput) writeHTML(w io.Writer) error {
	var svg, table strings.Builder
	if err := o.writeSVG(&svg); err != nil {
		return err
	}
	o.table(&table)
	text := strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;").Replace(table.String())
	_, err := fmt.Fprintf(w, "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>%s, %s</title>\n"+
		"<style>body{font-family:sans-serif;margin:1em}pre{font-size:12px;overflow-x:auto}</style></head>\n<body><h1>%[1]s</h1>\n%[3]s<pre>%[4]s</pre>\n</body></html>\n",
		benchTitle, time.Now().UTC().Format(time.DateOnly), svg.String(), text)
	return err
}
