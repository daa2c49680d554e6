// The list, the search, the keys, and what is selected.

let selected = null, words = [], playing = 0;

// matches reports whether a row has all the words that are searched for, in what it says or in its bytes.
function matches(row) {
	if (!words.length) return true;
	row.haystack ??= row.parts.map(e => [e.ns, e.protocol, e.name, e.flags, e.purpose, e.error, e.command, e.handler,
		row.message ? spansOf(e).map(s => s.name + ' ' + s.value).join(' ') + ' ' + hexOf(e, 0) : ''].join(' ')).join(' ').toLowerCase();
	return words.every(w => row.haystack.includes(w));
}

function drawList() {
	const hues = [...new Set(rows.map(r => r.main.ns))];
	const list = rows.map(r => {
		const e = r.main;
		r.bar = h('i', {class: 'bar ' + r.family + (r.refusal || r.failed ? ' refused' : '')});
		const why = r.refusal ? errno(r.refusal.error) : r.failed ? 'failed' : '';
		const where = h('span', {class: 'ns'}, e.ns);
		where.style.color = `var(--hue-${hues.indexOf(e.ns) % 6})`;
		r.el = h('div', {id: 'row-' + r.index, role: 'option', class: `row ${r.family} ${r.bracket && 'group-' + r.bracket}`, 'aria-selected': 'false', 'data-row': r.index,
			'aria-label': [r.message ? e.name : '', e.purpose, why, 'in ' + e.ns, 'at ' + ms(r.begin) + ' ms'].filter(Boolean).join(', ')},
			h('span', {class: 'ms'}, ms(r.begin)), where,
			h('span', {class: 'arrow', 'aria-hidden': true}, ['←', '→', '·', '▾'][e.how]),
			h('span', {class: 'what'}, r.message ? h('b', {}, e.name) : '', why ? h('em', {}, ' ' + why) : '', ' ', h('span', {}, e.purpose)),
			h('span', {class: 'took'}, r.latency ? duration(r.latency) : ''), h('span', {class: 'track', 'aria-hidden': true}, r.bar));
		r.el.querySelector('.what').style.paddingLeft = Math.min(r.depth, 6) * 9 + 'px';
		return r.el;
	});
	$('list').replaceChildren(...list);
	drawTracks();
}

// The address names what is selected, once the reader rests: browsers refuse to have it changed all the time.
let saving = 0;
function save() { clearTimeout(saving); saving = setTimeout(() => history.replaceState(null, '', hash()), 300); }
const hash = () => '#' + (selected ? selected.index : 0) + (part ? '.' + part : '');

// select makes a row the one that is looked at.
function select(row, partOf = 0) {
	if (!row || row === selected && part === partOf) return;
	selected?.el.setAttribute('aria-selected', 'false');
	selected = row;
	part = Math.min(partOf, row.parts.length - 1);
	row.el.setAttribute('aria-selected', 'true');
	$('list').setAttribute('aria-activedescendant', row.el.id);
	reveal(row);
	drawChart();
	drawDetail(row);
	drawNetwork(row);
	keepInside(row.el, $('list'), 44);
	save();
}

function step(by) {
	for (let i = (selected ? selected.index : -1) + by; i >= 0 && i < rows.length; i += by) if (matches(rows[i])) return select(rows[i]);
}

function search(text) {
	words = text.toLowerCase().split(/\s+/).filter(Boolean);
	let found = 0;
	for (const r of rows) {
		const fits = matches(r);
		r.el.hidden = !fits;
		if (fits) found++;
	}
	$('hits').textContent = words.length ? `${found} of ${rows.length}` : '';
	drawChart();
	if (words.length && selected && !matches(selected)) { step(1); if (!matches(selected)) step(-1); }
}

function theme() {
	const root = document.documentElement, dark = root.dataset.theme ? root.dataset.theme === 'dark' : matchMedia('(prefers-color-scheme: dark)').matches;
	root.dataset.theme = dark ? 'light' : 'dark';
}

