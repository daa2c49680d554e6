package bench

import "time"

// A meter tells how far it has come.
type meter struct {
	tell        func(Progress)
	what        string
	done, total int
	start, told time.Time
}

const tellEvery = 100 * time.Millisecond

// begin begins a stretch of the work.
func (m *meter) begin(what string, total int) {
	m.what, m.done, m.total, m.start, m.told = what, 0, total, time.Now(), time.Time{}
}

// add tells that n more are done, unless it was told just now.
func (m *meter) add(n int) {
	m.done += n
	now := time.Now()
	if m.tell == nil || m.done < m.total && now.Sub(m.told) < tellEvery {
		return
	}
	m.told = now
	left := now.Sub(m.start) / time.Duration(m.done) * time.Duration(m.total-m.done)
	m.tell(Progress{m.what, m.done, m.total, left})
}
