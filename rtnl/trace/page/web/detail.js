// The selected message: what it is, what became of it, and the bytes of each part of the exchange.

let part = 0; // of the selected row: 0 is the request

function drawDetail(row) {
	const e = row.parts[part] || row.main, box = $('detail');
	if (!row.message) {
		const within = e.how === BEGIN ? rows.filter(r => r.index > row.index && r.begin >= row.begin && r.end <= row.end) : [];
		box.replaceChildren(head(row, e), row.failed ? h('p', {class: 'refusal'}, row.failed) : '', facts([
			['Why', e.how === BEGIN && e.error], [e.how === BEGIN ? 'Takes' : 'Done', times(row)], ['Where', e.ns || 'this process']].filter(f => f[1])), slowest(within));
		return;
	}
	const fault = e === row.main && row.refusal ? row.refusal.offset : 0;
	box.replaceChildren(head(row, e), parts(row), ...refusal(row), command(row, e), facts(factsOf(row, e)), drawBytes(e, fault));
}

function head(row, e) {
	return h('div', {class: 'head'}, h('h2', {}, row.message ? e.name : e.purpose), h('span', {class: 'outcome ' + outcome(row)[0]}, outcome(row)[1]),
		row.message && e.purpose ? h('p', {class: 'purpose'}, e.purpose) : '');
}

// outcome is what became of a row, as a class and in a word.
function outcome(row) {
	if (row.refusal) return ['refused', errno(row.refusal.error)];
	if (row.failed) return ['refused', 'failed'];
	if (row.main.how === RECEIVED) return ['', 'a notification'];
	if (undone(row)) return ['refused', 'undone with its transaction'];
	if (row.message && row.parts.length < 2) return ['', row.group.length > 1 ? 'as its transaction' : 'no answer'];
	return ['done', row.parts.length > 2 ? `${row.parts.length - 1} answers` : 'done'];
}
// slowest are those of a part that took the longest, to go to.
function slowest(within) {
	const most = within.filter(r => r.main.how !== BEGIN).sort((a, b) => b.latency - a.latency).slice(0, 8);
	return most.length ? h('div', {class: 'slowest'}, h('h3', {}, `The slowest of ${within.length} within`), most.map(r => h('button', {type: 'button', onclick: () => select(r)},
		h('span', {class: 'took'}, duration(r.latency)), ' ', r.message ? h('b', {}, r.main.name + ' ') : '', r.main.purpose))) : '';
}
const errno = why => (/\(([A-Z0-9]+)\)$/.exec(why) || [])[1] || 'refused';

// parts are the messages of an exchange, to choose from.
function parts(row) {
	const shown = row.parts.length <= 40 ? row.parts : row.parts.slice(0, 40);
	const tabs = shown.map((p, i) => h('button', {
		type: 'button', role: 'tab', 'aria-selected': i === part ? 'true' : 'false', tabindex: i === part ? 0 : -1, onclick: () => choose(i),
	}, h('span', {'aria-hidden': true}, p.how === SENT ? '→ ' : '← '), p.name, h('small', {}, ` ${bytesOf(p).length} B`)));
	const more = row.parts.length - shown.length;
	return h('div', {class: 'parts', role: 'tablist', 'aria-label': 'Messages of this exchange'}, tabs, more > 0 ? h('small', {}, `and ${more} more: →`) : '');
}
function choose(i) {
	const at = Math.max(0, Math.min(selected.parts.length - 1, i));
	if (at === part) return;
	const inTabs = document.activeElement?.getAttribute('role') === 'tab';
	part = at;
	drawDetail(selected);
	save();
	if (inTabs) document.querySelector('[role=tab][aria-selected=true]')?.focus();
}

function refusal(row) {
	const r = row.refusal;
	if (!r) return [];
	const go = r.offset ? h('button', {type: 'button', onclick: () => {
		choose(0);
		const s = look.message.byByte[r.offset];
		if (s) { look.pinned = ownerOf(s); light(look.pinned, true); }
	}}, `show byte ${r.offset}`) : '';
	return [h('p', {class: 'refusal'}, r.error, ' ', go)];
}

function command(row, e) {
	const text = e.command || row.main.command;
	if (!text) return '';
	const copy = h('button', {type: 'button', onclick: () => {
		getSelection().selectAllChildren(copy.previousSibling);
		navigator.clipboard?.writeText(text).then(() => { copy.textContent = 'copied'; });
	}}, 'copy');
	return h('div', {class: 'command'}, h('code', {}, text), copy);
}

function times(row) {
	const sent = ms(row.begin) + ' ms';
	if (!row.message) return `at ${sent}, ${duration(row.latency)}`;
	if (row.parts.length < 2) return row.main.how === SENT ? `sent at ${sent}` : `received at ${sent}`;
	return `sent at ${sent}, answered at ${ms(row.end)} ms, after ${duration(row.latency)}`;
}

function factsOf(row, e) {
	const type = bytesOf(e).length >= 16 ? Number(number(e, 4, 2, NUMBER)) : null;
	const body = spansOf(e).find(s => s.depth === 0 && s.kind === 'struct' && s.name !== 'struct nlmsghdr');
	const kernel = e.handler ? [h('code', {}, e.handler + '()'), ' ', h('span', {class: 'file'}, e.file)] : '';
	const n = type === null || type < 16 || type < 256 && e.protocol !== 'NETLINK_NETFILTER' ? type : `${type >> 8} << 8 | ${type & 255}`;
	return [
		['Type', type === null ? '' : [h('code', {}, `${e.name} = ${n}`), ' ', h('span', {class: 'file'}, headerOf(e.name))]],
		['Flags', e.flags && h('code', {}, breakable(e.flags))],
		['Body', body ? [h('code', {}, body.name), ' ', h('span', {class: 'file'}, headerOfStruct(body.name)), body.length ? ` ${body.length} bytes` : ''] : ''],
		[e.how === SENT ? 'Handled by' : 'Written by', kernel],
		['Where', `${e.ns}, ${e.protocol}`],
		['When', times(row)],
	].filter(f => f[1]);
}

const facts = list => h('dl', {class: 'facts'}, list.flatMap(([name, value]) => [h('dt', {}, name), h('dd', {}, value)]));
