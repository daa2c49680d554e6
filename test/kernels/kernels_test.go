package kernels

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// nftables are the modules of plumb's rules, in an order in which they can be loaded.
func nftables() []string {
	return []string{
		"libcrc32c", "nfnetlink", "nf_tables", "nf_defrag_ipv4", "nf_defrag_ipv6", "nf_conntrack", "nf_nat",
		"nft_chain_nat", "nft_masq", "nft_nat", "nft_ct", "nft_fib", "nft_fib_ipv4", "nft_fib_ipv6", "nft_fib_inet", "nft_limit",
	}
}

// A check is a Step with what is to come of it.
type check struct {
	step   Step
	status int
	stdout []string // is in it
	stderr []string
	clean  bool // all is as it was at the last Look
}

// runChecks boots a kernel with the steps of the checks, and looks at what came of them.
func runChecks(t *testing.T, k kernel, cmdline string, checks []check) {
	t.Helper()
	m := machine{kernel: k, cmdline: cmdline}
	for _, c := range checks {
		c.step.Compare = c.clean
		m.steps = append(m.steps, c.step)
	}
	for i, r := range m.boot(t) {
		if wrong := checks[i].wrong(r); len(wrong) > 0 {
			t.Errorf("%s\n    WRONG: %s", r, strings.Join(wrong, "; "))
		} else if testing.Verbose() {
			t.Log(r)
		}
	}
}

// wrong is what is not as it should be.
func (c check) wrong(r Result) []string {
	var list []string
	if r.Status != c.status {
		list = append(list, fmt.Sprintf("the status should be %d", c.status))
	}
	for _, want := range c.stdout {
		if !strings.Contains(r.Stdout, want) {
			list = append(list, fmt.Sprintf("stdout lacks %q", want))
		}
	}
	for _, want := range c.stderr {
		if !strings.Contains(r.Stderr, want) {
			list = append(list, fmt.Sprintf("stderr lacks %q", want))
		}
	}
	if len(r.Left) > 0 {
		list = append(list, "all should be as it was")
	}
	return list
}

// What plumb says where it cannot do its work.
const (
	noVeth  = "veth is not supported by this kernel: load the module veth, or rebuild with CONFIG_VETH"
	noNFT   = "nf_tables not supported by this kernel: load the module nf_tables, or rebuild with CONFIG_NF_TABLES"
	tooOld  = "containers need Linux 5.12"
	exitRun = 125 // the status of plumb run where plumb, and not the command, failed
)

func plumb(args ...string) Step { return Run(append([]string{"plumb"}, args...)...) }

// pingGateway is a container that uses its network.
func pingGateway(options ...string) Step {
	return plumb(slices.Concat([]string{"run"}, options, []string{"--", "plumb", "ping", "-c1", "10.0.0.1"})...)
}

// attached are checks of an attachment from its beginning to its end.
func attached() []check {
	return []check{
		{step: Lab()},
		{step: Netns("web")},
		{step: Look("", LabHost)},
		{step: plumb("attach", "web", "--netns", "/run/netns/web").Inside(LabHost), stdout: []string{"web eth0 10.0.0.2/24 via 10.0.0.1 (pl-web)"}},
		{step: plumb("ping", "-c1", "10.0.0.1").Inside("web"), stdout: []string{"1 received"}},
		{step: plumb("ping", "-c1", "8.8.8.8").Inside("web"), stdout: []string{"1 received"}},
		{step: plumb("ping", "-c1", "10.0.0.2").Inside(LabHost), stdout: []string{"1 received"}},
		{step: plumb("lookup", "--server", "8.8.8.8", "-t", "A", "google.com").Inside("web"), stdout: []string{"8.8.8.8"}},
		{step: plumb("fetch", "http://8.8.8.8/").Inside("web"), stdout: []string{"203.0.113.2"}},
		{step: plumb("detach", "web").Inside(LabHost), clean: true},
		{step: plumb("detach", "web").Inside(LabHost), clean: true, stderr: []string{"nothing named web is attached"}},
	}
}

