package bench

import (
	"os"
	"strconv"
)

// rivals are the programs that are known, plumb first in each group.
func rivals() []Rival {
	return []Rival{
		{
			Name: "plumb", Group: GroupNetwork, UpName: "attach", DownName: "detach", Begin: stays,
			Up:   func(s *Stage) error { return s.plumb("attach", "web", "--pid", strconv.Itoa(s.PID)) },
			Down: func(s *Stage) error { return s.plumb("detach", "web") },
			End:  func(s *Stage) error { return s.plumb("detach", "--all") },
		},
		script("ip", []string{"ip", "iptables", "nsenter"}, movePeer+ipUp, ipDown), script("ip-inplace", []string{"ip", "iptables", "nsenter"}, peerInPlace+ipUp, ipDown),
		script("ip-batch", []string{"ip", "nft", "nsenter"}, batchUp, "nft delete table ip web\nip link del web0\n"),
		cni("cni-ptp", "ptp", cniPTP, false), cni("cni-ptp-nft", "ptp", cniPTP, true),
		cni("cni-bridge", "bridge", cniBridge, false), cni("cni-bridge-nft", "bridge", cniBridge, true),
		{
			Name: "plumb run", Group: GroupRun, UpName: "run with network, ports and DNS", Begin: rootfs,
			Up: func(s *Stage) error {
				return s.plumb("run", "--rootfs", s.Dir+"/rootfs", "-p", "8080:80", "--dns", "8.8.8.8", "--", "/bin/true")
			},
		},
		ociRuntime("runc", false), ociRuntime("crun", true), podman(), docker(),
	}
}

func (s *Stage) plumb(args ...string) error { return s.Run(Program{Path: s.Plumb, Args: args}) }

// stays attaches a container that stays, so that the table stands.
func stays(s *Stage) error {
	if err := s.startWaiting(); err != nil {
		return err
	}
	keep := s.waiting
	end := s.rival.End
	s.rival.End = func(s *Stage) error {
		err := end(s)
		keep.Kill()
		keep.Wait()
		return err
	}
	return s.plumb("attach", "stays", "--pid", strconv.Itoa(s.PID))
}

// script is a rival that is a script of the shell, in which $PID is the process.
func script(name string, programs []string, up, down string) Rival {
	run := func(file string) func(*Stage) error {
		return func(s *Stage) error {
			return s.Run(Program{Path: "/bin/sh", Args: []string{"-e", s.Dir + file}, Env: []string{"PID=" + strconv.Itoa(s.PID)}})
		}
	}
	return Rival{
		Name: name, Group: GroupNetwork, UpName: "set-up", DownName: "tear-down", Up: run("/up"), Down: run("/down"),
		Begin: func(s *Stage) error {
			if err := needs(programs...); err != nil {
				return err
			}
			if err := os.WriteFile(s.Dir+"/up", []byte(up), 0o644); err != nil {
				return err
			}
			return os.WriteFile(s.Dir+"/down", []byte(down), 0o644)
		},
	}
}

// The pair, as manuals have it, and as those make it who know that to move a link from one namespace to another the kernel waits for all who may
// still use it (rcu_barrier in __dev_change_net_namespace, net/core/dev.c).
const (
	movePeer    = "ip link add web0 type veth peer name eth0\nip link set eth0 netns $PID\n"
	peerInPlace = "ip link add web0 type veth peer name eth0 netns $PID\n"
)

// What people type who have a manual and patience.
const ipUp = `ip addr add 10.0.0.1/24 dev web0
ip link set web0 up
nsenter -t $PID -n ip link set lo up
nsenter -t $PID -n ip addr add 10.0.0.2/24 dev eth0
nsenter -t $PID -n ip link set eth0 up
nsenter -t $PID -n ip route add default via 10.0.0.1
echo 1 > /proc/sys/net/ipv4/ip_forward
iptables -t nat -A POSTROUTING -s 10.0.0.0/24 -j MASQUERADE
`

const ipDown = "iptables -t nat -D POSTROUTING -s 10.0.0.0/24 -j MASQUERADE\nip link del web0\n"

// The same by those who know what a process costs.
const batchUp = `ip -batch - <<.
link add web0 type veth peer name eth0 netns $PID
addr add 10.0.0.1/24 dev web0
link set web0 up
.
nsenter -t $PID -n ip -batch - <<.
link set lo up
addr add 10.0.0.2/24 dev eth0
link set eth0 up
route add default via 10.0.0.1
.
echo 1 > /proc/sys/net/ipv4/ip_forward
nft -f - <<.
table ip web {
	chain postrouting {
		type nat hook postrouting priority srcnat
		ip saddr 10.0.0.0/24 masquerade
	}
}
.
`
