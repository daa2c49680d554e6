package main

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"plumb/container"
)

func lsCommand() command {
	c := command{name: "ls", args: "[options]", summary: "list the containers of this host: names, addresses, ports, age, traffic"}
	c.run = func(args []string) (err error) {
		var t tracing
		f := newFlags(c)
		asJSON := f.Bool("json", false, "print JSON")
		names := f.Bool("q", false, "print names only")
		network := f.String("network", "", "list those of the network `NAME` only")
		t.registerTrace(f)
		rest, err := f.parseAnywhere(args)
		if err != nil {
			return err
		}
		if len(rest) > 0 {
			return usagef("%q is not expected: plumb inspect NAME tells of one", rest[0])
		}
		defer t.closeTrace(&err)
		list, err := t.list(*network)
		if err != nil {
			return err
		}
		switch {
		case *asJSON:
			fmt.Println(jsonList(containersJSON(list)))
		case *names:
			for i := range list {
				fmt.Println(list[i].Name)
			}
		default:
			printColumns(os.Stdout, lsTable(list))
		}
		return nil
	}
	return c
}

// list lists the containers, or those of one network.
func (t *tracing) list(network string) ([]container.Listed, error) {
	host, err := t.openHost()
	if err != nil {
		return nil, err
	}
	defer host.Close()
	return host.List(network)
}

func lsTable(list []container.Listed) [][]string {
	rows := [][]string{{"NAME", "PID", "ADDRESS", "ADDRESS6", "NETWORK", "PORTS", "AGE", "RECEIVED", "SENT"}}
	for i := range list {
		c := &list[i]
		name := c.Name
		if c.State != container.Up {
			name += " (" + string(c.State) + ")"
		}
		var ports []string
		for j := range c.Publish {
			ports = append(ports, c.Publish[j].String())
		}
		pid := ""
		if c.PID != 0 {
			pid = strconv.Itoa(c.PID)
		}
		rows = append(rows, []string{
			name, orDash(pid), addrText(c.Addr), addrText(c.Addr6), orDash(c.Network), orDash(strings.Join(ports, ",")),
			ageText(c.Age), bytesText(c.RxBytes), bytesText(c.TxBytes),
		})
	}
	return rows
}

// containersJSON are containers as objects.
func containersJSON(list []container.Listed) []jsonText {
	var all []jsonText
	for i := range list {
		all = append(all, containerJSON(&list[i]))
	}
	return all
}

func containerJSON(c *container.Listed) jsonText {
	pids := make([]jsonText, len(c.PIDs))
	for i, pid := range c.PIDs {
		pids[i] = jsonNumber(pid)
	}
	return jsonObject(
		"name", jsonString(c.Name), "hostname", jsonString(c.Hostname), "state", jsonString(string(c.State)),
		"pid", jsonNumber(c.PID), "pids", jsonList(pids), "pool", jsonNumber(c.Pool), "netns", jsonNumber(c.NetNS),
		"network", jsonString(c.Network), "link", jsonString(c.HostLink), "index", jsonNumber(c.HostIndex),
		"interface", jsonString(c.Interface), "mtu", jsonNumber(c.MTU),
		"address", jsonPrefix(c.Addr), "gateway", jsonAddr(c.Gateway), "address6", jsonPrefix(c.Addr6), "gateway6", jsonAddr(c.Gateway6),
		"internal", jsonBool(c.Internal), "isolate", jsonBool(c.Isolate), "noHost", jsonBool(c.NoHost),
		"rateIn", jsonNumber(c.RateIn), "rateOut", jsonNumber(c.RateOut), "ports", jsonPorts(c.Publish),
		"ageSeconds", jsonNumber(uint64(c.Age/time.Second)),
		"rxBytes", jsonNumber(c.RxBytes), "rxPackets", jsonNumber(c.RxPackets), "txBytes", jsonNumber(c.TxBytes), "txPackets", jsonNumber(c.TxPackets),
	)
}
