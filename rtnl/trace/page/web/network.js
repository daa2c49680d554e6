// The network as the messages make it: what the kernel was asked for and did not refuse, and what it told. Nothing here
// knows plumb: it is read off the messages alone.

// worldsAfter are the namespaces after a row: {namespace: {links: {index: {...}}, routes: {...}, tables: {...}}}. They are kept
// for the next row.
let w, reached = Infinity;
function worldsAfter(index) {
	if (index < reached) [w, reached] = [{}, -1];
	while (reached < index) {
		const r = rows[++reached];
		if (!r.message) continue;
		for (const e of r.parts) if (e.how === RECEIVED || !r.refusal && !undone(r)) apply(w, e);
	}
	return w;
}

const worldOf = (w, ns) => w[ns] ??= {links: {}, routes: {}, tables: {}};
const linkOf = (w, ns, index) => worldOf(w, ns).links[index] ??= {index, name: index === 1 ? 'lo' : '', addresses: {}};

function apply(w, e) {
	const [, verb, noun] = /^(?:RTM|NFT_MSG)_(NEW|SET|DEL|DESTROY)([A-Z]+)$/.exec(e.name) || [];
	if (!verb) return;
	const gone = verb === 'DEL' || verb === 'DESTROY';
	if (e.name.startsWith('NFT_')) return applyTable(w, e, noun, gone);
	if (noun === 'LINK') return gone ? removeLink(w, e) : applyLink(w, e);
	if (noun === 'ADDR') return applyAddress(w, e, gone);
	if (noun === 'ROUTE') return applyRoute(w, e, gone);
}

function applyLink(w, e) {
	const index = numberOf(e, find(e, 'ifi_index')), name = textOf(e, topAttribute(e, 'IFLA_IFNAME'));
	const links = worldOf(w, e.ns).links;
	const known = index ? null : Object.values(links).find(l => l.name === name);
	if (!index && !known && !name) return;
	if (index && links['new ' + name]) { links[index] = {...links['new ' + name], index}; delete links['new ' + name]; }
	const link = known || linkOf(w, e.ns, index || 'new ' + name);
	describe(e, link, topAttribute(e, 'IFLA_IFNAME'), spansOf(e));
	const master = topAttribute(e, 'IFLA_MASTER');
	if (master) link.master = numberOf(e, master);
	const peer = spansOf(e).find(s => s.name === 'VETH_INFO_PEER');
	if (peer && e.how === SENT) addPeer(w, e, link, peer);
}

const topAttribute = (e, name) => spansOf(e).find(s => s.depth === 0 && s.name === name);

function describe(e, link, name, spans) {
	if (name) link.name = textOf(e, name);
	const kind = spans.find(s => s.name === 'IFLA_INFO_KIND');
	if (kind) link.kind = textOf(e, kind);
	const flags = spans.find(s => s.name === 'ifi_flags'), change = spans.find(s => s.name === 'ifi_change');
	if (flags && (e.how === RECEIVED || change && numberOf(e, change) & 1 || numberOf(e, flags) & 1)) link.up = !!(numberOf(e, flags) & 1);
	const mac = spans.find(s => s.name === 'IFLA_ADDRESS');
	if (mac && mac.length === 10) link.mac = mac.value;
}

// addPeer adds the other end of a pair. Where it is made is a file descriptor of the sender's, so its namespace is found by who
// speaks of it next: the first other namespace in which a message names that index, or that interface.
function addPeer(w, e, link, peer) {
	const inside = descendants(peer), nameSpan = inside.find(s => s.name === 'IFLA_IFNAME');
	const index = numberOf(e, inside.find(s => s.name === 'ifi_index')), name = textOf(e, nameSpan);
	const moved = inside.some(s => s.name.startsWith('IFLA_NET_NS_'));
	const ns = moved ? speaker(e, index) : e.ns;
	const other = linkOf(w, ns, index || 'new ' + name);
	describe(e, other, nameSpan, inside);
	link.kind = other.kind = 'veth';
	[link.peer, other.peer] = [ns + '/' + other.index, e.ns + '/' + link.index];
}

function speaker(e, index) {
	if (e.speaker) return e.speaker;
	const other = events.slice(e.index + 1).find(o => o.ns !== e.ns && o.protocol === e.protocol && o.how === SENT && speaksOf(o, index));
	return e.speaker = other ? other.ns : 'another namespace';
}
const speaksOf = (o, index) => ['ifi_index', 'ifa_index', 'RTA_OIF'].some(n => { const s = find(o, n); return s && numberOf(o, s) === index; });

