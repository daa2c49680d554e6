package bench

import (
	"errors"
	"fmt"
	"os"
	"strconv"

	"plumb/container/lab"
	"plumb/nat"
)

// What is asked of the CNI plugins, besides addresses.
const (
	cniPTP    = `"type": "ptp", "ipMasq": true`
	cniBridge = `"type": "bridge", "bridge": "web-br", "isGateway": true, "ipMasq": true`
)

// pluginDirs are where CNI plugins are: where a runtime is told to look (CNI_PATH), and else where distributions have them.
func pluginDirs() string {
	const usual = "/opt/cni/bin:/usr/lib/cni:/usr/libexec/cni"
	if given := os.Getenv("CNI_PATH"); given != "" {
		return given + ":" + usual
	}
	return usual
}

// cni is a plugin with host-local, run as a runtime runs it (CNI specification 1.0, section 3). It masquerades by iptables, or by nftables.
func cni(name, plugin, config string, nft bool) Rival {
	backend := "iptables"
	if nft {
		backend = "nftables"
	}
	command := func(command string) func(*Stage) error {
		return func(s *Stage) error {
			program, err := find(plugin, pluginDirs())
			if err != nil {
				return err
			}
			return s.Run(Program{Path: program, Stdin: s.Dir + "/config", Env: []string{
				"CNI_COMMAND=" + command, "CNI_CONTAINERID=web", "CNI_IFNAME=eth0", "CNI_PATH=" + pluginDirs(),
				"CNI_NETNS=/proc/" + strconv.Itoa(s.PID) + "/ns/net",
			}})
		}
	}
	r := Rival{
		Name: name, Group: GroupNetwork, UpName: "ADD", DownName: "DEL", Up: command("ADD"), Down: command("DEL"),
		Begin: func(s *Stage) error {
			for _, p := range []string{plugin, "host-local"} {
				if _, err := find(p, pluginDirs()); err != nil {
					return err
				}
			}
			if err := needs("iptables"); err != nil && !nft {
				return err
			}
			text := fmt.Sprintf(`{"cniVersion": "1.0.0", "name": "bench", %s, "ipMasqBackend": %q, "ipam": {"type": "host-local", "dataDir": %q,
				"ranges": [[{"subnet": "10.0.0.0/24"}]], "routes": [{"dst": "0.0.0.0/0"}]}}`, config, backend, s.Dir+"/leases")
			return os.WriteFile(s.Dir+"/config", []byte(text), 0o644)
		},
	}
	if nft {
		r.Check = cniByNFT
	}
	return r
}

// cniByNFT sees that a plugin has masqueraded by nftables itself: one that does not know of backends takes iptables, which has table "nat" for it, of
// nftables or not.
func cniByNFT(s *Stage) error {
	c, err := lab.Open(s.Host, nat.Dial)
	if err != nil {
		return err
	}
	defer c.Close()
	tables, err := c.Tables(nat.NFPROTO_UNSPEC)
	if err != nil {
		return err
	}
	for i := range tables {
		if tables[i].Name == "cni_plugins_masquerade" {
			return nil
		}
	}
	return errors.New("the plugin that is installed masquerades by iptables alone, whatever ipMasqBackend says: give a later one's directory in CNI_PATH")
}
