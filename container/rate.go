package container

import (
	"errors"
	"fmt"
	"math/bits"
	"strconv"
	"strings"
)

// A Rate is a limit of bandwidth, in bits a second; 0 is none. It counts whole Ethernet frames, as tc does: of 10mbit,
// a TCP stream in packets of 1500 bytes has 9.56 for its data.
type Rate uint64

// What can be a limit. At MinRate a frame of 1500 bytes takes 190 ms; TCP takes for lost what is not acknowledged
// after 200 (TCP_RTO_MIN, net/tcp.h), and would send every frame twice. MaxRate is above what a pair of links carries,
// and such a number is a mistake.
const (
	MinRate Rate = 64 * kilo
	MaxRate Rate = 100 * kilo * kilo * kilo
)

const kilo = 1000

// Errors of ParseRate.
var (
	errRate         = errors.New("a number and a unit are needed, such as 10mbit: bit, kbit, mbit, gbit, tbit; with bps in the place of bit for bytes; with ki, mi, gi, ti for powers of 1024")
	errRateB        = errors.New("is that bits or bytes? 10mbit is megabits a second, 10mbps is megabytes, as in tc(8)")
	errRateNegative = errors.New("it cannot be negative")
	errRateNone     = errors.New("nothing would pass: for no limit, leave the option away")
)

// ParseRate reads a rate as tc(8) does: a number, and bit, kbit, mbit, gbit or tbit for bits a second, or bps, kbps,
// mbps, gbps or tbps for bytes; kibit, kibps and so on are powers of 1024, and a bare number is bits. Besides, k, m, g
// and t may stand alone, for bits. Upper and lower case are the same. The number may have up to 6 decimals.
func ParseRate(s string) (Rate, error) {
	number := strings.TrimRight(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")
	unit, err := rateUnit(strings.ToLower(s[len(number):]))
	if err != nil {
		return 0, err
	}
	number, negative := strings.CutPrefix(number, "-")
	whole, millionths, err := decimal(number)
	switch {
	case err != nil:
		return 0, err
	case negative:
		return 0, errRateNegative
	case whole == 0 && millionths == 0:
		return 0, errRateNone
	}
	over, r := bits.Mul64(whole, unit)
	r, carry := bits.Add64(r, millionths*unit/1e6, 0)
	if over+carry > 0 {
		return 0, tooFast(s)
	}
	if err := checkRate(Rate(r), s); err != nil {
		return 0, err
	}
	return Rate(r), nil
}

// checkRate says why a limit cannot be meant; text is how it was given. No limit, 0, is refused too.
func checkRate(r Rate, text string) error {
	switch {
	case r < MinRate:
		return fmt.Errorf("%s is too slow, %s is the least: TCP would take what is on its way for lost", text, MinRate)
	case r > MaxRate:
		return tooFast(text)
	}
	return nil
}

func tooFast(text string) error {
	return fmt.Errorf("%s is more than a container's link carries: %s is the most", text, MaxRate)
}

// rateUnit is how many bits a second the unit is.
func rateUnit(unit string) (uint64, error) {
	size := uint64(1)
	prefix, bytes := strings.CutSuffix(unit, "bps")
	if bytes {
		size = 8
	} else {
		prefix = strings.TrimSuffix(unit, "bit")
	}
	if prefix == "" {
		return size, nil
	}
	power := strings.IndexByte("kmgt", prefix[0]) + 1
	switch rest := prefix[1:]; {
	case power == 0 || rest != "" && rest != "i":
		if strings.HasSuffix(prefix, "b") {
			return 0, errRateB
		}
		return 0, errRate
	case rest == "i":
		return size << (10 * power), nil
	}
	for range power {
		size *= kilo
	}
	return size, nil
}

// decimal reads a number with up to 6 decimals. The number without them, and these in millionths, are below 2^64 and 1e6.
func decimal(s string) (whole, millionths uint64, err error) {
	integer, fraction, point := strings.Cut(s, ".")
	if len(fraction) > 6 || integer == "" || point && fraction == "" {
		return 0, 0, errRate
	}
	whole, err1 := strconv.ParseUint(integer, 10, 64)
	millionths, err2 := strconv.ParseUint((fraction + "000000")[:6], 10, 64)
	if errors.Is(err1, strconv.ErrRange) {
		return 0, 0, tooFast(s)
	}
	if err1 != nil || err2 != nil {
		return 0, 0, errRate
	}
	return whole, millionths, nil
}

// String is the rate in the largest unit of which it is a multiple. ParseRate reads it.
func (r Rate) String() string {
	n, units := uint64(r), []string{"bit", "kbit", "mbit", "gbit", "tbit"}
	power := 0
	for n != 0 && n%kilo == 0 && power < len(units)-1 {
		n /= kilo
		power++
	}
	return strconv.FormatUint(n, 10) + units[power]
}
