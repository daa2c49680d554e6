package container_test

import (
	"context"
	"errors"
	"math"
	"net/netip"
	"os/exec"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"plumb/container"
	clab "plumb/container/lab"
	"plumb/container/netns"
)

// faulty is plumb on the town's host, over sockets with faults.
func (w *town) faulty(first, end int64) (*container.Host, *faults) {
	w.t.Helper()
	f := &faults{first: math.MaxInt64, end: math.MaxInt64, lost: -1}
	h, err := container.OpenHostOver(container.HostOptions{NS: w.host.NS()}, f.transport)
	must(w.t, err)
	f.first, f.end = first, end
	return h, f
}

// Each message of an attach is refused in turn: alone, and with all that come after it, so that what is done cannot be
// undone. Alone it leaves nothing; in either case the error says what was attempted, and in the latter also what is left,
// which a detach then removes.
func TestEachMessageRefused(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	box := w.box("box")
	for _, c := range []struct {
		net    container.Network
		others bool // another container is there, and the table with it
	}{
		{container.Network{Name: "web"}, false},
		{container.Network{Name: "a-long-name-for-which-there-is-a-further-one", Addr: netip.MustParseAddr("10.0.0.9"), Internal: true}, true},
	} {
		if c.others {
			w.attach(container.Network{Name: "other", Internal: true}) // with the subnet's rules, which stay with the subnet
		}
		before := w.picture(w.host, box)
		for number := int64(0); w.refuseOne(c.net, box, number, before, c.others); number++ {
			w.refuseFrom(c.net, box, number, before)
			if number > 200 || t.Failed() {
				t.Fatalf("message %d", number)
			}
		}
	}
}

// Each answer of the kernel's is lost in turn, though what was asked for was done. Then the attach fails, and undoes it, too.
func TestEachAnswerLost(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	box := w.box("box")
	before := w.picture(w.host, box)
	for number := int64(0); ; number++ {
		h, f := w.faulty(math.MaxInt64, math.MaxInt64)
		f.answers.Store(0)
		f.lost = number
		_, err := h.Attach(t.Context(), container.Network{Name: "web"}, box.NS())
		must(t, h.Close())
		t.Logf("answer %d lost: %v", number, err)
		if err == nil {
			w.detach("web")
		}
		w.same(before, w.host, box)
		if f.answers.Load() <= number {
			check(t, err)
			return
		}
		if t.Failed() || number > 200 {
			t.Fatalf("answer %d", number)
		}
	}
}

// refuseOne attaches while one message is refused, by a host that has attached before, or not. It reports whether there was such a message.
func (w *town) refuseOne(n container.Network, box *clab.Host, number int64, before []clab.State, again bool) bool {
	w.t.Helper()
	h, f := w.faulty(math.MaxInt64, math.MaxInt64)
	if again { // it goes by what it remembers
		_, err := h.Attach(w.t.Context(), n, box.NS())
		must(w.t, err)
		_, err = h.Detach(n.Name)
		must(w.t, err)
		f.sent.Store(0)
	}
	f.first, f.end = number, number+1
	_, err := h.Attach(w.t.Context(), n, box.NS())
	must(w.t, h.Close())
	if open := f.leaked(); open > 0 {
		w.t.Errorf("message %d refused: %d sockets are open", number, open)
	}
	if err == nil { // no such message, or one that only looks
		w.detach(n.Name)
	}
	if f.sent.Load() <= number {
		check(w.t, err)
		return false
	}
	if err != nil {
		w.t.Logf("message %d refused: %v", number, err)
		saysWhat(w.t, number, err)
	}
	w.same(before, w.host, box)
	return true
}

// saysWhat checks that an error tells what was attempted and what the kernel said to that.
func saysWhat(t testing.TB, number int64, err error) {
	t.Helper()
	what, why, _ := strings.Cut(err.Error(), ": ")
	if len(strings.Fields(what)) < 2 || !strings.Contains(why, "(E") || strings.Contains(err.Error(), "left behind") {
		t.Errorf("message %d refused: the error does not say what was attempted and why it failed, or that something is left: %v", number, err)
	}
}

// refuseFrom attaches while all messages from a number on are refused, and then takes away what is left.
func (w *town) refuseFrom(n container.Network, box *clab.Host, number int64, before []clab.State) {
	w.t.Helper()
	h, f := w.faulty(number, math.MaxInt64)
	_, err := h.Attach(w.t.Context(), n, box.NS())
	must(w.t, h.Close())
	if f.leaked() > 0 {
		w.t.Errorf("all messages from %d on refused: %d sockets are open", number, f.leaked())
	}
	if err == nil { // what is refused by then is the flush of old connections, which is told, and no failure
		w.detach(n.Name)
		w.same(before, w.host, box)
		return
	}
	found, detachErr := w.h.Detach(n.Name)
	check(w.t, detachErr)
	if said := strings.Contains(err.Error(), "left behind: could not "); found != said {
		w.t.Errorf("all messages from %d on refused: something was left: %v, but the error is: %v", number, found, err)
	}
	w.same(before, w.host, box)
}

// A kernel without veth refuses the message that creates the pair.
func TestNoVeth(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	box := w.box("box")
	for number := int64(0); number < 40; number++ {
		h, _ := w.faulty(number, number+1)
		_, err := h.Attach(t.Context(), container.Network{Name: "web"}, box.NS())
		must(t, h.Close())
		if err != nil && strings.HasPrefix(err.Error(), "create pl-web") {
			want := "create pl-web and eth0 at its other end: operation not supported (EOPNOTSUPP): veth is not supported by this kernel: load the module veth, or rebuild with CONFIG_VETH"
			if err.Error() != want || !errors.Is(err, unix.EOPNOTSUPP) {
				t.Errorf("got  %v\nwant %s", err, want)
			}
			return
		}
		w.detach("web")
	}
	t.Error("no message creates pl-web")
}

// SetupVeth undoes what it did, whichever of its messages is refused.
func TestEachMessageOfSetupVethRefused(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	cmd := exec.Command("sleep", "1000")
	box := w.box("box")
	must(t, box.Do(cmd.Start))
	defer func() { cmd.Process.Kill(); cmd.Wait() }()
	ns, err := netns.FromPID(cmd.Process.Pid)
	must(t, err)
	defer ns.Close()
	before := w.picture(w.host, box)
	for number := int64(0); ; number++ {
		h, f := w.faulty(number, number+1)
		err := h.SetupVeth("veth0", ns)
		must(t, h.Close())
		if err == nil {
			check(t, w.cleanup("veth0"))
		}
		w.same(before, w.host, box)
		if f.sent.Load() <= number {
			break
		}
		if err != nil {
			saysWhat(t, number, err)
		}
		if t.Failed() {
			t.Fatalf("message %d: %v", number, err)
		}
	}
}

// An attach that is told to stop stops, and leaves nothing.
func TestCancelled(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	w.attach(container.Network{Name: "web"})
	box := w.box("box")
	before := w.picture(w.host, box)
	for _, n := range []container.Network{{Name: "web"}, {Name: "other", Addr: netip.MustParseAddr("10.0.0.2")}} {
		ctx, cancel := context.WithCancelCause(t.Context())
		cancel(errEnded)
		_, err := w.h.Attach(ctx, n, box.NS())
		if !errors.Is(err, errEnded) {
			t.Errorf("attach %s: %v, want that it was ended", n.Name, err)
		}
		w.same(before, w.host, box)
	}
}

var errEnded = errors.New("ended by the test")
