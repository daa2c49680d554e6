package main

// titles are those of the profiles.
var titles = map[string]string{
	"in-process": "In-process set-up",
	"attach":     "`plumb attach`",
	"detach":     "`plumb attach` and `plumb detach`",
	"run":        "`plumb run`",
	"tear-down":  "Tear-down",
	"all":        "Many taken away at once",
	"take":       "From the pool",
	"many":       "The 1,000th",
	"binary":     "The binary",
	"memory":     "Memory",
}

// needed says what a profile cannot: why, and what would be needed.
var needed = map[string]string{
	"in-process": `The floor sends what an attach changes, and nothing else; plumb asks before it acts: which address is free, what leads out, whether it forwards, whether
the ruleset has been flushed. To come nearer it would have to ask less, which is to say to remember more, and to hear of what others change; and to have
nothing run beside it in Go's runtime. vishvananda and google ask nothing either, and have no lease to take.`,
	"attach": `The first table is of whole runs without a tracer. Any program in Go takes what the one that does nothing takes; ` + "`plumb version`" + ` is what plumb takes to
start and to end; the rest of ` + "`plumb attach`" + ` is the attach, for which a program that has been running would remember what it has to ask. Much of each is page
faults: a page is cleared, or found in the file, when a process first touches it. The second table is of the program's own trace. To write that takes it longer than the attach
itself, so that its start and its end are left out; the steps' parts of the whole are what counts. A smaller program starts faster; one that runs need not start.`,
	"detach": `The pair of a namespace that stays is removed by RTM_DELLINK, which returns when the kernel's readers have gone by (synchronize_net, some ticks): no caller can
shorten that, but many can share it (` + "`plumb detach` of several names, `--all`" + `). Before that stands what is true of ` + "`plumb attach`" + ` alone: a program has to start.`,
	"run": `Here plumb is the first on its host and the last: it makes the table and takes it away, and a socket of nftables that has removed something waits for the kernel
when it is closed. What is left is the end of the container's mount and pid namespaces. runc and crun make no network at all; podman and docker do.`,
	"tear-down": `A namespace that stays has its pair removed by RTM_DELLINK, which returns when the kernel's readers have gone by.`,
	"all":       `The kernel takes most of it for the one RTM_DELLINK of all, in which it unregisters each link; the rest is one transaction of nftables.`,
	"take": `One message names the network, and changes no link as the kernel sees it; where the pool's own name will do there is none. Where others have run before, as here, the caches
are cold, and each system call with the code around it takes several times what it takes in a loop (` + "`go test -bench PoolTake ./container`" + `): less code would be needed.`,
	"many": `What grows with the links that there are grows in the kernel; ` + "`go test -bench Kth ./container`" + ` puts it beside bare links.`,
	"memory": `What is the process's own is Go's heap, its stacks, and the runtime's own; pages of the program's file are shared by all that run it, and the kernel may drop them.
A smaller program has fewer.`,
	"binary": `Sizes of the sections, and of packages by the symbols of a build that has them. Go's runtime comes with any program; the rest is what decodes messages by their names, and the commands.`,
}
