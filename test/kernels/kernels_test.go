package kernels

import (
	"slices"
	"testing"
)

// modules are all that plumb has a use for, in an order in which they can be loaded.
func modules() []string {
	return slices.Concat([]string{"veth", "overlay", "sch_tbf"}, nftables(), fib(), tracking(), sockets())
}

// nftables are the modules of plumb's rules, without those of fib.
func nftables() []string {
	return []string{
		"libcrc32c", "nfnetlink", "nf_tables", "nf_defrag_ipv4", "nf_defrag_ipv6", "nf_conntrack", "nf_nat",
		"nft_chain_nat", "nft_masq", "nft_nat", "nft_ct", "nft_limit",
	}
}

func fib() []string      { return []string{"nft_fib", "nft_fib_ipv4", "nft_fib_ipv6", "nft_fib_inet"} }
func tracking() []string { return []string{"nf_conntrack_netlink"} }
func sockets() []string  { return []string{"inet_diag", "tcp_diag", "udp_diag"} }

const (
	tooOld  = "containers need Linux 5.12"
	exitRun = 125 // the status of plumb run where plumb, and not the command, failed
)

// attached are checks of attachments from their beginning to their end, on a host of a lab.
func attached(k kernel, ipv6 bool) []check {
	checks := do(Lab(), Netns("web"), Netns("db"), Serve("web"), Look("", LabHost))
	web := check{
		step:   onHost("attach", "web", "--netns", "/run/netns/web", "-p", "8080:80", "-p", "5353:53/udp"),
		stdout: []string{"web eth0 10.0.0.2/24 via 10.0.0.1 (pl-web)\n", "web publishes 8080:80/tcp\nweb publishes 5353:53/udp\n"},
	}
	db := check{
		step: onHost("attach", "db", "--netns", "/run/netns/db", "--network", "back", "--isolate", "--no-host",
			"--rate-in", "10mbit", "--rate-out", "20mbit"),
		stdout: []string{"db eth0 10.0.1.2/24 via 10.0.1.1 (pl-db)\n"},
	}
	exec := check{step: onHost("exec", "web", "--", "plumb", "ping", "-c1", "10.0.0.1"), stdout: []string{"1 received"}}
	if k.old {
		exec.status, exec.stdout, exec.stderr = exitRun, nil, []string{tooOld}
	}
	if ipv6 {
		web.stdout = append(web.stdout, "web eth0 fd70:6c75:6d62::2/64 via fd70:6c75:6d62::1 (pl-web)\n")
		db.stdout = append(db.stdout, "db eth0 fd70:6c75:6d62:1::2/64 via fd70:6c75:6d62:1::1 (pl-db)\n")
	} else {
		web.stderr, db.stderr = []string{"web has IPv4 only"}, []string{"db has IPv4 only"}
	}
	checks = append(checks, web)
	checks = append(checks, reached(ipv6)...)
	checks = append(checks, db)
	checks = append(checks, []check{
		answered("db", "8.8.8.8"), unanswered("db", "10.0.1.1"), unanswered("db", "10.0.0.2"),
		fetched("db", "http://203.0.113.2:8080/", "10.0.1.2"),
		{step: onHost("ls"), stdout: []string{"8080:80/tcp,5353:53/udp", "back"}},
		{step: onHost("inspect", "db"), stdout: []string{"isolate no-host", "10mbit", "20mbit"}},
		{step: Start("/init", "wait").Inside("web")},
		exec,
		{step: End()},
		{step: Run("/init", "flush").Inside(LabHost)},
		{step: onHost("gc", "--repair"), stdout: []string{"repaired db\n", "repaired web\n"}},
		{step: onHost("gc")},
		fetched(LabInternet, "http://203.0.113.2:8080/", "203.0.113.1"),
		{step: onHost("detach", "db")},
		{step: onHost("detach", "web"), clean: true},
		{step: onHost("detach", "web"), clean: true, stderr: []string{"nothing named web is attached"}},
	}...)
	return append(checks, watched(ipv6)...)
}

// reached are checks of what container web reaches, and who reaches it.
func reached(ipv6 bool) []check {
	checks := []check{
		answered("web", "10.0.0.1"), answered("web", "8.8.8.8"), answered(LabHost, "10.0.0.2"),
		{step: plumb("lookup", "--server", "8.8.8.8", "-t", "A", "google.com").Inside("web"), stdout: []string{"8.8.8.8"}},
		fetched("web", "http://8.8.8.8/", "203.0.113.2"),
		fetched(LabInternet, "http://203.0.113.2:8080/", "203.0.113.1"),
		fetched(LabHost, "http://203.0.113.2:8080/", "203.0.113.2"),
		fetched(LabHost, "http://127.0.0.1:8080/", "10.0.0.1"),
	}
	if !ipv6 {
		return checks
	}
	return append(checks, []check{
		answered("web", "fd70:6c75:6d62::1"), answered("web", "2001:4860:4860::8888"), answered(LabHost, "fd70:6c75:6d62::2"),
		fetched("web", "http://[2001:4860:4860::8888]/", "[2001:db8::2]"),
		fetched(LabInternet, "http://[2001:db8::2]:8080/", "[2001:db8::1]"),
		fetched(LabHost, "http://[2001:db8::2]:8080/", "[2001:db8::2]"),
	}...)
}

