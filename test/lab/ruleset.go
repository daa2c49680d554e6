package lab

import (
	"slices"
	"strings"
	"testing"
	"unicode"

	"plumb/container/lab"
)

// Ruleset is the words of a host's ruleset, as nft lists it, sorted: the order of a set's elements is the kernel's.
func Ruleset(t testing.TB, h *lab.Host) []string {
	t.Helper()
	words := strings.FieldsFunc(Run(t, h, "nft", "list", "ruleset"), func(r rune) bool { return r == ',' || unicode.IsSpace(r) })
	slices.Sort(words)
	return words
}
