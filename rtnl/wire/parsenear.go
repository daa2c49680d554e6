package wire

import (
	"sort"
	"strings"
)

// near says which of the names somebody may have meant: " (near it: A, B)", or "" where none is near.
func near(name string, names []string) string {
	type candidate struct {
		name     string
		distance int
	}
	var all []candidate
	seen := map[string]bool{}
	for _, n := range names {
		if d := distance(strings.ToUpper(name), strings.ToUpper(n)); !seen[n] && (d <= max(1, len(name)/3) || contains(n, name)) {
			all = append(all, candidate{n, d})
			seen[n] = true
		}
	}
	sort.SliceStable(all, func(i, j int) bool { return all[i].distance < all[j].distance })
	var words []string
	for _, c := range all[:min(len(all), 3)] {
		words = append(words, c.name)
	}
	if len(words) == 0 {
		return ""
	}
	return " (near it: " + strings.Join(words, ", ") + ")"
}

// contains says whether one of the names is a part of the other that is long enough to mean it: IFNAME of IFLA_IFNAME.
func contains(name, part string) bool {
	return len(part) >= 3 && strings.Contains(strings.ToUpper(name), strings.ToUpper(part))
}

// distance is how many letters must be changed, put in or left out to make b of a: Levenshtein's, for names of up to 64 bytes.
func distance(a, b string) int {
	const most = 64
	a, b = a[:min(len(a), most)], b[:min(len(b), most)]
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := diagonal
			if a[i] != b[j] {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(change, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}

// nearTypes are the message types that somebody may have meant.
func (p *parser) nearTypes(name string) string {
	var names []string
	for _, protocol := range p.options.Protocols {
		for info := range protocol.types() {
			names = append(names, info.Name)
		}
	}
	return near(name, names)
}
