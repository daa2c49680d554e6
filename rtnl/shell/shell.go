// Package shell writes the commands of other tools, for a shell to run: what the messages of rtnl and nat stand for.
package shell

import "strings"

// Quote is a word as a POSIX shell reads it: as it is where nothing in it means anything to a shell, or else in single quotes.
func Quote(word string) string {
	if word != "" && isPlain(word) {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}

// isPlain says whether nothing in a word means anything to a shell, wherever it stands.
func isPlain(word string) bool {
	for i := range len(word) {
		c := word[i]
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && strings.IndexByte("_@%+=:,./-", c) < 0 {
			return false
		}
	}
	return true
}

// Words writes words as one command.
func Words(words ...string) string {
	quoted := make([]string, len(words))
	for i, w := range words {
		quoted[i] = Quote(w)
	}
	return strings.Join(quoted, " ")
}

// In is a command as it is run from the host in a network namespace that ip-netns(8) has by this name, "" for the host's own, or several, in
// a line each. ip and tc have an option for that; everything else is run by ip.
func In(namespace string, commands ...string) string {
	for i, c := range commands {
		tool, rest, _ := strings.Cut(c, " ")
		switch {
		case namespace == "":
		case tool == "ip" || tool == "tc":
			commands[i] = tool + " -n " + Quote(namespace) + " " + rest
		default:
			commands[i] = "ip netns exec " + Quote(namespace) + " " + c
		}
	}
	return strings.Join(commands, "\n")
}
