// A message's bytes beside its tree. Pointing at a byte lights its field, pointing at a field lights its bytes: by mouse,
// finger or keyboard.

const look = {message: null, pinned: null, row: 16};

const classOf = s => ({field: s.parent && s.parent.name === 'struct nlmsghdr' ? 'k-header' : 'k-struct', length: 'k-attr', type: 'k-attr',
	payload: 'k-payload', nul: 'k-pad', padding: 'k-pad', rest: 'k-rest'})[s.kind] || 'k-rest';

// ownerOf is the span that the tree has a line for: an attribute's header and payload are in its own.
const ownerOf = s => s.parent && s.parent.kind === 'attribute' && ['length', 'type', 'payload', 'nul'].includes(s.kind) ? s.parent : s;

// numeric is how a leaf's bytes are a number, or null. Where the message's table does not say, the value shows it.
function numeric(e, s) {
	if (![1, 2, 4, 8].includes(s.length) || s.kind === 'nul' || s.kind === 'padding') return null;
	const forms = s.form === NUMBER || s.form === NETWORK ? [s.form] : [NUMBER, NETWORK].filter(f => String(number(e, s.offset, s.length, f)) === s.value);
	if (!forms.length) return null;
	return {form: forms[0], value: number(e, s.offset, s.length, forms[0]), bits: s.length * 8};
}

// explain is all that is known of a leaf, in one line's worth of pieces.
function explain(e, s) {
	const n = numeric(e, s), owner = ownerOf(s), out = [];
	if (n) {
		const order = s.length === 1 ? '' : n.form === NETWORK ? 'network order (big-endian)' : data.big ? 'host order (big-endian)' : 'host order (little-endian)';
		out.push((n.form === NETWORK && s.length > 1 ? '__be' : '__u') + n.bits, order, `${n.value} = 0x${n.value.toString(16)}`);
	} else if (s.form === CHARS || s.kind === 'nul') {
		out.push(s.kind === 'nul' ? 'the end of a C string' : `a string of ${s.length} bytes`);
	} else if (s.kind === 'padding') {
		out.push('nothing: what follows begins at a multiple of 4 (NLA_ALIGN)');
	} else {
		out.push(`${s.length} bytes`);
	}
	if (s.kind === 'length') out.push('with this header, without padding');
	if (s.kind === 'length' || s.kind === 'type') out.push('struct nlattr, linux/netlink.h');
	else if (owner.kind === 'attribute') { const file = headerOf(owner.name); out.push(owner.name + ' = ' + owner.type + (file ? ', ' + file : '')); }
	else if (s.parent && s.parent.kind === 'struct') { const file = headerOfStruct(s.parent.name); out.push(s.parent.name + (file ? ', ' + file : '')); }
	return out.filter(Boolean).join(' · ');
}

const rangeOf = s => s.length === 1 ? `byte ${s.offset}` : `bytes ${s.offset}–${s.offset + s.length - 1}`;

// drawBytes makes the two views of a message. fault is where the kernel points, 0 for nowhere.
function drawBytes(e, fault) {
	const spans = spansOf(e), b = bytesOf(e), byByte = [];
	for (const s of spans) if (!s.children.length) for (let i = 0; i < s.length; i++) byByte[s.offset + i] = s;
	const guilty = fault ? ownerOf(byByte[fault] || spans[0]) : null;
	look.message = {e, spans, byByte};
	look.pinned = null;
	const inside = (s, i) => s && i >= s.offset && i < s.offset + s.length;
	const lines = [];
	for (let at = 0; at < b.length; at += look.row) {
		const cells = [], chars = [];
		for (let i = at; i < Math.min(b.length, at + look.row); i++) {
			const s = byByte[i], ends = (i === s.offset || i === at ? ' s' : '') + (i === s.offset + s.length - 1 || i === at + look.row - 1 ? ' e' : '');
			const wrong = inside(guilty, i) ? ' fault' : '';
			cells.push(h('span', {role: 'gridcell', class: 'b ' + classOf(s) + ends + wrong, 'data-at': i, 'data-leaf': s.id, tabindex: i === 0 ? 0 : -1,
				'aria-label': `byte ${i}, ${two(b[i])}: ${s.name}${s.value ? ' ' + s.value : ''}`}, two(b[i])));
			chars.push(h('span', {class: 'c', 'data-leaf': s.id}, b[i] > 31 && b[i] < 127 ? String.fromCharCode(b[i]) : '·'));
		}
		lines.push(h('div', {role: 'row', class: 'line'}, h('span', {role: 'rowheader', class: 'at'}, at.toString(16).padStart(4, '0')),
			h('span', {class: 'cells', role: 'presentation'}, cells), h('span', {class: 'chars', 'aria-hidden': true}, chars)));
	}
	const hex = h('div', {id: 'hex', class: 'w' + look.row, role: 'grid', 'aria-label': 'Bytes of ' + e.name}, lines);
	const tree = h('div', {id: 'tree', role: 'tree', 'aria-label': 'Fields of ' + e.name}, spans.filter(s => !s.parent).map((s, i) => drawSpan(e, s, guilty, i === 0)));
	const told = h('p', {id: 'told', role: 'status'}, 'Point at a byte or a field.');
	const view = h('div', {class: 'views'}, tree, h('div', {class: 'hexbox'}, hex, told));
	for (const kind of ['pointerover', 'focusin', 'click']) view.addEventListener(kind, ev => pointed(ev, kind));
	view.addEventListener('pointerleave', () => { if (!look.pinned) light(null); });
	view.addEventListener('keydown', moveInside);
	return view;
}

