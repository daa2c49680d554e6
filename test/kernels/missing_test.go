package kernels

import "testing"

// What plumb says where it cannot do its work.
const (
	noVeth     = "veth is not supported by this kernel: load the module veth, or rebuild with CONFIG_VETH"
	noNFT      = "nf_tables not supported by this kernel: load the module nf_tables, or rebuild with CONFIG_NF_TABLES"
	noParts    = "load nft_limit, nft_chain_nat, nft_ct, or rebuild with CONFIG_NFT_LIMIT, CONFIG_NFT_NAT, CONFIG_NFT_CT"
	noFib      = "load nft_fib_inet, or rebuild with CONFIG_NFT_FIB_INET"
	noTBF      = "this kernel cannot limit bandwidth: load the module sch_tbf, or rebuild with CONFIG_NET_SCH_TBF"
	noTracking = "plumb: note: old connections of containers may go on: connections cannot be flushed by this kernel: load the module nf_conntrack_netlink, or rebuild with CONFIG_NF_CT_NETLINK"
)

func attach(options ...string) Step {
	return plumb(append([]string{"attach", "web", "--netns", "/run/netns/web"}, options...)...)
}

// refused are checks that plumb can neither attach nor run, says why, and leaves nothing.
func refused(k kernel, why string) []check {
	checks := []check{{step: attach(), status: 1, stderr: []string{"plumb: attach web: ", why}}}
	if !k.old {
		checks = append(checks, check{step: pings("10.0.0.1"), status: exitRun, stderr: []string{"plumb: run", why}})
	}
	checks[len(checks)-1].clean = true
	return checks
}

// diagnosed is a check that plumb doctor finds these problems and warnings.
func diagnosed(status int, lines ...string) check {
	return check{step: plumb("doctor"), status: status, stdout: lines}
}

// TestMissing begins with a kernel that has none of what plumb needs, and loads one part after the other. What is missing has its name in the
// error; what can be done without is a note.
func TestMissing(t *testing.T) {
	t.Parallel()
	eachKernel(t, func(t *testing.T, k kernel) {
		checks := do(Netns("web"), Serve(""), Look())
		then := func(more ...check) { checks = append(checks, more...) }
		load := func(modules ...string) { then(do(Load(modules...))...) }

		then(diagnosed(1, "problem  veth", "modprobe veth", "problem  nf_tables", "modprobe nf_tables", "warning  tbf", "warning  sock_diag", " 1 unknown"))
		for _, command := range []string{"ls", "gc"} {
			then(check{step: plumb(command), status: 1, stderr: []string{noNFT}})
		}
		then(refused(k, noNFT)...) // no socket can be opened
		load("libcrc32c", "nfnetlink")
		then(refused(k, noNFT)...)
		load("nf_tables")
		then(check{step: plumb("detach", "web"), stderr: []string{"nothing named web is attached"}})
		then(refused(k, noVeth)...)
		load("veth")
		then(diagnosed(1, "problem  nft nat", "problem  nft masq", "problem  nft ct", "problem  nft fib", "problem  nft limit", "problem  table inet plumb"))
		then(refused(k, noParts)...)
		load(nftables()...)
		then(do(Look())...) // connection tracking has sysctls
		then(refused(k, noFib)...)
		load(fib()...)
		then(diagnosed(0, "warning  tbf", "warning  sock_diag", "warning  ctnetlink", "warning  overlayfs", " 0 problems"))
		then(withoutOptional(k)...)
		runChecks(t, k, "", checks)
	})
}

// withoutOptional are checks of a kernel that has what plumb needs, and nothing more.
func withoutOptional(k kernel) []check {
	note := []string{noTracking}
	checks := []check{
		{step: attach("--rate-in", "10mbit"), status: 1, stderr: []string{noTBF}},
		{step: attach("--rate-out", "10mbit"), status: 1, stderr: []string{noTBF}},
		{step: attach("-p", "80:80"), status: 1, stderr: []string{"port 80/tcp: init (process 1) listens on [::]:80"}, clean: true},
		{step: Look("")}, // inside, lo will be up
		{step: attach("-p", "8080:80", "-p", "53/udp"), stdout: []string{"web publishes 8080:80/tcp"}, stderr: note},
		{step: plumb("detach", "web"), stderr: note},
	}
	if !k.old {
		checks = append(checks, []check{
			{step: pings("fd70:6c75:6d62::1"), stdout: []string{"1 received"}, stderr: note},
			// Without overlay the host's root is the container's, read-only.
			{step: plumb("run", "--", "/init", "touch", "/bin/touched"), status: 1, stdout: []string{"read-only file system"}, stderr: note, clean: true},
		}...)
	}
	return append(checks, []check{
		{step: Load(append(tracking(), sockets()...)...)},
		{step: attach("-p", "80:80"), status: 1, stderr: []string{"port 80/tcp: init (process 1) listens on [::]:80"}},
		{step: attach("-p", "8080:80"), stdout: []string{"web publishes 8080:80/tcp"}},
		{step: plumb("detach", "web"), clean: true},
	}...)
}