// refused are checks that plumb can neither attach nor run, says why, and leaves nothing.
func refused(k kernel, why string) []check {
	checks := []check{
		{step: plumb("attach", "web", "--netns", "/run/netns/web"), status: 1, stderr: []string{"plumb: attach web: ", why}, clean: true},
	}
	if k.old {
		return checks
	}
	return append(checks, check{step: pingGateway(), status: exitRun, stderr: []string{"plumb: run", why}, clean: true})
}

func TestEverything(t *testing.T) {
	t.Parallel()
	eachKernel(t, func(t *testing.T, k kernel) {
		if k.old {
			t.Skip("containers need Linux 5.12")
		}
		checks := []check{
			{step: Load("veth", "overlay")},
			{step: Load(nftables()...)},
			{step: Look()},
			{step: plumb("demo"), clean: true, stdout: []string{
				"plumb ping -c 2 -i 0.1 10.0.0.1", "plumb ping -c 2 -i 0.1 8.8.8.8", "plumb ping -c 2 -i 0.1 google.com",
				"plumb fetch http://google.com/", "the host is as it was", "this machine is as it was",
			}},
			{step: pingGateway(), stdout: []string{"1 received"}, clean: true},
			{step: pingGateway("--rootfs", "/image"), stdout: []string{"1 received"}, clean: true},
			{step: plumb("run", "--", "/init", "touch", "/bin/touched"), stdout: []string{"written"}, clean: true},
		}
		runChecks(t, k, "", append(checks, attached()...))
	})
}

// TestWithoutVeth goes on, once veth is there, without overlay: then the host's root is the container's, read-only.
func TestWithoutVeth(t *testing.T) {
	t.Parallel()
	eachKernel(t, func(t *testing.T, k kernel) {
		checks := []check{{step: Load(nftables()...)}, {step: Netns("web")}, {step: Look()}}
		checks = append(checks, refused(k, noVeth)...)
		checks = append(checks, check{step: plumb("detach", "web"), clean: true})
		if !k.old {
			checks = append(checks, []check{
				{step: Load("veth")},
				{step: Look()},
				{step: pingGateway(), stdout: []string{"1 received"}, clean: true},
				{step: plumb("run", "--", "/init", "touch", "/bin/touched"), status: 1, stdout: []string{"read-only file system"}, clean: true},
			}...)
		}
		runChecks(t, k, "", checks)
	})
}

// TestWithoutNFTables tries without nfnetlink, where no socket can be opened, and then with it.
func TestWithoutNFTables(t *testing.T) {
	t.Parallel()
	eachKernel(t, func(t *testing.T, k kernel) {
		checks := []check{{step: Load("veth", "overlay")}, {step: Netns("web")}, {step: Look()}}
		checks = append(checks, refused(k, noNFT)...)
		checks = append(checks, check{step: Load("libcrc32c", "nfnetlink")}, check{step: Look()})
		runChecks(t, k, "", append(checks, refused(k, noNFT)...))
	})
}

func TestOldKernel(t *testing.T) {
	t.Parallel()
	eachKernel(t, func(t *testing.T, k kernel) {
		if !k.old {
			t.Skip("this kernel is new enough")
		}
		checks := []check{
			{step: Load("veth", "overlay")},
			{step: Load(nftables()...)},
			{step: Look()},
			{step: pingGateway(), status: exitRun, stderr: []string{tooOld}, clean: true},
			{step: pingGateway("--rootfs", "/image"), status: exitRun, stderr: []string{tooOld}, clean: true},
			{step: plumb("demo"), status: 1, stderr: []string{tooOld}, clean: true},
		}
		runChecks(t, k, "", append(checks, attached()...))
	})
}

func TestWithoutIPv6(t *testing.T) {
	t.Parallel()
	eachKernel(t, func(t *testing.T, k kernel) {
		checks := []check{{step: Load("veth", "overlay")}, {step: Load(nftables()...)}, {step: Look()}}
		if !k.old {
			checks = append(checks, check{step: pingGateway(), stdout: []string{"1 received"}, clean: true})
			checks = append(checks, check{step: plumb("demo"), clean: true})
		}
		runChecks(t, k, "ipv6.disable=1", append(checks, attached()...))
	})
}
