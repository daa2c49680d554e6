// What the page shows, made of the JSON that encode.go writes.

const RECEIVED = 0, SENT = 1, STEP = 2, BEGIN = 3, END = 4;
const kinds = ['message', 'struct', 'field', 'attribute', 'length', 'type', 'payload', 'nul', 'padding', 'rest'];
const OPAQUE = 0, NUMBER = 1, NETWORK = 2, CHARS = 3;

const data = JSON.parse(document.getElementById('data').textContent);
const str = data.strings;

const events = data.events.map((e, index) => ({
	index, t: e[0], ns: str[e[1]], protocol: str[e[2]], how: e[3], purpose: str[e[4]], latency: e[5], error: str[e[6]],
	offset: e[7], to: e[8], command: str[e[9]], name: str[e[10]] || 'bytes', flags: str[e[11]],
	handler: str[e[12]], file: str[e[13]], base64: e[14], packed: e[15],
}));

// bytes are a message's.
function bytesOf(e) {
	if (!e.bytes) e.bytes = Uint8Array.from(atob(e.base64), c => c.charCodeAt(0));
	return e.bytes;
}

function number(e, offset, length, form) {
	const b = bytesOf(e);
	let n = 0n;
	const little = form === NUMBER && !data.big;
	for (let i = 0; i < length; i++) n = n << 8n | BigInt(b[offset + (little ? length - 1 - i : i)]);
	return n;
}

const two = n => n.toString(16).padStart(2, '0');
const hexOf = (e, offset, length) => Array.from(bytesOf(e).subarray(offset, offset + length), two).join('');

// spansOf are the spans of a message, in the order in which they begin. What encode.go leaves out is made here: the message's
// header, the leaves of attributes, the NUL of strings. Each has its parent, and the leaves tile the message.
function spansOf(e) {
	if (e.spans) return e.spans;
	const all = e.spans = [], open = [], b = bytesOf(e);
	const add = (kind, name, value, offset, length, form, depth) => {
		open.length = depth;
		const s = {id: all.length, kind, name, value, offset, length, form, depth, parent: depth ? open[depth - 1] : null, children: []};
		if (s.parent) s.parent.children.push(s);
		open[depth] = s;
		all.push(s);
		return s;
	};
	const p = e.packed;
	let body = 0;
	for (let i = 0; i < p.length; i += 4) if (p[i] < 256) body += p[i + 3];
	const ends = [];
	let at = 0;
	if (body < b.length) {
		add('struct', 'struct nlmsghdr', '', 0, 16, OPAQUE, 0);
		const values = [null, e.name, e.flags || '0', null, null];
		['nlmsg_len', 'nlmsg_type', 'nlmsg_flags', 'nlmsg_seq', 'nlmsg_pid'].forEach((name, i) => {
			const offset = [0, 4, 6, 8, 12][i], length = i === 1 || i === 2 ? 2 : 4;
			add('field', name, values[i] ?? String(number(e, offset, length, NUMBER)), offset, length, NUMBER, 1);
		});
		at = 16;
	}
	for (let i = 0; i < p.length; i += 4) {
		const depth = p[i] >> 8, kind = kinds[p[i] >> 4 & 15], form = p[i] & 15, length = p[i + 3];
		const next = i + 4 < p.length ? p[i + 4] >> 8 : 0, plain = next <= depth;
		// A span begins where the one before it ends, or inside of it.
		const head = kind === 'attribute' ? 4 : 0;
		const value = p[i + 2] < 0 ? '0x' + hexOf(e, at + head, length - head) : str[p[i + 2]];
		const s = add(kind, str[p[i + 1]], value, at, length, form, depth);
		if (head) {
			const type = Number(number(e, at + 2, 2, NUMBER));
			s.type = type & 0x3fff;
			const flags = (type & 0x8000 ? 'NLA_F_NESTED|' : '') + (type & 0x4000 ? 'NLA_F_NET_BYTEORDER|' : '');
			add('length', 'nla_len', String(number(e, at, 2, NUMBER)), at, 2, NUMBER, depth + 1);
			add('type', 'nla_type', flags + s.name, at + 2, 2, NUMBER, depth + 1);
			if (plain) payload(e, s, add);
		}
		at += plain ? length : head;
	}
	return all;
}

// payload adds the leaves of an attribute that holds no others.
function payload(e, s, add) {
	const at = s.offset + 4, end = s.offset + s.length;
	let chars = end;
	if (s.form === CHARS) for (chars = at; chars < end && bytesOf(e)[chars]; chars++);
	if (chars > at) add('payload', s.name, s.value, at, chars - at, s.form, s.depth + 1);
	if (chars < end) add('nul', 'NUL', '', chars, end - chars, OPAQUE, s.depth + 1);
}