function removeLink(w, e) {
	const index = numberOf(e, find(e, 'ifi_index')), name = textOf(e, topAttribute(e, 'IFLA_IFNAME'));
	const links = worldOf(w, e.ns).links;
	const link = links[index] || Object.values(links).find(l => name && l.name === name);
	if (!link) return;
	for (const at of [e.ns + '/' + link.index, link.peer]) {
		if (!at) continue;
		const cut = at.lastIndexOf('/'), world = worldOf(w, at.slice(0, cut)), key = at.slice(cut + 1);
		delete world.links[key];
		for (const [k, r] of Object.entries(world.routes)) if (String(r.link) === key) delete world.routes[k];
	}
}

function applyAddress(w, e, gone) {
	const local = find(e, 'IFA_LOCAL'), address = find(e, 'IFA_ADDRESS'), own = local || address;
	if (!own) return;
	const link = linkOf(w, e.ns, numberOf(e, find(e, 'ifa_index'))), length = numberOf(e, find(e, 'ifa_prefixlen'));
	let text = own.value + '/' + length;
	if (local && address && local.value !== address.value) text = `${local.value} peer ${address.value}/${length}`;
	if (gone) delete link.addresses[text];
	else link.addresses[text] = true;
}

function applyRoute(w, e, gone) {
	const n = name => { const s = find(e, name); return s ? s.value : ''; };
	const table = n('rtm_table'), type = n('rtm_type');
	if (table === 'RT_TABLE_LOCAL' || type === 'RTN_LOCAL' || type === 'RTN_BROADCAST' || type === 'RTN_MULTICAST') return;
	const length = numberOf(e, find(e, 'rtm_dst_len')), six = n('rtm_family') === 'AF_INET6';
	const to = n('RTA_DST') ? n('RTA_DST') + (length === (six ? 128 : 32) ? '' : '/' + length) : six ? 'default (IPv6)' : 'default';
	const link = numberOf(e, find(e, 'RTA_OIF')), via = n('RTA_GATEWAY'), key = [to, via, link].join(' ');
	const routes = worldOf(w, e.ns).routes;
	if (gone) for (const k of Object.keys(routes)) { if (k === key || !via && !link && routes[k].to === to) delete routes[k]; }
	else routes[key] = {to, via, link};
}

// applyTable counts what is in an nftables table: a rule has no name, and an element's key no text.
function applyTable(w, e, noun, gone) {
	const first = spansOf(e).find(s => s.kind === 'attribute' && /_TABLE$|^NFTA_TABLE_NAME$/.test(s.name));
	const name = textOf(e, first), tables = worldOf(w, e.ns).tables;
	if (!name) return;
	if (noun === 'TABLE' && gone) return void delete tables[name];
	const t = tables[name] ??= {name, sets: {}, chains: {}, rules: 0};
	const named = n => textOf(e, topAttribute(e, n));
	if (noun === 'SET') { const n = named('NFTA_SET_NAME'); if (gone) delete t.sets[n]; else t.sets[n] ??= {}; }
	if (noun === 'CHAIN') { const n = named('NFTA_CHAIN_NAME'); if (gone) delete t.chains[n]; else t.chains[n] = true; }
	if (noun === 'RULE' && e.how === SENT) t.rules += gone ? -1 : 1;
	if (noun !== 'SETELEM') return;
	const set = t.sets[named('NFTA_SET_ELEM_LIST_SET')] ??= {};
	for (const key of spansOf(e).filter(s => s.name === 'NFTA_SET_ELEM_KEY')) {
		const value = key.children.find(c => c.name === 'NFTA_DATA_VALUE') || key, bytes = hexOf(e, value.offset + 4, value.length - 4);
		if (gone) delete set[bytes]; else set[bytes] = true;
	}
}

// itemsOf lists all that is drawn of the worlds, each with a key that stays the same while it is there.
function itemsOf(w) {
	const items = new Map();
	const add = (key, ns, group, text, extra) => items.set(key, {key, ns, group, text, ...extra});
	for (const [ns, world] of Object.entries(w)) {
		add('n ' + ns, ns, 'ns', ns);
		for (const l of Object.values(world.links).sort((a, b) => a.index - b.index)) {
			const id = ns + '/' + l.index, name = l.name || '#' + l.index;
			add('l ' + id, ns, id, name, {link: {...l}, state: (l.up ? 'up' : 'down') + name + (l.master || '')});
			for (const a of Object.keys(l.addresses)) add(`a ${id} ${a}`, ns, id, a, {address: true});
		}
		for (const [k, r] of Object.entries(world.routes)) {
			const device = r.link ? world.links[r.link]?.name || '#' + r.link : '';
			add(`r ${ns} ${k}`, ns, 'routes', r.to, {rest: (r.via ? ' via ' + r.via : '') + (device ? ' dev ' + device : '')});
		}
		for (const t of Object.values(world.tables)) {
			const sets = Object.entries(t.sets), full = sets.filter(([, s]) => Object.keys(s).length);
			const text = `${sets.length} sets, ${Object.keys(t.chains).length} chains, ${t.rules} rules`;
			add(`t ${ns} ${t.name}`, ns, 'tables', t.name, {rest: ' ' + text, state: text});
			for (const [n, s] of full) add(`e ${ns} ${t.name} ${n}`, ns, 'tables', n, {rest: ' × ' + Object.keys(s).length, state: String(Object.keys(s).length), set: true});
		}
	}
	return items;
}

