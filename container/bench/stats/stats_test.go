package stats_test

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"plumb/container/bench/stats"
)

func upTo(n int) (times []time.Duration) {
	for i := range n {
		times = append(times, time.Duration(i+1))
	}
	rand.Shuffle(n, func(i, j int) { times[i], times[j] = times[j], times[i] })
	return times
}

func TestSummarize(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		n    int
		want stats.Summary
	}{
		{0, stats.Summary{}},
		{1, stats.Summary{1, 1, 1, 1, 1, 1}},
		{2, stats.Summary{2, 1, 1, 2, 2, 2}}, // (1+2)/2, in whole nanoseconds
		{10, stats.Summary{10, 1, 5, 9, 10, 10}},
		{101, stats.Summary{101, 1, 51, 91, 100, 101}},
		{1000, stats.Summary{1000, 1, 500, 900, 990, 1000}},
	} {
		if got := stats.Summarize(upTo(test.n)); got != test.want {
			t.Errorf("of %d: %v, want %v", test.n, got, test.want)
		}
	}
}

func TestHistogram(t *testing.T) {
	t.Parallel()
	counts := stats.Histogram(upTo(1000), 8)
	sum := 0
	for _, n := range counts {
		sum += n
		if n < 120 || n > 135 { // the last has those above the 99th percentile
			t.Errorf("an even distribution is counted as %v", counts)
		}
	}
	if sum != 1000 {
		t.Errorf("%v are %d of 1000", counts, sum)
	}
	if got := stats.Histogram([]time.Duration{7, 7, 7}, 4); !slices.Equal(got, []int{3, 0, 0, 0}) {
		t.Errorf("of what is always the same: %v", got)
	}
	if got := stats.Histogram(nil, 4); !slices.Equal(got, []int{0, 0, 0, 0}) {
		t.Errorf("of nothing: %v", got)
	}
	if got := stats.Bars([]int{0, 1, 50, 100}); got != " ▁▄█" {
		t.Errorf("bars: %q", got)
	}
}

// The ranks are those of a table of the sign test at 5 %.
func TestInterval(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		n         int
		low, high float64
	}{{6, 1, 6}, {10, 2, 9}, {25, 8, 18}, {50, 18, 33}, {100, 40, 61}} {
		ones := slices.Repeat([]time.Duration{1}, test.n)
		r := stats.RatioOf(upTo(test.n), ones)
		if r.Low != test.low || r.High != test.high || r.Sure < stats.Confidence {
			t.Errorf("of %d: from %v to %v, sure by %.3f, want from %v to %v", test.n, r.Low, r.High, r.Sure, test.low, test.high)
		}
	}
	few := stats.RatioOf(upTo(4), slices.Repeat([]time.Duration{1}, 4))
	if few.Low != 1 || few.High != 4 || math.Abs(few.Sure-0.875) > 1e-9 || !few.Meaningless() {
		t.Errorf("of four, of which nothing follows: %+v", few)
	}
	if large := stats.RatioOf(upTo(5000), slices.Repeat([]time.Duration{1}, 5000)); math.Abs(large.Low-2431) > 2 { // 2500 - 1.96·√5000/2
		t.Errorf("of 5000: %+v", large)
	}
}

// The interval holds the true median as often as it says, whatever the distribution: here of one with a long tail.
func TestIntervalCovers(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 2))
	const trials, pairs = 2000, 30
	held := 0
	for range trials {
		var a, b []time.Duration
		for range pairs {
			b = append(b, 1_000_000)
			a = append(a, time.Duration(2_000_000*math.Exp(random.NormFloat64())))
		}
		if r := stats.RatioOf(a, b); r.Low <= 2 && 2 <= r.High {
			held++
		}
	}
	if share := float64(held) / trials; share < 0.94 || share > 0.985 {
		t.Errorf("the interval holds the true median in %.3f of the trials", share)
	}
}

func TestMeaningless(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(3, 4))
	noisy := func(factor float64) (times []time.Duration) {
		for range 200 {
			times = append(times, time.Duration(factor*1e6*(1+random.ExpFloat64()/5)))
		}
		return times
	}
	if r := stats.RatioOf(noisy(1), noisy(1)); !r.Meaningless() {
		t.Errorf("the same is found to differ: %v", r)
	}
	if r := stats.RatioOf(noisy(1.2), noisy(1)); r.Meaningless() || r.Median < 1.1 || r.Median > 1.3 {
		t.Errorf("a fifth more is %v", r)
	}
	if r := stats.Itself(noisy(1)); r.N != 100 || !r.Meaningless() {
		t.Errorf("against itself: %v of %d", r, r.N)
	}
	r := stats.RatioOf(noisy(4), noisy(1))
	if i := r.Inverse(); i.Low > i.Median || i.Median > i.High || math.Abs(i.Median*r.Median-1) > 1e-9 {
		t.Errorf("the inverse of %v is %v", r, i)
	}
	if r := stats.RatioOf(nil, noisy(1)); !r.Meaningless() || r.String() != "unknown" {
		t.Errorf("of nothing: %v", r)
	}
}
