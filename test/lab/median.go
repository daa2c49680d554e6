package lab

import (
	"cmp"
	"slices"
	"time"
)

// Median is the middle of a list that is not empty. It sorts the list.
func Median[T cmp.Ordered](list []T) T {
	slices.Sort(list)
	return list[len(list)/2]
}

// Microseconds is how many of them d has, for b.ReportMetric.
func Microseconds(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }
