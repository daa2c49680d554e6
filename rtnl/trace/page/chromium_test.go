package page_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"plumb/test/lab"
)

// A browser is a chromium without a window, driven over its DevTools protocol through a pair of pipes: JSON objects, each
// ended by a NUL (https://chromedevtools.github.io/devtools-protocol). It runs in the sealed namespace of the tests.
type browser struct {
	in   *os.File
	done chan struct{}

	mu      sync.Mutex // guards what follows
	next    int
	waiting map[int]chan reply
	tabs    map[string]*tab // by session
}

type reply struct {
	Result json.RawMessage
	Error  *struct{ Message string }
}

// newBrowser starts a browser that ends with the test.
func newBrowser(t *testing.T) *browser {
	t.Helper()
	program := lab.NeedTool(t, "chromium")
	home := t.TempDir()
	theirIn, in, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	out, theirOut, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(program, "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars",
		"--no-first-run", "--user-data-dir="+filepath.Join(home, "profile"), "--remote-debugging-pipe", "--force-color-profile=srgb")
	cmd.Env = append(os.Environ(), "HOME="+home, "XDG_CONFIG_HOME="+home, "XDG_CACHE_HOME="+home)
	cmd.ExtraFiles = []*os.File{theirIn, theirOut} // 3 and 4
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	theirIn.Close()
	theirOut.Close()
	b := &browser{in: in, done: make(chan struct{}), waiting: map[int]chan reply{}, tabs: map[string]*tab{}}
	go b.read(out)
	t.Cleanup(func() {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) // its own group: the browser and its children
		_ = cmd.Wait()
		<-b.done
		in.Close()
		out.Close()
		if t.Failed() {
			t.Logf("chromium's stderr:\n%s", stderr.String())
		}
	})
	return b
}

// read takes what the browser says until it has ended.
func (b *browser) read(out *os.File) {
	defer close(b.done)
	var rest []byte
	chunk := make([]byte, 1<<16)
	for {
		n, err := out.Read(chunk)
		if err != nil {
			return
		}
		rest = append(rest, chunk[:n]...)
		for {
			one, more, found := bytes.Cut(rest, []byte{0})
			if !found {
				break
			}
			b.take(bytes.Clone(one))
			rest = more
		}
	}
}

func (b *browser) take(message []byte) {
	var m struct {
		ID        int
		SessionID string
		Method    string
		Params    json.RawMessage
		reply
	}
	if json.Unmarshal(message, &m) != nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if to := b.waiting[m.ID]; to != nil {
		delete(b.waiting, m.ID)
		to <- m.reply
	} else if tab := b.tabs[m.SessionID]; tab != nil {
		tab.event(m.Method, m.Params)
	}
}

// call calls a method and reads its result into one, which may be nil.
func (b *browser) call(t *testing.T, session, method string, params, result any) {
	t.Helper()
	answer := make(chan reply, 1)
	b.mu.Lock()
	b.next++
	id := b.next
	b.waiting[id] = answer
	b.mu.Unlock()
	m := map[string]any{"id": id, "method": method, "params": params}
	if session != "" {
		m["sessionId"] = session
	}
	text, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.in.Write(append(text, 0)); err != nil {
		t.Fatalf("%s: %v", method, err)
	}
	select {
	case r := <-answer:
		if r.Error != nil {
			t.Fatalf("%s: %s", method, r.Error.Message)
		}
		if result != nil {
			if err := json.Unmarshal(r.Result, result); err != nil {
				t.Fatalf("%s: %v", method, err)
			}
		}
	case <-b.done:
		t.Fatalf("%s: chromium has ended", method)
	case <-time.After(time.Minute):
		t.Fatalf("%s: no answer in a minute", method)
	}
}

// A tab is one page that is open.
type tab struct {
	t       *testing.T
	b       *browser
	session string
	loaded  chan struct{}

	mu        sync.Mutex
	complaint []string // what the page has thrown, logged, or been refused
	requests  []string // of its own, besides the file
}

type none = map[string]any

// open opens a file, as wide and high as is said, and waits until it is loaded. setup is called before.
func (b *browser) open(t *testing.T, file string, width, height int, setup ...func(*tab)) *tab {
	t.Helper()
	var target struct{ TargetID, SessionID string }
	b.call(t, "", "Target.createTarget", none{"url": "about:blank"}, &target)
	b.call(t, "", "Target.attachToTarget", none{"targetId": target.TargetID, "flatten": true}, &target)
	p := &tab{t: t, b: b, session: target.SessionID, loaded: make(chan struct{}, 8)}
	b.mu.Lock()
	b.tabs[p.session] = p
	b.mu.Unlock()
	for _, domain := range []string{"Page", "Runtime", "Log", "Network"} {
		p.call(domain+".enable", none{}, nil)
	}
	p.call("Emulation.setDeviceMetricsOverride", none{"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600}, nil)
	for _, f := range setup {
		f(p)
	}
	p.call("Page.navigate", none{"url": "file://" + file}, nil)
	select {
	case <-p.loaded:
	case <-time.After(time.Minute):
		t.Fatalf("%s was not loaded in a minute", file)
	}
	return p
}

func (p *tab) call(method string, params, result any) {
	p.t.Helper()
	p.b.call(p.t, p.session, method, params, result)
}

// event notes what a page is not to do.
func (p *tab) event(method string, params json.RawMessage) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch method {
	case "Page.loadEventFired":
		p.loaded <- struct{}{}
	case "Runtime.exceptionThrown", "Runtime.consoleAPICalled", "Log.entryAdded":
		p.complaint = append(p.complaint, method+": "+string(params))
	case "Network.requestWillBeSent":
		var r struct{ Request struct{ URL string } }
		if json.Unmarshal(params, &r) == nil && !strings.HasPrefix(r.Request.URL, "file:") && !strings.HasPrefix(r.Request.URL, "data:") {
			p.requests = append(p.requests, r.Request.URL)
		}
	}
}

// quiet fails the test if the page has complained of anything, or asked the network for anything.
func (p *tab) quiet() {
	p.t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.complaint) > 0 || len(p.requests) > 0 {
		p.t.Errorf("the page complained of %q, and requested %q", p.complaint, p.requests)
	}
}

// eval runs an expression in the page, which is awaited, and reads its value into result.
func (p *tab) eval(expression string, result any) {
	p.t.Helper()
	var r struct {
		Result           struct{ Value json.RawMessage }
		ExceptionDetails *struct {
			Text      string
			Exception struct{ Description string }
		}
	}
	p.call("Runtime.evaluate", none{"expression": expression, "returnByValue": true, "awaitPromise": true}, &r)
	if x := r.ExceptionDetails; x != nil {
		p.t.Fatalf("%s: %s %s", expression, x.Text, x.Exception.Description)
	}
	if result == nil {
		return
	}
	if err := json.Unmarshal(r.Result.Value, result); err != nil {
		p.t.Fatalf("%s is %s: %v", expression, r.Result.Value, err)
	}
}

func (p *tab) text(expression string) (s string) {
	p.t.Helper()
	p.eval("String("+expression+")", &s)
	return s
}

// point moves the mouse to the middle of the first element that fits.
func (p *tab) point(selector string) {
	p.t.Helper()
	x, y := p.middle(selector)
	p.call("Input.dispatchMouseEvent", none{"type": "mouseMoved", "x": x, "y": y}, nil)
}

func (p *tab) click(selector string) {
	p.t.Helper()
	x, y := p.middle(selector)
	for _, kind := range []string{"mousePressed", "mouseReleased"} {
		p.call("Input.dispatchMouseEvent", none{"type": kind, "x": x, "y": y, "button": "left", "clickCount": 1}, nil)
	}
}

func (p *tab) middle(selector string) (x, y float64) {
	p.t.Helper()
	var at []float64
	p.eval(fmt.Sprintf(`(() => { const e = document.querySelector(%q); e.scrollIntoView({block: 'nearest'}); const r = e.getBoundingClientRect();
		return [r.left + r.width / 2, r.top + r.height / 2]; })()`, selector), &at)
	return at[0], at[1]
}

// press presses keys: single characters, or names such as ArrowDown.
func (p *tab) press(keys ...string) {
	p.t.Helper()
	for _, key := range keys {
		down := none{"type": "keyDown", "key": key}
		if len(key) == 1 {
			down["text"] = key
		}
		if key == "Enter" {
			down["text"] = "\r"
		}
		if key == "Tab" {
			down["windowsVirtualKeyCode"] = 9
		}
		p.call("Input.dispatchKeyEvent", down, nil)
		p.call("Input.dispatchKeyEvent", none{"type": "keyUp", "key": key}, nil)
	}
}

// picture writes what is seen to a file, if the directory for it is named in the environment: for people to look at.
func (p *tab) picture(name string) {
	p.t.Helper()
	var shot struct{ Data string }
	p.call("Page.captureScreenshot", none{"format": "png"}, &shot)
	b, err := base64.StdEncoding.DecodeString(shot.Data)
	if err != nil || !bytes.HasPrefix(b, []byte("\x89PNG")) {
		p.t.Fatalf("no picture: %v", err)
	}
	if dir := os.Getenv("PLUMB_TEST_PICTURES"); dir != "" {
		if err := os.WriteFile(filepath.Join(dir, name+".png"), b, 0o644); err != nil {
			p.t.Error(err)
		}
	}
}

// savePDF is picture for a printed page.
func (p *tab) savePDF(name, data string) {
	p.t.Helper()
	if dir := os.Getenv("PLUMB_TEST_PICTURES"); dir != "" {
		b, err := base64.StdEncoding.DecodeString(data)
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, name+".pdf"), b, 0o644)
		}
		if err != nil {
			p.t.Error(err)
		}
	}
}
