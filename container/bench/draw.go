package bench

import (
	"fmt"
	"time"

	"plumb/container/bench/plot"
	"plumb/container/bench/stats"
)

// deepest is how deep a picture goes: to the messages of an attach.
const deepest = 3

// Waterfalls draw what happens when, by medians: in the set-up, and in the tear-down as the caller sees it.
func (r *Result) Waterfalls() []*plot.Panel {
	var up, down []plot.Bar
	to, began := &up, r.began(SetUp)
	for i := range r.Phases {
		p := &r.Phases[i]
		switch {
		case p.Depth == 0 && p.Name == TearDown:
			to, began = &down, p.After
		case p.Depth > deepest || p.Depth == 0 && p.Name != SetUp || 2*len(p.Times) < r.N: // not of most iterations
			continue
		}
		*to = append(*to, plot.Bar{Name: p.Name, Depth: p.Depth, Start: max(p.After-began, 0), Took: stats.Median(p.Times), Color: int(p.Kind)})
	}
	return []*plot.Panel{plot.Waterfall("What happens when: the set-up, "+r.Case.String(), up), plot.Waterfall("The tear-down, as the caller sees it", down)}
}

// began is when a phase does.
func (r *Result) began(name string) (after time.Duration) {
	if p := r.Phase(name); p != nil {
		after = p.After
	}
	return after
}

// Distributions draws those of the phases that have others in them.
func (r *Result) Distributions() *plot.Panel {
	var lists []plot.List
	for i := range r.Phases {
		if p := &r.Phases[i]; p.Kind == KindWhole {
			lists = append(lists, plot.List{Name: fmt.Sprintf("%*s%s", p.Depth, "", p.Name), Times: p.Times})
		}
	}
	return plot.Distributions("How the times are distributed: all, 10 to 90 %, median", lists)
}

// Panels draws all that there is to draw: the first case, and what others add.
func (r *Report) Panels() []*plot.Panel {
	return append(append(r.Results[0].Waterfalls(), r.Results[0].Distributions()), r.Scaling()...)
}

// Scaling draws how the set-up and the tear-down grow with the number of containers that are there, and of those that come at once; nothing where there
// is but one such number.
func (r *Report) Scaling() (panels []*plot.Panel) {
	for _, by := range []struct {
		what string
		of   func(Case) int
	}{
		{"containers that are there already", func(c Case) int { return c.Containers }},
		{"containers that come at once", func(c Case) int { return c.Concurrency }},
	} {
		curves := map[string]*plot.Curve{}
		var order []*plot.Curve
		points := map[int]bool{}
		for i := range r.Results {
			c := r.Results[i].Case
			x := by.of(c)
			points[x] = true
			for _, phase := range []string{SetUp, TearDown} {
				name := phase + ", " + other(c, by.of(Case{Containers: 1}) == 1)
				if curves[name] == nil {
					curves[name] = &plot.Curve{Name: name}
					order = append(order, curves[name])
				}
				curves[name].X = append(curves[name].X, float64(x))
				curves[name].Y = append(curves[name].Y, stats.Median(r.Results[i].Times(phase)))
			}
		}
		if len(points) < 2 {
			continue
		}
		var all []plot.Curve
		for _, c := range order {
			all = append(all, *c)
		}
		panels = append(panels, plot.Curves("How it grows (medians)", by.what, all))
	}
	return panels
}

// other names a case by what is not on the axis.
func other(c Case, containers bool) string {
	name := fmt.Sprintf("family %s, beside %d", c.Family, c.Containers)
	if containers {
		name = fmt.Sprintf("family %s, %d at once", c.Family, c.Concurrency)
	}
	if c.Cold {
		name += ", cold"
	}
	return name
}

// Panels draws the rivals' times.
func (d *Duel) Panels() (panels []*plot.Panel) {
	var groups []string
	lists := map[string][]plot.List{}
	for i := range d.Rivals {
		r := &d.Rivals[i]
		if lists[r.Group] == nil {
			groups = append(groups, r.Group)
		}
		lists[r.Group] = append(lists[r.Group], plot.List{Name: r.Name + ": " + r.UpName, Times: r.Up})
		if len(r.Down) > 0 {
			lists[r.Group] = append(lists[r.Group], plot.List{Name: r.Name + ": " + r.DownName, Times: r.Down})
		}
	}
	for _, g := range groups {
		panels = append(panels, plot.Distributions(g, lists[g]))
	}
	return panels
}
