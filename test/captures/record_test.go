package captures

import (
	"bytes"
	"encoding/binary"
	"flag"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"plumb/rtnl/trace/capture"
	"plumb/test/lab"
)

var update = flag.Bool("update", false, "run the programs again, and record what they say")

// TestRecord runs the scripts again where it is asked to, as root.
func TestRecord(t *testing.T) {
	if !*update {
		t.Skip("without -update, testdata is what was recorded")
	}
	scripts, err := filepath.Glob("programs/*.sh")
	if err != nil {
		t.Fatal(err)
	}
	for _, script := range scripts {
		name := strings.TrimSuffix(filepath.Base(script), ".sh")
		t.Run(name, func(t *testing.T) { record(t, script, "testdata/"+name+".pcap") })
	}
}

func record(t *testing.T, script, file string) {
	dir := t.TempDir()
	said := filepath.Join(dir, "strace")
	// Some of the scripts' commands fail, where the kernel does not have what they ask for: that is recorded, too.
	command := exec.Command(lab.NeedTool(t, "unshare"), "-n", "-m", lab.NeedTool(t, "strace"), "-f", "-ttt", "-yy",
		"-e", "trace=%net", "-e", "signal=none", "-e", "read=all", "-e", "write=all", "-o", said, "bash", script)
	command.Env = append(os.Environ(), "DIR="+dir)
	out, err := command.CombinedOutput()
	t.Logf("%s\n%v", out, err)
	f, err := os.Open(said)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := os.WriteFile(file, trimmed(t, capture.NewStrace(f)), 0o644); err != nil {
		t.Fatal(err)
	}
}

// trimmed is a file of the messages of a capture: of equal ones one, and of those of one type, direction and length two.
func trimmed(t *testing.T, s capture.Source) []byte {
	t.Helper()
	type shape struct {
		family, length int
		sent           bool
		typ            uint16
	}
	equal, alike := map[string]bool{}, map[shape]int{}
	b := capture.PcapHeader()
	for {
		p, err := s.Next()
		if err == io.EOF {
			return b
		}
		if err != nil {
			t.Fatal(err)
		}
		for data := p.Data; len(data) >= 16; {
			n := int(binary.NativeEndian.Uint32(data))
			if n < 16 || n > len(data) {
				break // the rest of a buffer, after the last message
			}
			whole := data[:n]
			typ := binary.NativeEndian.Uint16(whole[4:])
			key := string(bytes.Join([][]byte{{byte(p.Family)}, whole[4:8], whole[16:]}, nil))
			as := shape{p.Family, n, p.Sent, typ}
			if !equal[key] && alike[as] < 2 {
				one := capture.Packet{Time: p.Time, Family: p.Family, Sent: p.Sent, Data: whole}
				b = capture.AppendPcap(b, &one)
				alike[as]++
			}
			equal[key] = true
			data = data[min((n+3)&^3, len(data)):]
		}
	}
}
