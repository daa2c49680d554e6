package stats

import (
	"fmt"
	"math"
	"slices"
	"time"
)

// Confidence is how sure an interval is meant to be.
const Confidence = 0.95

// A Ratio is how many times as long one thing takes as another: the median of the ratios of pairs that were measured one after the other, which
// noise that lasts longer than a pair does not reach, and the interval that the true median lies in.
type Ratio struct {
	N                 int
	Median, Low, High float64
	Sure              float64 // how sure the interval is: Confidence or more, but for too few pairs; then less
}

// RatioOf pairs two lists by their order; what the longer one has more does not count.
//
// The interval supposes nothing of how the ratios are distributed: the number of those below the true median is that of heads among N coins. So
// between the k-th from below and the k-th from above it lies, with the probability that neither fewer than k of N are heads nor fewer than k tails.
func RatioOf(times, base []time.Duration) Ratio {
	n := min(len(times), len(base))
	ratios := make([]float64, 0, n)
	for i := range n {
		if base[i] > 0 {
			ratios = append(ratios, float64(times[i])/float64(base[i]))
		}
	}
	if n = len(ratios); n == 0 {
		return Ratio{}
	}
	slices.Sort(ratios)
	k, sure := rank(n)
	return Ratio{n, middle(ratios), ratios[k-1], ratios[n-k], sure}
}

// Itself is the ratio of a thing to itself, of neighbours in its list: what lies in its interval is noise.
func Itself(times []time.Duration) Ratio {
	var even, odd []time.Duration
	for i := 0; i+1 < len(times); i += 2 {
		if i%4 == 0 { // what drifts goes both ways
			even, odd = append(even, times[i]), append(odd, times[i+1])
		} else {
			even, odd = append(even, times[i+1]), append(odd, times[i])
		}
	}
	return RatioOf(even, odd)
}

// rank is the largest k for which the interval is sure enough, or 1, and how sure it is.
func rank(n int) (k int, sure float64) {
	below := coins(n, 0) // the probability of fewer than k heads
	for k = 1; ; k++ {
		next := below + coins(n, k)
		if 1-2*next < Confidence || 2*(k+1) > n {
			return k, 1 - 2*below
		}
		below = next
	}
}

// coins is the probability of k heads among n coins.
func coins(n, k int) float64 {
	lg := func(x int) float64 {
		v, _ := math.Lgamma(float64(x + 1))
		return v
	}
	return math.Exp(lg(n) - lg(k) - lg(n-k) - float64(n)*math.Ln2)
}

// Meaningless says that the two may as well take the same time: their difference is within the noise.
func (r Ratio) Meaningless() bool {
	return r.N == 0 || r.Sure < Confidence || r.Low <= 1 && 1 <= r.High
}

// Inverse is the ratio of the other to the one.
func (r Ratio) Inverse() Ratio { return Ratio{r.N, 1 / r.Median, 1 / r.High, 1 / r.Low, r.Sure} }

// String is such as "1.30 (1.27 to 1.34)".
func (r Ratio) String() string {
	if r.N == 0 {
		return "unknown"
	}
	return fmt.Sprintf("%s (%s to %s)", Factor(r.Median), Factor(r.Low), Factor(r.High))
}

// Verdict is String, and says so where nothing follows from it.
func (r Ratio) Verdict() string {
	switch {
	case r.N == 0:
		return r.String()
	case r.Sure < Confidence:
		return r.String() + ", too few pairs to say"
	case r.Meaningless():
		return r.String() + ", within the noise"
	}
	return r.String()
}

// Factor writes a factor by three digits.
func Factor(f float64) string {
	switch {
	case f >= 100:
		return fmt.Sprintf("%.0f", f)
	case f >= 10:
		return fmt.Sprintf("%.1f", f)
	}
	return fmt.Sprintf("%.2f", f)
}
