package compare

import (
	"testing"
	"time"

	"plumb/test/lab"
)

func TestMain(m *testing.M) { lab.Main(m) }

func check(t testing.TB, err error) {
	if err != nil {
		t.Helper()
		t.Fatal(err)
	}
}

// rounds is how many rounds a benchmark makes: least, for its medians to mean something, or as many more as it is told to. A first
// call with b.N = 1, by which the testing package finds out how long a round takes, and -benchtime 1x are left at one.
func rounds(b *testing.B, least int) int {
	if b.N == 1 {
		return 1
	}
	return max(b.N, least)
}

// A rival is one way of doing the job. It returns how long the job itself took; what it does before and after is its own
// affair.
type rival struct {
	name string
	do   func() time.Duration
}

// compare lets the rivals do the job in turn, and reports each one's median in µs, and how many times the first one's
// it is: the median of the ratios of single rounds, which noise that lasts longer than a round does not reach.
func compare(b *testing.B, least int, rivals ...rival) {
	for _, r := range rivals {
		r.do() // to warm up
	}
	times := make([][]float64, len(rivals))
	ratios := make([][]float64, len(rivals))
	for round := range rounds(b, least) {
		took := make([]float64, len(rivals))
		for i := range rivals {
			at := (i + round) % len(rivals) // each goes first as often as the others
			took[at] = lab.Microseconds(rivals[at].do())
		}
		for i := range rivals {
			times[i] = append(times[i], took[i])
			ratios[i] = append(ratios[i], took[i]/took[0])
		}
	}
	b.ReportMetric(0, "ns/op") // it would hold what is not timed
	for i, r := range rivals {
		b.ReportMetric(lab.Median(times[i]), r.name+"-µs")
		if i > 0 {
			b.ReportMetric(lab.Median(ratios[i]), r.name+"-x-"+rivals[0].name)
		}
	}
}