// drawSpan is one line of the tree, and below it those within.
function drawSpan(e, s, guilty, first) {
	const chips = [], below = [];
	for (const c of s.children) {
		if (s.kind === 'attribute' && ['length', 'type', 'nul'].includes(c.kind)) chips.push(h('span', {class: 'chip ' + classOf(c), 'data-leaf': c.id}, chipText(s, c)));
		else if (c.kind === 'padding' && !c.children.length) below.push(c);
		else if (!(s.kind === 'attribute' && c.kind === 'payload')) below.push(c);
	}
	const payload = s.children.find(c => c.kind === 'payload');
	const value = s.value && s.kind !== 'padding' && h('span', {class: 'value'}, breakable(shorten(s.value)));
	const enumeration = s.children.length ? null : numeric(e, s), shown = enumeration && s.value && Number(s.value) !== Number(enumeration.value);
	return h('div', {role: 'treeitem', class: 'node ' + s.kind + (s === guilty ? ' fault' : ''), tabindex: first ? 0 : -1, 'data-span': s.id,
		'aria-expanded': below.length ? 'true' : null, 'aria-label': `${s.name}${s.value ? ' ' + shorten(s.value) : ''}, ${rangeOf(s)}`},
	h('div', {class: 'name-line', 'data-leaf': payload ? payload.id : s.id}, h('span', {class: 'name' + (s.kind === 'padding' ? ' k-pad' : '')}, s.name), value || '',
		shown ? h('span', {class: 'raw'}, '= ' + (s.value.includes('|') ? '0x' + enumeration.value.toString(16) : enumeration.value)) : '', h('span', {class: 'chips'}, chips, h('span', {class: 'range'}, `${s.offset}+${s.length}`))),
	s === guilty ? h('div', {class: 'caret'}, '▲ the kernel points here') : '',
	below.length ? h('div', {role: 'group', class: 'below'}, below.map(c => drawSpan(e, c, guilty, false))) : '');
}

function chipText(s, c) {
	if (c.kind === 'nul') return c.length > 1 ? `NUL+${c.length - 1}` : 'NUL';
	if (c.kind === 'length') return 'len ' + c.value;
	return 'type ' + s.type + (c.value.includes('NESTED') ? ' nested' : '') + (c.value.includes('BYTEORDER') ? ' be' : '');
}
// breakable lets a line end after each flag.
const breakable = v => v.split('|').flatMap((w, i) => i ? ['|', h('wbr'), w] : [w]);
const shorten = v => v.length > 132 ? v.slice(0, 130) + '…' : v;

// pointed is what all ways of pointing come to.
function pointed(ev, kind) {
	const el = ev.target.closest('[data-leaf],[data-span]');
	if (!el) return;
	const s = look.message.spans[el.dataset.leaf ?? el.dataset.span];
	const whole = el.classList.contains('name-line') || el.dataset.span !== undefined;
	const target = whole ? ownerOf(s) : s;
	if (kind === 'click') {
		look.pinned = look.pinned === target ? null : target;
		light(target, !whole);
	} else if (!look.pinned || kind === 'focusin') {
		look.pinned = null;
		light(target, !whole);
	}
}

