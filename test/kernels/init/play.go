package main

import (
	"fmt"
	"os"
	"os/signal"
	"strings"

	"golang.org/x/sys/unix"

	"plumb/nat"
	"plumb/rtnl/wire"
)

// play is this program as another one, where plumb itself would not do: there is none beside them.
//
//	init touch FILE   writes a file
//	init wait         waits until it is told to end
//	init flush        removes plumb's table, as "nft flush ruleset" does
func play(args []string) error {
	switch text := strings.Join(args, " "); {
	case args[0] == "touch" && len(args) == 2:
		if err := os.WriteFile(args[1], []byte("touched\n"), 0o644); err != nil {
			return err
		}
		fmt.Println("written")
		return nil
	case text == "wait":
		told := make(chan os.Signal, 1)
		signal.Notify(told, unix.SIGTERM)
		fmt.Println("waiting")
		<-told
		return nil
	case text == "flush":
		return flush()
	default:
		return fmt.Errorf("init: %s: nothing is called so", text)
	}
}

func flush() error {
	c, err := nat.Dial(wire.Config{})
	if err != nil {
		return err
	}
	defer c.Close()
	return c.Batch(nat.DelTable(&nat.Table{Header: nat.Header{Family: nat.NFPROTO_INET}, Name: nat.TableName}))
}
