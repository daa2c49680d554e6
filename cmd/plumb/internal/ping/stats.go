package ping

import (
	"fmt"
	"io"
	"math"
	"time"
)

// Stats are the statistics of a run.
type Stats struct {
	Transmitted int // requests
	Received    int // of these, how many were answered
	Duplicates  int // further replies to a request
	Corrupted   int // replies with another payload than their request; they count as received
	Errors      int // ICMP errors, and requests that this host's kernel could not send

	Elapsed time.Duration // from the first request to the last event

	// Round-trip times, over all replies. Mdev is their standard deviation, under iputils' name.
	Min, Avg, Max, Mdev time.Duration

	sum, sum2 float64 // seconds, squared seconds
	smooth    float64 // seconds: the moving average, weight 1/8, as TCP has it (RFC 6298)
	pipe      int     // the most requests that were under way at once
}

// Loss is the share of requests without a reply, in percent.
func (s *Stats) Loss() float64 {
	if s.Transmitted == 0 {
		return 0
	}
	return 100 * float64(s.Transmitted-s.Received) / float64(s.Transmitted)
}

// add counts a round trip. The caller has counted its reply.
func (s *Stats) add(rtt time.Duration) {
	n := float64(s.Received + s.Duplicates)
	t := rtt.Seconds()
	s.sum, s.sum2 = s.sum+t, s.sum2+t*t
	if n == 1 {
		s.Min, s.smooth = rtt, t
	}
	s.Min, s.Max = min(s.Min, rtt), max(s.Max, rtt)
	s.smooth += (t - s.smooth) / 8
	mean := s.sum / n
	s.Avg = seconds(mean)
	s.Mdev = seconds(math.Sqrt(max(0, s.sum2/n-mean*mean)))
}

// acknowledge notes that something came back of the n-th request, a reply or an error.
func (s *Stats) acknowledge(n int) {
	s.pipe = max(s.pipe, s.Transmitted-n+1)
}

func seconds(t float64) time.Duration { return time.Duration(t * float64(time.Second)) }

// print writes the summary as iputils has it.
func (s *Stats) print(w io.Writer, host string) {
	fmt.Fprintf(w, "\n--- %s ping statistics ---\n%d packets transmitted, %d received", host, s.Transmitted, s.Received)
	for _, c := range []struct {
		n    int
		what string
	}{{s.Duplicates, "duplicates"}, {s.Corrupted, "corrupted"}, {s.Errors, "errors"}} {
		if c.n > 0 {
			fmt.Fprintf(w, ", +%d %s", c.n, c.what)
		}
	}
	if s.Transmitted > 0 {
		fmt.Fprintf(w, ", %.6g%% packet loss, time %dms", s.Loss(), s.Elapsed.Milliseconds())
	}
	fmt.Fprintln(w)
	comma := ""
	if s.Received > 0 {
		fmt.Fprintf(w, "rtt min/avg/max/mdev = %.3f/%.3f/%.3f/%.3f ms", ms(s.Min), ms(s.Avg), ms(s.Max), ms(s.Mdev))
		comma = ", "
	}
	if s.pipe > 1 {
		fmt.Fprintf(w, "%spipe %d", comma, s.pipe)
	}
	fmt.Fprintln(w)
}

// printShort writes the line that SIGQUIT asks for.
func (s *Stats) printShort(w io.Writer) {
	fmt.Fprintf(w, "\r%d/%d packets, %.0f%% loss", s.Received, s.Transmitted, math.Floor(s.Loss()))
	if s.Received > 0 {
		fmt.Fprintf(w, ", min/avg/ewma/max = %.3f/%.3f/%.3f/%.3f ms", ms(s.Min), ms(s.Avg), s.smooth*1e3, ms(s.Max))
	}
	fmt.Fprintln(w)
}

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// roundTrip prints a time with as many digits as iputils does: three that count, from a millisecond on.
func roundTrip(d time.Duration) string {
	digits := 3
	switch d = d.Round(time.Microsecond); {
	case d >= 100*time.Millisecond-50*time.Microsecond:
		digits = 0
	case d >= 10*time.Millisecond-5*time.Microsecond:
		digits = 1
	case d >= time.Millisecond:
		digits = 2
	}
	return fmt.Sprintf("%.*f ms", digits, ms(d))
}