const leavesOf = e => spansOf(e).filter(s => !s.children.length);

// find is the first field or attribute of a name.
const find = (e, name) => spansOf(e).find(s => s.name === name && (s.kind === 'attribute' || s.kind === 'field'));
const descendants = s => s.children.flatMap(c => [c, ...descendants(c)]);

// textOf is a string in a message as it is there.
function textOf(e, s) {
	if (!s) return '';
	const chars = s.children.find(c => c.kind === 'payload');
	return chars ? new TextDecoder().decode(bytesOf(e).subarray(chars.offset, chars.offset + chars.length)) : '';
}
function numberOf(e, s) {
	if (!s) return 0;
	const head = s.kind === 'attribute' ? 4 : 0;
	return Number(number(e, s.offset + head, s.length - head, s.form === NETWORK ? NETWORK : NUMBER));
}

// A row is a request with its answers, a message that answers nothing, a step, or a part of the work that begins.
const rows = [], open = [];
for (const e of events) {
	if (e.how === RECEIVED && e.to >= 0 && events[e.to].row) {
		e.row = events[e.to].row;
		e.row.parts.push(e);
		continue;
	}
	if (e.how === END) {
		const at = open.findLastIndex(r => r.main.purpose === e.purpose && r.main.ns === e.ns);
		if (at >= 0) Object.assign(open.splice(at, 1)[0], {end: e.t, latency: e.latency, failed: e.error});
		continue;
	}
	e.row = {index: rows.length, main: e, parts: [e], depth: open.length, message: e.how < STEP};
	rows.push(e.row);
	if (e.how === BEGIN) open.push(e.row);
}
for (const r of rows) {
	const e = r.main, last = r.parts[r.parts.length - 1];
	r.begin = e.how === STEP ? e.t - e.latency : e.t;
	r.end ??= last.t;
	r.latency ??= last.latency;
	r.refusal = r.message ? r.parts.find(p => p.error) : null;
	if (e.how === STEP) r.failed = e.error;
	r.lane = e.how === BEGIN ? 'parts' : e.ns + ' · ' + (e.how === STEP ? 'steps' : e.protocol);
	r.family = e.how === BEGIN ? 'part' : e.how === STEP ? 'step' : {NETLINK_ROUTE: 'route', NETLINK_NETFILTER: 'netfilter'}[e.protocol] || 'other';
}
// Messages that were sent with one send() have one time. They are bracketed.
for (let i = 0; i < rows.length; i++) {
	const same = (a, b) => a && b && a.main.how === SENT && b.main.how === SENT && a.main.t === b.main.t && a.lane === b.lane;
	const before = same(rows[i - 1], rows[i]), after = same(rows[i], rows[i + 1]);
	rows[i].bracket = before ? (after ? 'mid' : 'last') : (after ? 'first' : '');
	rows[i].group = before ? rows[i - 1].group : [];
	rows[i].group.push(rows[i]);
}
// A transaction of nftables is done as a whole or not at all.
const undone = r => r.family === 'netfilter' && r.group.some(o => o.refusal);

const headerOf = name => {
	let best = ['', ''];
	for (const h of data.headers) if (name.startsWith(h[0]) && h[0].length > best[0].length) best = h;
	return best[1];
};
const headerOfStruct = name => (data.headers.find(h => name === 'struct ' + h[2]) || [])[1] || '';

// duration in the unit that fits; input in ns.
function duration(ns) {
	if (ns < 1e3) return ns + ' ns';
	if (ns < 1e6) return (ns / 1e3).toFixed(ns < 1e5 ? 1 : 0) + ' µs';
	if (ns < 1e9) return (ns / 1e6).toFixed(ns < 1e7 ? 2 : 1) + ' ms';
	return (ns / 1e9).toFixed(2) + ' s';
}
const ms = ns => (ns / 1e6).toFixed(3);

// h makes an element. Text is text, whatever is in it: nothing here ever becomes markup.
function h(tag, attributes, ...children) {
	const el = tag.startsWith('svg:') ? document.createElementNS('http://www.w3.org/2000/svg', tag.slice(4)) : document.createElement(tag);
	for (const [name, value] of Object.entries(attributes || {})) {
		if (value === null || value === undefined || value === false) continue;
		if (name.startsWith('on')) el.addEventListener(name.slice(2), value);
		else el.setAttribute(name, value);
	}
	el.append(...children.flat().filter(c => c !== null && c !== undefined && c !== ''));
	return el;
}
const $ = id => document.getElementById(id);