// light lights a span: its bytes, its line and those above it.
function light(s, scroll) {
	const view = document.querySelector('.views');
	if (!view) return;
	for (const el of view.querySelectorAll('.lit,.within,.pinned')) el.classList.remove('lit', 'within', 'pinned');
	if (!s) { $('told').textContent = 'Point at a byte or a field.'; return; }
	const {e, byByte} = look.message;
	for (let i = s.offset; i < s.offset + s.length; i++) for (const el of view.querySelectorAll(`[data-at="${i}"]`)) el.classList.add('lit');
	for (const leaf of new Set(byByte.slice(s.offset, s.offset + s.length))) for (const el of view.querySelectorAll(`.c[data-leaf="${leaf.id}"],.chip[data-leaf="${leaf.id}"]`)) el.classList.add('lit');
	const owner = ownerOf(s), line = view.querySelector(`[data-span="${owner.id}"]`);
	if (line) {
		line.classList.add('lit');
		if (look.pinned) line.classList.add('pinned');
		if (scroll) keepInside(line.querySelector('.name-line'));
		for (let p = owner.parent; p; p = p.parent) view.querySelector(`[data-span="${p.id}"]`)?.classList.add('within');
	}
	const leaf = s.children.length ? null : s;
	$('told').replaceChildren(h('b', {}, s.name), s.value ? ' ' + shorten(s.value) : '', h('br'), rangeOf(s) + ' · ',
		leaf ? explain(e, leaf) : s.kind === 'attribute' ? explain(e, s.children.find(c => c.kind === 'payload') || s.children[0]) : `${s.length} bytes` + (headerOfStruct(s.name) && ', ' + headerOfStruct(s.name)));
}

// keepInside scrolls a box until an element in it is seen, and nothing else.
function keepInside(el, box = $('tree'), margin = 8) {
	const b = box.getBoundingClientRect(), r = el.getBoundingClientRect();
	const by = (from, to, low, high) => from < low ? from - low : Math.max(0, Math.min(to - high, from - low));
	if (box.scrollHeight > box.clientHeight) box.scrollTop += by(r.top, r.bottom, b.top + margin, b.bottom - margin);
	if (box.scrollWidth > box.clientWidth) box.scrollLeft += by(r.left, r.right, b.left + margin, b.right - margin);
}

// moveInside moves with the arrows among the bytes, and among the lines of the tree.
function moveInside(ev) {
	const byte = ev.target.closest('[data-at]'), line = ev.target.closest('[data-span]');
	let to;
	if (byte) {
		const step = {ArrowRight: 1, ArrowLeft: -1, ArrowDown: look.row, ArrowUp: -look.row}[ev.key];
		const length = look.message.byByte.length, i = Number(byte.dataset.at);
		const next = ev.key === 'Home' ? 0 : ev.key === 'End' ? length - 1 : step ? i + step : -1;
		if (next >= 0 && next < length) to = document.querySelector(`#hex [data-at="${next}"]`);
		if (!step && ev.key !== 'Home' && ev.key !== 'End' && ev.key !== 'Enter') return;
	} else if (line) {
		const lines = [...document.querySelectorAll('#tree [data-span]')], i = lines.indexOf(line);
		const parent = line.parentNode.closest('[data-span]');
		const next = {ArrowDown: lines[i + 1], ArrowUp: lines[i - 1], ArrowRight: line.querySelector('[data-span]'), ArrowLeft: parent, Home: lines[0], End: lines[lines.length - 1]};
		if (!(ev.key in next) && ev.key !== 'Enter') return;
		to = next[ev.key];
	} else return;
	ev.preventDefault();
	ev.stopPropagation();
	if (ev.key === 'Enter') {
		const s = look.message.spans[(byte || line).dataset.leaf ?? line.dataset.span];
		look.pinned = look.pinned === s ? null : s;
		light(s);
	}
	if (!to) return;
	(byte || line).tabIndex = -1;
	to.tabIndex = 0;
	to.focus({preventScroll: !!line});
	if (line) keepInside(to.querySelector('.name-line'));
}
