package page

import (
	_ "embed" // the tables
	"strconv"
	"strings"

	"plumb/rtnl/wire"
)

//go:embed handlers.txt
var handlersText string

//go:embed headers.txt
var headersText string

// A function of the kernel's, and the file that it is in.
type function struct{ name, file string }

// handlers are the functions of handlers.txt by what they are for, as handlerKey writes it.
type handlers map[string]function

func handlerKey(name, does string, family int) string {
	return name + " " + does + " " + strconv.Itoa(family)
}

const anyFamily = -1

func readHandlers() handlers {
	all := handlers{}
	for words := range table(handlersText) {
		family := anyFamily
		if len(words) == 5 {
			family, _ = strconv.Atoi(words[2])
			words = append(words[:2:2], words[3:]...)
		}
		all[handlerKey(words[0], words[1], family)] = function{words[2], words[3]}
	}
	return all
}

// table yields the words of each line of a text, without its comments.
func table(text string) func(yield func([]string) bool) {
	return func(yield func([]string) bool) {
		for line := range strings.Lines(text) {
			words := strings.Fields(line)
			if len(words) > 0 && words[0] != "#" && !yield(words) {
				return
			}
		}
	}
}

// of finds what handles a message that was sent, or what wrote one that was received. The address family is the first
// byte of almost every body of rtnetlink's.
func (hs handlers) of(e wire.Event, v wire.View) function {
	family := anyFamily
	if len(e.Message) > headerSize && strings.HasPrefix(v.Name, "RTM_") {
		family = int(e.Message[headerSize])
	}
	ways := []string{"fill"}
	if e.Sent {
		ways = []string{"do"}
		if v.Header.Flags&flagDump != 0 && strings.Contains(v.Name, "GET") {
			ways = []string{"dump", "do"}
		}
	}
	for _, does := range ways {
		for _, f := range []int{family, anyFamily} {
			if found, ok := hs[handlerKey(v.Name, does, f)]; ok {
				return found
			}
		}
	}
	return function{}
}

const flagDump = 0x300 // NLM_F_DUMP, linux/netlink.h: the kernel takes either bit for it

// structOf is the C struct that begins with the first of nodes, or "".
func structOf(nodes []wire.Node) string {
	if len(nodes) == 0 {
		return ""
	}
	best, name := "", ""
	for words := range table(headersText) {
		if len(words) == 3 && len(words[0]) > len(best) && strings.HasPrefix(nodes[0].Name, words[0]) {
			best, name = words[0], "struct "+words[2]
		}
	}
	return name
}
