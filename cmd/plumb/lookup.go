package main

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"golang.org/x/net/dns/dnsmessage"

	"plumb/cmd/plumb/internal/lookup"
)

func lookupCommand() command {
	c := command{name: "lookup", args: "[-t TYPE] [--server IP[:PORT]] NAME|ADDRESS", summary: "ask name servers for the addresses of a name, or for other records"}
	c.run = func(args []string) error {
		f := newFlags(c)
		types := f.String("t", "", "`TYPE` of record, or several with commas: A, AAAA, CNAME, MX, TXT, NS, SRV, PTR, SOA, ANY (default A,AAAA; PTR for an address)")
		server := f.String("server", "", "ask `IP[:PORT]` instead of those in /etc/resolv.conf, and not /etc/hosts")
		timeout := f.Seconds("timeout", 0, "`SECONDS` that one try may take (default as in resolv.conf, else 5)")
		tries := f.Int("tries", 0, "ask each server `N` times (default as in resolv.conf, else 2)")
		tcp := f.Bool("tcp", false, "ask by TCP, not by UDP")
		search := f.Bool("search", false, "try the search domains of resolv.conf")
		short := f.Bool("short", false, "print only the data of each record")
		asJSON := f.Bool("json", false, "print JSON")
		words, err := f.parseAnywhere(args)
		if err != nil {
			return err
		}
		if len(words) != 1 {
			return usagef("takes one name or address, was given %d", len(words))
		}
		wanted, err := recordTypes(*types)
		if err != nil {
			return usagef("-t: %v", err)
		}
		r, err := resolver(*server, *timeout, *tries)
		if err != nil {
			return err
		}
		r.TCP = r.TCP || *tcp
		ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
		defer stop()
		answers, err := lookupWord(ctx, r, words[0], wanted, *search)
		return printAnswers(words[0], answers, err, *short, *asJSON)
	}
	return c
}

// resolver is the system's, changed by the options that are not zero.
func resolver(server string, timeout time.Duration, tries int) (*lookup.Resolver, error) {
	if timeout > time.Hour || tries < 0 {
		return nil, usagef("--timeout takes 0 to 3600 seconds, --tries no negative number")
	}
	r, err := lookup.System()
	if err != nil {
		return nil, err
	}
	if server != "" {
		s, err := lookup.ParseServer(server)
		if err != nil {
			return nil, usagef("--server: %v", err)
		}
		r.Servers, r.Hosts = []netip.AddrPort{s}, ""
	}
	if timeout > 0 {
		r.Timeout = timeout
	}
	if tries > 0 {
		r.Attempts = tries
	}
	return r, nil
}

// recordTypes reads a list of types; an empty one yields none.
func recordTypes(list string) ([]dnsmessage.Type, error) {
	var types []dnsmessage.Type
	if list == "" {
		return nil, nil
	}
	for word := range strings.SplitSeq(list, ",") {
		t, err := lookup.ParseType(word)
		if err != nil {
			return nil, err
		}
		types = append(types, t)
	}
	return types, nil
}

// lookupWord looks an address up by its reverse name, and anything else as a name.
func lookupWord(ctx context.Context, r *lookup.Resolver, word string, types []dnsmessage.Type, search bool) ([]lookup.Answer, error) {
	addr, err := netip.ParseAddr(word)
	switch {
	case err == nil && (len(types) == 0 || len(types) == 1 && types[0] == lookup.TypePTR):
		a, err := r.LookupNames(ctx, addr.WithZone(""))
		if err != nil {
			return nil, err
		}
		return []lookup.Answer{a}, nil
	case err == nil:
		return nil, usagef("an address has a PTR record only")
	case len(types) == 0:
		types = []dnsmessage.Type{lookup.TypeA, lookup.TypeAAAA}
	}
	return r.Lookup(ctx, word, types, search)
}

// printAnswers prints the records, one a line. Where only some types failed, it says so and counts what
// was found.
func printAnswers(word string, answers []lookup.Answer, err error, short, asJSON bool) error {
	if asJSON && answers != nil {
		fmt.Println(answersJSON(word, answers))
	}
	for _, a := range answers {
		for _, rec := range a.Records {
			switch {
			case asJSON:
			case short:
				fmt.Println(rec.Data)
			default:
				fmt.Println(rec)
			}
		}
	}
	if err != nil && len(answers) > 0 {
		fmt.Fprintf(os.Stderr, "plumb: lookup: not all types: %v\n", err)
		return nil
	}
	return err
}

// answersJSON is what --json prints.
func answersJSON(word string, answers []lookup.Answer) jsonText {
	var list []jsonText
	for _, a := range answers {
		var records []jsonText
		for _, r := range a.Records {
			records = append(records, jsonObject(
				"name", jsonString(r.Name), "ttl", jsonNumber(r.TTL), "class", jsonString(r.Class),
				"type", jsonString(r.Type), "data", jsonString(r.Data)))
		}
		list = append(list, jsonObject("server", jsonString(a.Server), "records", jsonList(records)))
	}
	return jsonObject("name", jsonString(word), "answers", jsonList(list))
}