function play() {
	const button = $('play');
	if (playing) { clearInterval(playing); playing = 0; }
	else playing = setInterval(() => { const at = selected; step(1); if (selected === at) play(); }, 350);
	button.setAttribute('aria-pressed', playing ? 'true' : 'false');
	button.textContent = playing ? 'Pause' : 'Play';
}

const keys = {
	ArrowDown: () => step(1), j: () => step(1), ArrowUp: () => step(-1), k: () => step(-1),
	ArrowRight: () => choose(part + 1), l: () => choose(part + 1), ArrowLeft: () => choose(part - 1), h: () => choose(part - 1),
	Home: () => select(rows.find(matches)), End: () => select(rows.findLast(matches)),
	'/': () => $('search').focus(), '?': () => $('help').showModal(), t: theme, '+': () => zoomBy(.5), '=': () => zoomBy(.5),
	'-': () => zoomBy(2), 0: () => zoomTo(0, scale.whole), ' ': play,
	Escape: () => { look.pinned = null; light(null); },
};

function listen() {
	document.addEventListener('keydown', ev => {
		if (ev.ctrlKey || ev.metaKey || ev.altKey || $('help').open) return;
		if (ev.target === $('search')) {
			if (ev.key === 'Enter') step(ev.shiftKey ? -1 : 1);
			else if (ev.key === 'Escape') { ev.target.value = ''; search(''); $('list').focus(); }
			else return;
		} else if (ev.key === ' ' && ev.target.closest('button') || !keys[ev.key]) return;
		else keys[ev.key]();
		ev.preventDefault();
	});
	$('search').addEventListener('input', ev => search(ev.target.value));
	$('list').addEventListener('click', ev => { const el = ev.target.closest('[data-row]'); if (el) select(rows[el.dataset.row]); });
	$('chart').addEventListener('click', ev => { const el = ev.target.closest('[data-row]'); if (el) select(rows[el.dataset.row]); });
	$('chart').addEventListener('wheel', ev => {
		ev.preventDefault();
		const box = $('chart').getBoundingClientRect();
		zoomBy(1.002 ** ev.deltaY, scale.from + (ev.clientX - box.left) / box.width * (scale.to - scale.from));
	}, {passive: false});
	for (const [id, does] of [['in', () => zoomBy(.5)], ['out', () => zoomBy(2)], ['fit', () => zoomTo(0, scale.whole)], ['theme', theme], ['keys', () => $('help').showModal()], ['play', play]]) $(id).addEventListener('click', does);
	addEventListener('hashchange', fromHash);
	addEventListener('resize', () => { fitBytes(); drawChart(); if (selected) { drawNetwork(selected); drawDetail(selected); } });
}

// fitBytes has as many bytes on a line as there is room for.
function fitBytes() { look.row = $('detail').clientWidth < (innerWidth < 900 ? 600 : 960) ? 8 : 16; }

function fromHash() {
	const [, row, of] = /^#(\d+)(?:\.(\d+))?$/.exec(location.hash) || [];
	select(rows[row] || rows.find(r => r.message) || rows[0], Number(of || 0));
}

function summarize() {
	const sent = events.filter(e => e.how === SENT).length, got = events.filter(e => e.how === RECEIVED).length, steps = events.filter(e => e.how === STEP).length;
	const refused = rows.filter(r => r.refusal).length, bytes = events.reduce((n, e) => n + (e.base64 ? bytesOf(e).length : 0), 0);
	const last = rows.reduce((t, r) => Math.max(t, r.end), 0);
	$('summary').textContent = [`${sent} sent`, `${got} received`, steps ? `${steps} steps` : '', refused ? `${refused} refused` : '',
		`${bytes.toLocaleString('en')} bytes`, duration(last), data.start.slice(0, 16).replace('T', ' ')].filter(Boolean).join(' · ');
}

fitBytes();
summarize();
drawList();
listen();
if (rows.length) fromHash();
else $('detail').append(h('p', {class: 'note'}, 'Nothing traced.'));
