package main

// What is said of the figures, whatever they are.

const introduction = "# What it costs\n\n" +
	"How long a container's network takes to set up and to take down, what the time goes into, and how long others take for the same. All of this was\n" +
	"measured, and this page written, by one command, as root, in %.0f minutes:\n\n" +
	"    cd test/compare && go run ./cmd/report\n\n" +
	"It needs gcc with a static libc, and measures of iproute2, nftables, iptables, the CNI plugins, runc, crun, podman and busybox what is installed.\n" +
	"Nothing is sent to, or changed on, the machine's own network. The figures are the machine's: repeat it. `plumb bench` measures any of it alone;\n" +
	"[reference.md](reference.md#plumb-bench) has its options.\n\n"

const byCommand = "By: `report` is the command above alone; `bench` is `plumb bench --against all`; `bench run` is `plumb bench`; `bench many` is\n" +
	"`plumb bench --job network --publish 2 --containers 0,99,998`; `build` is `CGO_ENABLED=0 go build -trimpath -ldflags='-s -w' ./cmd/plumb`. Docker's\n" +
	"daemon would have to run in the lab, and is not measured.\n"

const where = `
Where a target is missed, this is what takes the time:

- **In-process against the floor.** The floor sends what an attach changes, and nothing else. plumb asks before it acts: whether the ruleset has been
  flushed, which address is free, what leads out, whether it forwards. Those questions are the rows "look at the host" and a part of "take an address". It also has Go's
  runtime between the system calls: a goroutine opens the container's sockets beside the making of the pair, which the floor does one after the other.
- **vishvananda + google.** They ask nothing either, and have no lease to take; each message is a round trip of its own, which costs them about what plumb's questions
  cost plumb.
- **Whole programs.** Of an attach's 4 ms the start and the end of a Go program of this size are some 1.5 (` + "`plumb version`" + ` against ` + "`true`" + `), and all that a program which has
  been running remembers of the table is asked for anew.
- **` + "`plumb run`" + ` against runc and crun.** Here plumb is the first on its host and the last: it makes the table, 1 to 2 ms, and takes it away, and two
  nftables sockets that have removed something, the host's and that of the rules for names, wait for the kernel when they are closed: 7 to 11 ms each. Some 6 ms are the end of the container's mount and pid namespaces. runc and crun make no network at all.
- **The pool.** Taking is a transaction of nftables and a message or two, with their questions before; 0.1 of the floor is the time of a single transaction.
- **The 1,000th.** The pair's part of it grows in the kernel; ` + "`go test -bench Kth ./container`" + ` puts it beside bare links.
- **The tear-down.** ` + "`plumb run`" + ` leaves the links to the kernel, which removes them with the namespace. A namespace that stays, as that of ` + "`plumb detach`" + `,
  has its pair removed by RTM_DELLINK, which returns when the kernel's readers have gone by (synchronize_net, some ticks): 10 to 30 ms that no caller can shorten,
  except by removing many at once.
- **The binary.** Half of it is Go's runtime, fmt, net and crypto/rand; the rest is what decodes every message by its name (` + "`go tool nm -size -sort size plumb`" + `).

`

const method = `
## Method

- **In turn.** What is compared runs in turn, each on a host of its own in one sealed lab, and in each round another goes first. What else the machine does meets all
  alike.
- **Ratios.** A ratio is the median of the ratios of single rounds. Its interval holds the true median with 95 %, whatever the distribution: with N
  pairs it goes from the k-th ratio from below to the k-th from above, where k is the largest for which neither heads nor tails are fewer than k among N coins
  with at least that probability. Where it holds 1, the difference is called noise.
- **In-process.** The time begins with the pid of a process that waits in a namespace with nothing in it, and ends when all is there. Sockets stay open, and the
  tables stand. The processes are started, and end, outside of the times, and the kernel is given 60 ms after each to be done with them.
- **The floor for the same job** is ` + "`test/compare/floor/replay.c`" + `: the messages of one of plumb's own attaches, recorded by a tracer, without the questions, as
  bytes in the groups in which plumb has sent them, with one acknowledgement a group. The namespace's descriptor and inode are put in. It opens the same sockets and
  sysctls in the container, writes the same, and waits in the same way for the IPv6 address. ` + "`go test -run Replay`" + ` compares what it has made with what plumb had
  made: links with their aliases, addresses, routes, neighbours, sysctls, and every element in nftables must be the same.
- **The small floor** is ` + "`test/compare/floor/floor.c`" + `: IPv4 and masquerading alone, with one element and no lease.
- **vishvananda/netlink and google/nftables** at their best: sockets kept open, the peer made in its namespace, one queue a side, elements instead of rules. Theirs
  has the same links, addresses, routes, neighbours and alias, and two elements; no lease, no guard, no look at what is free, no undoing.
- **Programs** are measured from the start of the first to the end of the last: ` + "`ip`" + ` and ` + "`ip -batch`" + ` are scripts of sh that enter the namespace by nsenter, and set up IPv4 and
  masquerading alone; the CNI plugins are run as a runtime runs them, with IPv4 alone. plumb sets up both families.
- **Containers** run true of busybox in a root file system that has nothing else. runc and crun have a configuration without all that can be left out, and no
  network. podman has its own default network and a published port, as plumb has.
- **The phases** are those that plumb's own tracer sees; it keeps the times, and looks at them afterwards. Messages that are sent together have one time, since
  the kernel works on all of them before send returns.
`
