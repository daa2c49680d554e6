package container

import (
	"bytes"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

func TestFramesGoThereAndBack(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	spec := initSpec{
		Args: []string{"sh", "-c", ""}, Env: []string{"PATH=/bin", "LONG=" + strings.Repeat("x", 1<<17)},
		Dir: "/tmp", Hostname: "web", Rootfs: "/a b", Init: true, Terminal: true,
	}
	files := Files{ResolvConf: "nameserver 192.0.2.1\n", Hosts: "a\x00b", Hostname: "web\n"}
	report := initReport{Stage: stageExec, Text: "no such file", Errno: unix.ENOENT}
	for _, f := range []frame{spec.frame(), files.frame(), report.frame(), initReport{Exec: true}.frame()} {
		if err := f.send(&b); err != nil {
			t.Fatal(err)
		}
	}
	gotSpec, err1 := receiveSpec(&b)
	gotFiles, err2 := receiveFiles(&b)
	gotReport, err3 := receiveReport(&b)
	exec, err4 := receiveReport(&b)
	if err1 != nil || err2 != nil || err3 != nil || err4 != nil {
		t.Fatal(err1, err2, err3, err4)
	}
	if diff := cmp.Diff(spec, gotSpec) + cmp.Diff(files, gotFiles) + cmp.Diff(report, gotReport); diff != "" || !exec.Exec {
		t.Error(diff, exec)
	}
	if _, err := receiveReport(&b); err != io.EOF {
		t.Errorf("after the last frame: %v, want io.EOF", err)
	}
}

func TestFrameTooLong(t *testing.T) {
	t.Parallel()
	if err := (frame{strings.Repeat("x", maxFrame)}).send(io.Discard); err == nil {
		t.Error("a frame that nobody takes was sent")
	}
}

func FuzzReceive(f *testing.F) {
	var b bytes.Buffer
	if err := (initSpec{Args: []string{"true"}, Env: []string{"A=b"}}).frame().send(&b); err != nil {
		f.Fatal(err)
	}
	f.Add(b.Bytes())
	f.Add([]byte{255, 255, 255, 255, 255, 255, 255, 255, 255, 1})
	f.Fuzz(func(t *testing.T, data []byte) {
		if spec, err := receiveSpec(bytes.NewReader(data)); err == nil && len(spec.Args) == 0 {
			t.Error("a spec without a command was taken")
		}
		receiveFiles(bytes.NewReader(data))
		receiveReport(bytes.NewReader(data))
	})
}
