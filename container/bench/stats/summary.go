// Package stats says what many measurements of one thing come to, and whether two things differ at all.
package stats

import (
	"math"
	"slices"
	"strings"
	"time"
)

// A Summary is what a list of times comes to.
type Summary struct {
	N                          int
	Min, Median, P90, P99, Max time.Duration
}

// Summarize leaves the list as it is. Of an empty one it is the zero Summary.
func Summarize(times []time.Duration) Summary {
	if len(times) == 0 {
		return Summary{}
	}
	s := slices.Sorted(slices.Values(times))
	return Summary{len(s), s[0], middle(s), quantile(s, 0.9), quantile(s, 0.99), s[len(s)-1]}
}

// Median is the middle of a list, or what lies between the two in the middle. Of an empty one it is 0.
func Median[T time.Duration | float64](list []T) T {
	if len(list) == 0 {
		return 0
	}
	return middle(slices.Sorted(slices.Values(list)))
}

func middle[T time.Duration | float64](sorted []T) T {
	n := len(sorted)
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}

// quantile is the least value that at least q of all do not exceed (the nearest rank).
func quantile(sorted []time.Duration, q float64) time.Duration {
	return sorted[max(int(math.Ceil(q*float64(len(sorted)))), 1)-1]
}

// Histogram counts times in equal steps from the least to the 99th percentile; the last step has all that are longer, too.
func Histogram(times []time.Duration, steps int) []int {
	counts := make([]int, steps)
	s := Summarize(times)
	width := float64(s.P99-s.Min) / float64(steps)
	for _, t := range times {
		at := 0
		if width > 0 {
			at = min(int(float64(t-s.Min)/width), steps-1)
		}
		counts[at]++
	}
	return counts
}

// Bars draws counts in a line: a space for none, and eight heights of a block for the rest.
func Bars(counts []int) string {
	const heights = "▁▂▃▄▅▆▇█"
	blocks := []rune(heights)
	most := slices.Max(append(counts[:len(counts):len(counts)], 1))
	var b strings.Builder
	for _, n := range counts {
		if n == 0 {
			b.WriteByte(' ')
			continue
		}
		b.WriteRune(blocks[(n*len(blocks)-1)/most])
	}
	return b.String()
}