// watched are checks of an attachment that a living process stays with.
func watched(ipv6 bool) []check {
	attach := Start("plumb", "attach", "web", "--netns", "/run/netns/web", "--watch", "-p", "8080:80").Inside(LabHost)
	end := check{step: End(), clean: true, stderr: []string{"what belongs to web is restored"}}
	checks := []check{
		{step: attach},
		{step: plumb("lookup", "--server", "127.0.0.11", "-t", "A", "web").Inside("web"), stdout: []string{"10.0.0.2"}},
	}
	if ipv6 {
		checks = append(checks, fetched(LabHost, "http://[::1]:8080/", "[fd70:6c75:6d62::1]"))
	}
	return append(checks, []check{
		{step: Run("/init", "flush").Inside(LabHost)},
		// Nothing comes back before the rules that translate are there again.
		{step: plumb("ping", "-c1", "-w10", "-i0.05", "8.8.8.8").Inside("web"), stdout: []string{"1 received"}},
		end,
	}...)
}

// ran are checks of containers, on a host of a lab.
func ran() []check {
	in := func(s Step) Step { return s.Inside(LabHost) }
	return []check{
		{step: in(Start("plumb", "run", "--name", "db", "--network", "back", "-p", "80", "--rate-in", "10mbit", "--rate-out", "20mbit",
			"--dns", "8.8.8.8", "--", "/init", "wait"))},
		{step: in(pings("db", "--network", "back")), stdout: []string{"1 received"}},
		{step: onHost("exec", "db", "--", "plumb", "lookup", "-t", "AAAA", "google.com"), stdout: []string{"2001:4860:4860::8888"}},
		{step: onHost("ls", "-q"), stdout: []string{"db\n"}},
		{step: End(), stderr: []string{"db publishes "}},
		{step: in(pings("8.8.8.8", "--internal")), status: 2, stderr: []string{"network is unreachable"}},
		{step: in(pings("2001:4860:4860::8888", "--subnet", "off")), stdout: []string{"1 received"}},
		{step: in(pings("8.8.8.8", "--subnet6", "off")), stdout: []string{"1 received"}, clean: true},
	}
}

func TestEverything(t *testing.T) {
	t.Parallel()
	eachKernel(t, func(t *testing.T, k kernel) {
		if k.old {
			t.Skip("containers need Linux 5.12")
		}
		checks := append(do(Load(modules()...), Look()), []check{
			{step: plumb("demo"), clean: true, stdout: []string{
				"plumb ping -c 2 -i 0.1 10.0.0.1", "plumb ping -c 2 -i 0.1 8.8.8.8", "plumb ping -c 2 -i 0.1 google.com",
				"plumb fetch http://google.com/", "the host is as it was", "this machine is as it was",
			}},
			{step: pings("10.0.0.1"), stdout: []string{"1 received"}},
			{step: pings("fd70:6c75:6d62::1", "--rootfs", "/image"), stdout: []string{"1 received"}},
			{step: plumb("run", "--", "/init", "touch", "/bin/touched"), stdout: []string{"written"}, clean: true},
		}...)
		checks = append(checks, attached(k, true)...)
		checks = append(checks, check{step: onHost("doctor"), stdout: []string{" 0 unknown, 0 warnings, 0 problems"}, clean: true})
		runChecks(t, k, "", append(checks, ran()...))
	})
}

func TestOldKernel(t *testing.T) {
	t.Parallel()
	eachKernel(t, func(t *testing.T, k kernel) {
		if !k.old {
			t.Skip("this kernel is new enough")
		}
		checks := append(do(Load(modules()...), Look()), []check{
			{step: pings("10.0.0.1"), status: exitRun, stderr: []string{tooOld}},
			{step: pings("10.0.0.1", "--rootfs", "/image"), status: exitRun, stderr: []string{tooOld}},
			{step: plumb("demo"), status: 1, stdout: []string{"this machine is as it was"}, stderr: []string{tooOld}, clean: true},
		}...)
		checks = append(checks, attached(k, true)...)
		runChecks(t, k, "", append(checks, check{step: onHost("doctor"), clean: true, stdout: []string{
			"warning  mount_setattr", "a kernel from Linux 5.12 on has it", "warning  nft owner tables", " 0 unknown, 2 warnings, 0 problems",
		}}))
	})
}

func TestWithoutIPv6(t *testing.T) {
	t.Parallel()
	eachKernel(t, func(t *testing.T, k kernel) {
		only := []string{"has IPv4 only: there is no IPv6 to be had"}
		checks := do(Load(modules()...), Look())
		if !k.old {
			checks = append(checks, []check{
				{step: pings("10.0.0.1"), stdout: []string{"1 received"}, stderr: only},
				{step: pings("10.0.0.1", "--subnet", "off"), status: exitRun, stderr: []string{"there is no IPv6 to be had"}},
				{step: pings("10.0.0.1", "--subnet6", "off"), stdout: []string{"1 received"}},
				{step: plumb("demo"), stderr: only, clean: true},
			}...)
		}
		checks = append(checks, attached(k, false)...)
		checks = append(checks, check{step: onHost("doctor"), stdout: []string{"warning  IPv6", "boot without ipv6.disable=1", " 0 problems"}, clean: true})
		runChecks(t, k, "ipv6.disable=1", checks)
	})
}
