// The axis of time. A set-up is some bursts of a millisecond and long waits between them, so idle time is folded: what
// is drawn of it is a short gap with its length written in it.

const scale = (() => {
	const busy = [];
	for (const r of rows.filter(r => r.main.how !== BEGIN).sort((a, b) => a.begin - b.begin)) {
		const last = busy[busy.length - 1];
		if (last && r.begin <= last[1]) last[1] = Math.max(last[1], r.end);
		else busy.push([r.begin, r.end]);
	}
	const total = busy.reduce((sum, b) => sum + b[1] - b[0], 0) || 1;
	const idle = Math.max(2e5, total / 8); // ns: shorter ones are not folded
	const segments = []; // [begin, end, where on the axis, length on the axis, idle]
	let at = 0;
	const push = (begin, end, length, folded) => { segments.push({begin, end, at, length, folded}); at += length; };
	for (const b of busy) {
		const last = segments[segments.length - 1];
		if (last) {
			const gap = b[0] - last.end;
			if (gap > idle) push(last.end, b[0], idle / 3, true);
			else if (gap > 0) push(last.end, b[0], gap, false);
		}
		push(b[0], b[1], Math.max(b[1] - b[0], total / 200), false);
	}
	const whole = at || 1;
	const where = t => {
		let low = 0, high = segments.length - 1;
		while (low < high) { const mid = low + high + 1 >> 1; if (segments[mid].begin <= t) low = mid; else high = mid - 1; }
		const s = segments[low];
		if (!s) return 0;
		return s.at + s.length * Math.min(1, Math.max(0, s.end > s.begin ? (t - s.begin) / (s.end - s.begin) : 0));
	};
	return {segments, whole, where, from: 0, to: whole};
})();

// fraction of the window that is shown, 0 to 1 inside of it.
const fraction = t => (scale.where(t) - scale.from) / (scale.to - scale.from);

function zoomTo(from, to) {
	const least = scale.whole / 2000, width = Math.min(scale.whole, Math.max(least, to - from));
	const begin = Math.min(scale.whole - width, Math.max(0, (from + to - width) / 2));
	[scale.from, scale.to] = [begin, begin + width];
	drawChart();
	drawTracks();
}
function zoomBy(factor, center) {
	const c = center === undefined ? scale.where((selected || rows[0]).begin) : center;
	const inside = Math.min(scale.to, Math.max(scale.from, c));
	zoomTo(inside - (inside - scale.from) * factor, inside + (scale.to - inside) * factor);
}
// reveal pans until a row is in the window.
function reveal(row) {
	const a = scale.where(row.begin), b = scale.where(row.end), width = scale.to - scale.from;
	if (a < scale.from || b > scale.to) zoomTo(a - width / 3, a + width * 2 / 3);
}

const lanes = [...new Set(rows.map(r => r.lane))].sort((a, b) => (b === 'parts') - (a === 'parts'));
const laneHeight = 18, axisHeight = 20;