const drawn = [];
const itemsAfter = index => drawn[index + 1] ??= itemsOf(worldsAfter(index));

// drawNetwork draws what is there after a row, and marks what it has added, changed and removed.
function drawNetwork(row) {
	const now = itemsAfter(row.index), before = itemsAfter(row.index - 1);
	const all = [...[...now.values()].map(i => ({...i})), ...[...before.values()].filter(i => !now.has(i.key)).map(i => ({...i, gone: true}))];
	for (const i of all) {
		const old = before.get(i.key);
		i.mark = i.gone ? 'gone' : !old ? 'new' : old.state !== i.state ? 'changed' : '';
	}
	const boxes = [...new Set(all.map(i => i.ns))].map(ns => drawWorld(ns, all.filter(i => i.ns === ns), row));
	$('network').replaceChildren(boxes.length ? h('div', {class: 'worlds'}, boxes) : h('p', {class: 'none'}, 'Nothing yet.'));
	drawPairs(now);
	const marks = [...$('network').querySelectorAll('.new, .changed, .gone')];
	for (const el of marks.reverse()) keepInside(el, $('network'), 20);
}

function drawWorld(ns, items, row) {
	const mark = i => ({class: (i.mark + (i.set ? ' set' : '')).trim() || null, title: i.mark || null});
	const links = items.filter(i => i.link).map(i => h('li', {...mark(i), 'data-link': i.gone ? null : i.group},
		h('span', {class: 'link' + (i.link.up ? ' up' : '')},
			h('b', {}, i.text), h('small', {}, [i.link.index > 0 ? '#' + i.link.index : '', i.link.kind, i.link.up ? 'up' : 'down'].filter(Boolean).join(' '))),
		h('ul', {}, items.filter(a => a.address && a.group === i.group).map(a => h('li', mark(a), a.text)))));
	const list = (group, title) => {
		const of = items.filter(i => i.group === group);
		return of.length ? [h('h4', {}, title), h('ul', {class: group}, of.map(i => h('li', mark(i), h('b', {}, i.text), i.rest || '')))] : [];
	};
	return h('section', {class: 'world' + (row.main.ns === ns ? ' here' : ''), 'aria-label': 'namespace ' + ns},
		h('h3', {}, ns), h('ul', {class: 'links'}, links), list('routes', 'routes'), list('tables', 'nftables'));
}

// drawPairs joins the ends of each pair with a line.
function drawPairs(items) {
	const box = $('network'), worlds = box.querySelector('.worlds');
	if (!worlds) return;
	const at = id => [...box.querySelectorAll('[data-link] > .link')].find(el => el.parentNode.dataset.link === id);
	const frame = worlds.getBoundingClientRect();
	const svg = h('svg:svg', {class: 'pairs', 'aria-hidden': true, width: worlds.scrollWidth, height: worlds.scrollHeight});
	for (const i of items.values()) {
		if (!i.link || !i.link.peer || i.group > i.link.peer) continue;
		const a = at(i.group), b = at(i.link.peer);
		if (!a || !b) continue;
		let [p, q] = [a.getBoundingClientRect(), b.getBoundingClientRect()];
		if (p.left > q.left) [p, q] = [q, p];
		const beside = q.left > p.right;
		const x1 = p.right - frame.left, y1 = p.top + p.height / 2 - frame.top, y2 = q.top + q.height / 2 - frame.top;
		const x2 = (beside ? q.left : q.right) - frame.left, bend = beside ? (x2 - x1) / 2 : 26;
		svg.append(h('svg:path', {d: `M${x1} ${y1} C${x1 + bend} ${y1} ${beside ? x2 - bend : x2 + bend} ${y2} ${x2} ${y2}`, class: i.link.up ? 'up' : ''}));
	}
	worlds.append(svg);
}
