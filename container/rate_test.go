package container_test

import (
	"encoding/json"
	"os/exec"
	"strings"
	"testing"

	"plumb/container"
	"plumb/container/netns"
	"plumb/test/lab"
)

func TestParseRate(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]container.Rate{
		"10mbit": 10e6, "10M": 10e6, "10m": 10e6, "10Mbit": 10e6, "10MBIT": 10e6, "10000kbit": 10e6, "10000000": 10e6, "10000000bit": 10e6,
		"1.25mbps": 10e6, "1250kbps": 10e6, "1.5g": 1.5e9, "100gbit": 100e9, "0.1tbit": 100e9, "64kbit": 64e3, "64k": 64e3, "0.064mbit": 64e3, "0064k": 64e3,
		"8kbps": 64e3, "8000bps": 64e3, "64kibit": 65536, "8kibps": 65536, "1mibit": 1 << 20, "1Mi": 1 << 20, "1gibit": 1 << 30, "0.0625tibit": 1 << 36,
		"0.000001tbit": 1e6, "100.000001mbit": 100_000_001,
	} {
		if got, err := container.ParseRate(text); err != nil || got != want {
			t.Errorf("%s: %d, %v; want %d", text, got, err, want)
		}
	}
}

func TestRateRefusals(t *testing.T) {
	t.Parallel()
	const (
		form     = "a number and a unit are needed, such as 10mbit"
		bytes    = "is that bits or bytes? 10mbit is megabits a second, 10mbps is megabytes"
		negative = "it cannot be negative"
		none     = "nothing would pass: for no limit, leave the option away"
	)
	for text, want := range map[string]string{
		"": form, "mbit": form, "fast": form, "10 mbit": form, " 10mbit": form, "10mbit ": form, "10mbit/s": form, "10xbit": form, "10ibit": form,
		"10bpsbit": form, "10mbitbit": form, "10kki": form, "10e6": form, "1e6bit": form, "0x10mbit": form, "1_000kbit": form, "+1mbit": form, "--1mbit": form,
		"1.mbit": form, ".5mbit": form, "1.2.3mbit": form, "1.0000001mbit": form, "1,5mbit": form, "٣mbit": form, "10µbit": form, "10%": form, "\x00": form, "∞": form,
		"10MB": bytes, "10Mb": bytes, "10kib": bytes,
		"-1mbit": negative, "-0": negative, "-99999": negative, "-x": form,
		"0": none, "0mbit": none, "0.000000gbit": none,
		"63999": "63999 is too slow, 64kbit is the least", "1kbit": "1kbit is too slow, 64kbit is the least", "0.5bit": "0.5bit is too slow",
		"100000000001": "is more than a container's link carries: 100gbit is the most", "100.000001gbit": "is the most", "1tbit": "is the most", "1tbps": "is the most",
		"18446744073709551615": "is the most", "18446744073709551616": "is the most", "99999999999999999999999tibps": "is the most", "9999999tibps": "is the most",
	} {
		rate, err := container.ParseRate(text)
		if err == nil || !strings.Contains(err.Error(), want) || rate != 0 {
			t.Errorf("%q: %d, %v; want %s", text, rate, err, want)
		}
	}
}

func TestRateString(t *testing.T) {
	t.Parallel()
	for rate, want := range map[container.Rate]string{
		0: "0bit", 1: "1bit", 64e3: "64kbit", 1.5e6: "1500kbit", 10e6: "10mbit", 1e9: "1gbit", 1e12: "1tbit", 1e15: "1000tbit", 65536: "65536bit",
	} {
		if got := rate.String(); got != want {
			t.Errorf("%d is %s, want %s", uint64(rate), got, want)
		}
	}
}

// tc reads a rate as ParseRate does, and refuses what is none for it.
func TestTcReadsTheSameRate(t *testing.T) {
	t.Parallel()
	lab.NeedTool(t, "tc")
	ns := lab.NewNS(t)
	for _, text := range []string{
		"10mbit", "10Mbit", "10MBIT", "10000000", "10000000bit", "1.25mbps", "1250kbps", "1.5gbit", "0.1tbit", "64kbit", "0.064mbit", "0064kbit", "8kbps",
		"64kibit", "8kibps", "1mibit", "1MIBIT", "1gibit", "0.0625tibit", "10mibps", "100.000008mbit", container.Rate(123456000).String(),
		"", "mbit", "fast", "10ibit", "10xbit", "10bpsbit", "10MB",
	} {
		theirs, theirErr := tcRate(ns, text)
		ours, err := container.ParseRate(text)
		if (err == nil) != (theirErr == nil) || uint64(ours)/8 != theirs {
			t.Errorf("%q: %d bytes a second, %v; by tc %d, %v", text, uint64(ours)/8, err, theirs, theirErr)
		}
	}
}

// tcRate is what tc makes of a rate, in bytes a second.
func tcRate(ns *netns.NS, text string) (rate uint64, err error) {
	run := func(args ...string) (out []byte, err error) {
		err = ns.Do(func() (err error) {
			out, err = exec.Command("tc", args...).Output()
			return err
		})
		return out, err
	}
	if _, err := run("qdisc", "replace", "dev", "lo", "root", "handle", "1:", "tbf", "rate", text, "burst", "1m", "limit", "1m"); err != nil {
		return 0, err
	}
	out, err := run("-j", "qdisc", "show", "dev", "lo")
	var all []struct{ Options struct{ Rate uint64 } }
	if err == nil {
		err = json.Unmarshal(out, &all)
	}
	if err != nil || len(all) != 1 {
		return 0, err
	}
	return all[0].Options.Rate, nil
}

// FuzzParseRate wants of any text that it is refused, or is a rate that can be, and that says its value again.
func FuzzParseRate(f *testing.F) {
	for _, text := range []string{"10mbit", "1.5gibps", "64k", "0.000001tbit", "-1", "18446744073709551616", "10bpsbit", ""} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		rate, err := container.ParseRate(text)
		if err != nil {
			if rate != 0 {
				t.Errorf("%q: %d with %v", text, rate, err)
			}
			return
		}
		if rate < container.MinRate || rate > container.MaxRate || container.CheckRate(rate, text) != nil {
			t.Errorf("%q: %d is out of bounds", text, rate)
		}
		if again, err := container.ParseRate(rate.String()); err != nil || again != rate {
			t.Errorf("%q is %d, which says %s, which is %d, %v", text, rate, rate, again, err)
		}
	})
}