// drawChart draws the messages, a lane for each namespace and protocol.
function drawChart() {
	const svg = $('chart'), width = svg.clientWidth || 900, narrow = width < 600;
	const left = narrow ? 8 : Math.min(230, 14 + 6.6 * Math.max(...lanes.map(l => l.length), 8)), right = 10;
	const plot = width - left - right, x = f => left + f * plot;
	const height = axisHeight + lanes.length * laneHeight + 4;
	svg.setAttribute('viewBox', `0 0 ${width} ${height}`);
	svg.setAttribute('height', height);
	const parts = [];
	for (const [i, lane] of lanes.entries()) {
		const y = axisHeight + i * laneHeight;
		parts.push(h('svg:line', {class: 'lane', x1: left, x2: width - right, y1: y + laneHeight - .5, y2: y + laneHeight - .5}));
		if (!narrow) parts.push(h('svg:text', {class: 'lane-name', x: left - 10, y: y + 12.5, 'text-anchor': 'end'}, lane));
	}
	drawAxis(parts, x, left, plot, height);
	const clip = h('svg:g', {});
	for (const r of [...rows.filter(r => r !== selected), ...selected ? [selected] : []]) {
		const a = fraction(r.begin), b = fraction(r.end);
		if (b < 0 || a > 1) continue;
		const x1 = x(Math.max(0, a)), x2 = x(Math.min(1, b)), y = axisHeight + lanes.indexOf(r.lane) * laneHeight;
		clip.append(h('svg:rect', {
			class: 'bar ' + r.family + (r.refusal || r.failed ? ' refused' : '') + (r === selected ? ' selected' : '') + (matches(r) ? '' : ' dim'),
			x: x1.toFixed(1), y: y + 4, width: Math.max(2, x2 - x1).toFixed(1), height: laneHeight - 8, 'data-row': r.index,
		}, h('svg:title', {}, `${r.main.purpose || r.main.name}, ${duration(r.latency)}`)));
	}
	parts.push(clip);
	if (selected) {
		const f = fraction(selected.begin);
		if (f >= 0 && f <= 1) parts.push(h('svg:line', {class: 'cursor', x1: x(f), x2: x(f), y1: axisHeight - 4, y2: height}));
	}
	svg.replaceChildren(...parts);
}

function drawAxis(parts, x, left, plot, height) {
	let free = -Infinity;
	const label = (px, text, cls) => {
		const half = text.length * 3.2;
		if (px - half < Math.max(free, left - 8) || px + half > left + plot + 8) return false;
		parts.push(h('svg:text', {class: cls, x: px.toFixed(1), y: 12, 'text-anchor': 'middle'}, text));
		free = px + half + 10;
		return true;
	};
	const perAxis = plot / (scale.to - scale.from);
	for (const s of scale.segments) {
		const x1 = x((s.at - scale.from) / (scale.to - scale.from)), x2 = x1 + s.length * perAxis;
		if (x2 < left || x1 > left + plot) continue;
		if (s.folded) {
			const a = Math.max(left, x1), b = Math.min(left + plot, x2);
			parts.push(h('svg:rect', {class: 'idle', x: a.toFixed(1), y: axisHeight - 4, width: (b - a).toFixed(1), height: height - axisHeight + 4}));
			label((a + b) / 2, '⋯' + duration(s.end - s.begin) + '⋯', 'idle-label');
			continue;
		}
		const step = nice((s.end - s.begin) / Math.max(1, (x2 - x1) / 80));
		if (!(step > 0)) continue;
		for (let t = Math.ceil(s.begin / step) * step; t <= s.end; t += step) {
			const px = x1 + (t - s.begin) / (s.end - s.begin) * (x2 - x1);
			if (px < left || px > left + plot) continue;
			if (label(px, (t / 1e6).toFixed(step < 1e4 ? 3 : step < 1e5 ? 2 : step < 1e6 ? 1 : 0) + ' ms', 'tick-label')) {
				parts.push(h('svg:line', {class: 'tick', x1: px.toFixed(1), x2: px.toFixed(1), y1: axisHeight - 4, y2: height}));
			}
		}
	}
}
function nice(step) {
	const power = 10 ** Math.floor(Math.log10(step));
	return [1, 2, 5, 10].map(n => n * power).find(n => n >= step);
}

// drawTracks places each row's bar on the same axis.
function drawTracks() {
	for (const r of rows) {
		if (!r.bar) continue;
		const a = fraction(r.begin), b = fraction(r.end), hidden = b < 0 || a > 1;
		r.bar.hidden = hidden;
		if (hidden) continue;
		const from = Math.max(0, a), to = Math.min(1, b);
		r.bar.style.left = (from * 100).toFixed(2) + '%';
		r.bar.style.width = ((to - from) * 100).toFixed(2) + '%';
	}
}
