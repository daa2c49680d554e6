package page_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"plumb/container"
	clab "plumb/container/lab"
	"plumb/container/netns"
	"plumb/rtnl"
	"plumb/rtnl/trace"
	"plumb/rtnl/trace/page"
	"plumb/rtnl/wire"
	"plumb/test/lab"
)

// A recording keeps events beside a page.
type recording struct {
	mu     sync.Mutex
	events []wire.Event
}

func (r *recording) Trace(e wire.Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	e.Message = bytes.Clone(e.Message)
	r.events = append(r.events, e)
}

// hostile is text that would be markup where it is not escaped, and break scripts and attributes.
const hostile = `</script><script>document.title='hacked'</script><img src=x onerror="document.title='hacked'">'"` + "\u2028&lt;<!--"

// hostileName is the worst that the kernel takes for a link's name.
const hostileName = `<b>"'&\<b>`

// ips are the commands of a few messages, without knowing of them.
type ips struct{}

func (ips) Command(e wire.Event) string {
	if e.Sent && e.Purpose == hostile {
		return "ip link set dev lo alias '" + hostile + "'"
	}
	return ""
}

// scene traces a real set-up: a host, its uplink, a container that is attached to it and detached; then a few messages
// that are refused, and one with hostile texts. It returns the page's file.
func scene(t *testing.T) (file string, events []wire.Event) {
	t.Helper()
	lab.NeedKernel(t)
	file = filepath.Join(t.TempDir(), "trace.html")
	f, err := os.Create(file)
	if err != nil {
		t.Fatal(err)
	}
	html := page.New(f, page.Options{Title: "plumb run " + hostile, Commands: ips{}})
	seen := &recording{}
	tracer := trace.Tee(html, seen)
	l, err := clab.New(t.Context(), clab.Options{Tracer: tracer})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	machine, err := l.AddHost(t.Context(), "host", clab.HostOptions{})
	if err != nil {
		t.Fatal(err)
	}
	host, err := container.OpenHost(container.HostOptions{NS: machine.NS(), Tracer: tracer})
	if err != nil {
		t.Fatal(err)
	}
	defer host.Close()
	inside := lab.NewNS(t)
	if _, err := host.Attach(t.Context(), container.Network{Name: "web", Publish: []container.Publish{{Proto: unix.IPPROTO_TCP, HostPort: 8080, Port: 80, Count: 1}}}, inside); err != nil {
		t.Fatal(err)
	}
	refused(t, machine.NS(), tracer)
	if _, err := host.Detach("web"); err != nil {
		t.Fatal(err)
	}
	wire.Step(tracer, "host", "a step that fails "+hostile, time.Now(), unix.EROFS)
	if err := errors.Join(html.Close(), f.Close()); err != nil {
		t.Fatal(err)
	}
	return file, seen.events
}

// refused sends what the kernel refuses and says why, and sets an alias that is none.
func refused(t *testing.T, ns *netns.NS, tracer wire.Tracer) {
	t.Helper()
	var c *rtnl.Conn
	err := ns.Do(func() (err error) {
		c, err = rtnl.Dial(wire.Config{Namespace: "host", Tracer: tracer})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := c.LinkByName("nobody"); err == nil {
		t.Fatal("there is a link called nobody")
	}
	err = c.Do(
		rtnl.NewLink(&rtnl.Link{Name: hostileName, Info: &rtnl.LinkInfo{Kind: "veth"}}, hostile),
		rtnl.SetLink(&rtnl.Link{Name: hostileName, Alias: hostile}, hostile),
		rtnl.SetLink(&rtnl.Link{Index: 1, Name: "a-name-that-is-too-long"}, "a name that is too long"),
		rtnl.DelLink(&rtnl.Link{Name: hostileName}, "delete it again"),
	)
	if refusals := wire.Refusals(err); len(refusals) != 1 || refusals[0].Offset == 0 {
		t.Fatalf("got %v, want one refusal that points somewhere", err)
	}
}
