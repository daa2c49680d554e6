package main

// What is said of the figures, whatever they are.

const introduction = "# What it costs\n\n" +
	"How long a container's network takes to set up and to take down, what the time goes into, and how long others take for the same. All of this was\n" +
	"measured, and this page written, by one command, as root, in %.0f minutes:\n\n" +
	"    cd test/compare && go run ./cmd/report\n\n" +
	"It needs gcc with a static libc, and measures of iproute2, nftables, iptables, the CNI plugins, runc, crun, podman, docker and busybox what is installed.\n" +
	"Nothing is sent to, or changed on, the machine's own network. The figures are the machine's: repeat it. `plumb bench` measures any of it alone;\n" +
	"[reference.md](reference.md#plumb-bench) has its options.\n\n"

const byCommand = "By: `report` is the command above alone; `bench` is `plumb bench --against all`; `bench run` is `plumb bench`; `bench many` is\n" +
	"`plumb bench --job network --publish 2 --containers 0,99,998`; `build` is `CGO_ENABLED=0 go build -trimpath -ldflags='-s -w' ./cmd/plumb`.\n"

const floors = "As multiples of the floor, the C program that does the same from prepared bytes, stand all figures of a program that is running and of containers\n" +
	"(it takes %s µs), and those of whole programs as multiples of it as a whole program (%s µs).\n\n"

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
  bytes in the groups in which plumb has sent them, with one acknowledgement a group. The namespace's descriptor and inode are put in. It opens the same socket and
  sysctls in the container, and writes the same. ` + "`go test -run Replay`" + ` compares what it has made with what plumb had
  made: links with their aliases, addresses, routes, neighbours, sysctls, and every element in nftables must be the same.
- **The cold floor** is the same of the first container of a host: its messages make the table, too, and another switch is thrown. It and plumb have no other container
  beside them, and the table goes each time. After each time all floors and plumb are read back: links, addresses, routes, and what the table has of the container.
- **The small floor** is ` + "`test/compare/floor/floor.c`" + `: IPv4 and masquerading alone, with one element and no lease.
- **vishvananda/netlink and google/nftables** at their best: sockets kept open, the peer made in its namespace, one queue a side, elements instead of rules. Theirs
  makes all that plumb's attach makes: links, addresses, routes, neighbours, alias, the six elements with their comments, ping for all; but it looks for nothing that is
  free, sees to nothing that somebody else may have done, and undoes nothing.
- **Programs** are measured from the start of the first to the end of the last: ` + "`ip`" + ` and ` + "`ip -batch`" + ` are scripts of sh that enter the namespace by nsenter, and set up IPv4 and
  masquerading alone. ` + "`ip`" + ` makes the pair and moves one end, as manuals and tutorials have it, for which the kernel waits some 20 ms (rcu_barrier); ` + "`ip-inplace`" + ` and
  ` + "`ip -batch`" + ` make that end where it belongs. The CNI plugins (` + cniVersion + `, or where that cannot be had the installed ones) are run as a runtime runs them, with IPv4 alone. plumb sets up both families.
- **Containers** run true of busybox in a root file system that has nothing else. runc and crun have a configuration without all that can be left out, and no
  network. podman and docker have their own default networks and a published port, as plumb has. Docker's daemon runs in the lab, in a pid namespace of
  its own, and has started before.
- **The profiles** of missed targets: of a program that is running, the phases of ` + "`plumb bench --job network`" + `, the floor's own clock between its
  steps, and runtime/pprof's samples while nothing but attaches run; of whole programs, what the kernel counts of each run (getrusage), and the median times of their own
  traces (` + "`--trace=json`" + `) from the first event to the last, of which the tracer takes some, too.
- **The phases** are those that plumb's own tracer sees; it keeps the times, and looks at them afterwards. Messages that are sent together have one time, since
  the kernel works on all of them before send returns.
`
