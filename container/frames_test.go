package container

import (
	"bytes"
	"errors"
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

func TestExecFramesGoThereAndBack(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	specs := []execSpec{
		{Args: []string{"sh", ""}, Env: []string{"A=b"}, Dir: "/tmp", Namespaces: unix.CLONE_NEWNET | unix.CLONE_NEWUSER, Root: true, NoNewPrivs: true, Limit: true, Caps: 1<<63 | 5, User: &User{1, 2}},
		{Args: []string{"true"}, Env: []string{}, Limit: true, OpenFiles: 1 << 62},
		{Args: []string{"true"}, Env: []string{}, Namespaces: unix.CLONE_NEWNET},
	}
	for _, spec := range specs {
		if err := spec.frame().send(&b); err != nil {
			t.Fatal(err)
		}
		got, err := receiveExecSpec(&b)
		if diff := cmp.Diff(spec, got); diff != "" || err != nil {
			t.Error(diff, err)
		}
	}
	if err := pidFrame(17).send(&b); err != nil {
		t.Fatal(err)
	}
	if pid, err := receivePID(&b); pid != 17 || err != nil {
		t.Errorf("pid %d, %v, want 17", pid, err)
	}
	if err := reportOf("a stage", unix.EPERM).frame().send(&b); err != nil {
		t.Fatal(err)
	}
	if _, err := receivePID(&b); !errors.Is(err, unix.EPERM) || !strings.HasPrefix(err.Error(), "a stage: ") {
		t.Errorf("a report instead of a pid: %v", err)
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
	f.Add(bytes.Clone(b.Bytes()))
	b.Reset()
	if err := (execSpec{Args: []string{"true"}, Env: []string{"A=b"}, Limit: true, User: &User{1, 2}}).frame().send(&b); err != nil {
		f.Fatal(err)
	}
	f.Add(b.Bytes())
	f.Add([]byte{255, 255, 255, 255, 255, 255, 255, 255, 255, 1})
	f.Fuzz(func(t *testing.T, data []byte) {
		if spec, err := receiveSpec(bytes.NewReader(data)); err == nil && len(spec.Args) == 0 {
			t.Error("a spec without a command was taken")
		}
		if spec, err := receiveExecSpec(bytes.NewReader(data)); err == nil && len(spec.Args) == 0 {
			t.Error("an exec's spec without a command was taken")
		}
		if pid, err := receivePID(bytes.NewReader(data)); err == nil && pid <= 0 {
			t.Errorf("pid %d was taken", pid)
		}
		receiveFiles(bytes.NewReader(data))
		receiveReport(bytes.NewReader(data))
	})
}
