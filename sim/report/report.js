/* SPDX-License-Identifier: GPL-3.0-or-later */
'use strict';

const doc = JSON.parse(document.getElementById('document').textContent);
currency = doc.currency || '';

/* ---- strategies and their colours: the baseline is grey, an oracle is ink, the others take the palette ---- */

const strategies = doc.strategies || [];
const named = name => strategies.find(strategy => strategy.name === name);
const mean = (strategy, key) => strategy && strategy[key] && known(strategy[key].mean) ? strategy[key].mean : NaN;
const looks = {};

/* The cheapest that misses no more time than the asked confidence leaves. An oracle cannot be had, so never wins. */
function findAnswer() {
  const confidence = (doc.constraints || {}).confidence_percent;
  const allowed = known(confidence) ? (100 - confidence) / 100 * 1440 : 0;
  const real = strategies.filter(one => one.name !== 'oracle' && known(mean(one, 'cost_per_day')));
  const holds = real.filter(one => mean(one, 'slo_missed_minutes_per_day') <= allowed);
  const by = key => (a, b) => mean(a, key) - mean(b, key);
  holds.sort(by('cost_per_day'));
  const nearest = real.slice().sort(by('slo_missed_minutes_per_day'))[0];
  return {best: holds[0] || nearest, holds: holds.length > 0, next: holds[1]};
}

function assignLooks(answer) {
  const order = strategies.map(one => one.name).filter(name => name !== doc.baseline && name !== 'oracle');
  if (answer && answer.name !== doc.baseline) order.sort((a, b) => (b === answer.name) - (a === answer.name));
  order.forEach((name, i) => { looks[name] = {variable: 's' + i % 6, dash: DASHES[i % DASHES.length]}; });
  looks[doc.baseline] = {variable: 'grey', dash: null};
  if (!looks.oracle) looks.oracle = {variable: 'ink', dash: [2, 3]};
}

const nameOf = name => h('span', {class: 'name'}, looks[name] ? key(looks[name].variable, looks[name].dash) : null, name);

/* ---- the answer ---- */

function promise() {
  const bounds = doc.constraints || {};
  const words = [];
  if (known(bounds.latency_p99_seconds)) words.push(`p99 latency within ${seconds(bounds.latency_p99_seconds)}`);
  if (known(bounds.backlog_seconds)) words.push(`backlog within ${seconds(bounds.backlog_seconds)} of work`);
  if (!words.length) return 'no service level is set';
  return words.join(' and ') + (known(bounds.confidence_percent) ? `, with ${percent(bounds.confidence_percent)} confidence` : '');
}

function headline({best, holds}) {
  const cost = h('b', {}, money(mean(best, 'cost_per_day')) + ' a day');
  const missed = mean(best, 'slo_missed_minutes_per_day');
  const level = missed === 0 ? 'never misses its service level' : `misses its service level ${minutes(missed)} a day`;
  if (!holds) return ['No strategy holds the service level. ', h('b', {}, best.name), ' comes nearest: it costs ', cost, ` and ${level}.`];
  if (best.name === doc.baseline) return ['Nothing beats ', h('b', {}, best.name), ': it costs ', cost, ` and ${level}.`];
  const saving = mean(best, 'saving_percent');
  const than = known(saving) ? [', ', h('b', {}, percent(Math.abs(saving))), ` ${saving < 0 ? 'more' : 'less'} than ${doc.baseline},`] : [];
  return [h('b', {}, best.name), ' costs ', cost, ...than, ` and ${level}.`];
}

function range(figure, format, turned) {
  if (!figure || !(figure.low < figure.high)) return '';
  const ends = [format(figure.low), format(figure.high)];
  return ends[0] === ends[1] ? '' : '[' + (turned ? ends.reverse() : ends).join(', ') + ']';
}

/* A recording whose times count from zero has no date. */
const startOf = text => Date.parse(text) >= 365 * DAY ? ` from ${dateOf(text)}` : '';

function answerSection(answer) {
  const {best, next} = answer;
  const oracle = named('oracle');
  const more = [];
  const spread = range(best.cost_per_day, money);
  if (spread) more.push(`Over ${count(doc.runs, 'run')} its cost a day lies in ${spread}. `);
  if (next) more.push(`Next is ${next.name} with ${money(mean(next, 'cost_per_day'))} and ${minutes(mean(next, 'slo_missed_minutes_per_day'))} missed. `);
  if (oracle) more.push(`With the load known beforehand (oracle) it would cost ${money(mean(oracle, 'cost_per_day'))} and miss ${minutes(mean(oracle, 'slo_missed_minutes_per_day'))}.`);
  main.append(h('section', {class: 'answer', id: 'answer', 'aria-labelledby': 'answer-title'},
    h('h1', {id: 'answer-title'}, headline(answer)),
    more.length ? h('p', {}, more) : null,
    h('p', {class: 'facts'}, `${duration(doc.duration_seconds)} of load${startOf(doc.start)}, mean ${rate(doc.load && doc.load.mean_per_second)}, ` +
      `peak ${rate(doc.load && doc.load.peak_per_second)}, ${count(doc.operators, 'operator')}. Service level: ${promise()}.`)));
}

/* ---- tables ---- */

/* Field, title, the mean with its unit, an end of the interval without it; "extra" ones are shown on demand. */
const plain = value => digits(value);
const hasCarbon = strategies.some(one => mean(one, 'carbon_grams_per_day') > 0);
const COLUMNS = [
  ['cost_per_day', 'Cost a day', money, cents],
  ['saving_percent', `Against ${doc.baseline}`, change, saving => (saving < 0 ? '+' : '') + digits(-saving)],
  ['slo_missed_minutes_per_day', 'SLO missed a day', minutes, plain],
  ['rescales_per_day', 'Rescales a day', plain, plain],
  ['workers_mean', 'Workers, mean', plain, plain],
  ['latency_p50_seconds', 'Latency p50', seconds, plain, 'extra'],
  ['latency_p95_seconds', 'Latency p95', seconds, plain, 'extra'],
  ['latency_p99_seconds', 'Latency p99', seconds, plain],
  ['backlog_peak_records', 'Backlog, peak', records, value => scaled(value)],
  ['delay_peak_seconds', 'Delay, peak', seconds, plain, 'extra'],
  ['throughput_per_second', 'Throughput', rate, value => scaled(value), 'extra'],
  ['carbon_grams_per_day', 'Carbon a day', grams, grams],
].filter(([field]) => field !== 'carbon_grams_per_day' || hasCarbon);

function figureCell(strategy, [field, label, format, bare, extra]) {
  const saving = field === 'saving_percent';
  if (saving && strategy.name === doc.baseline) return h('td', {'data-label': label, 'data-value': 0}, h('span', {class: 'tag'}, 'baseline'));
  const value = mean(strategy, field);
  return h('td', {'data-label': label, 'data-value': saving ? -value : value, class: extra},
    h('span', {class: saving && value ? (value > 0 ? 'good' : 'bad') : null}, format(value)),
    h('span', {class: 'interval'}, range(strategy[field], bare, saving)));
}

function sortable(table) {
  const body = table.tBodies[0];
  for (const head of table.querySelectorAll('thead th')) {
    const button = h('button', {type: 'button', onclick: () => {
      const up = head.getAttribute('aria-sort') !== 'ascending';
      const at = head.cellIndex;
      const value = row => { const cell = row.cells[at]; return cell.dataset.value === undefined ? cell.textContent : Number(cell.dataset.value); };
      const less = (a, b) => (value(a) > value(b)) - (value(a) < value(b)) || isNaN(value(a)) - isNaN(value(b));
      table.querySelectorAll('thead th').forEach(other => other.removeAttribute('aria-sort'));
      head.setAttribute('aria-sort', up ? 'ascending' : 'descending');
      body.append(...[...body.rows].sort((a, b) => up ? less(a, b) : less(b, a)));
    }}, ...head.childNodes);
    head.replaceChildren(button);
  }
  return table;
}

function strategiesSection(best) {
  const rows = strategies.map(one => h('tr', {'data-strategy': one.name, class: one === best ? 'best' : null},
    h('th', {scope: 'row', class: 'text'}, nameOf(one.name), h('span', {class: 'summary'}, one.summary || '')),
    COLUMNS.map(column => figureCell(one, column))));
  const table = h('table', {class: 'cards brief', id: 'strategy-table'},
    h('thead', {}, h('tr', {}, h('th', {scope: 'col', class: 'text'}, 'Strategy'), COLUMNS.map(([, label, , , extra]) => h('th', {scope: 'col', class: extra}, label)))),
    h('tbody', {}, rows));
  const box = h('input', {type: 'checkbox'});
  box.addEventListener('change', () => table.classList.toggle('brief', !box.checked));
  section('strategies', 'Strategies', doc.runs > 1 ? `Mean of ${count(doc.runs, 'run')}, and [low, high] over them.` : null,
    h('div', {class: 'scroll', tabindex: 0, role: 'region', 'aria-label': 'Table of strategies'}, sortable(table)), h('div', {class: 'bar'}, h('label', {}, box, 'all figures')));
}

/* ---- Pareto front ---- */

const tip = document.getElementById('tip');
function showTip(event, text) {
  tip.textContent = text;
  tip.hidden = false;
  const box = event.currentTarget.getBoundingClientRect();
  tip.style.left = Math.max(8, Math.min(box.right + 10, innerWidth - tip.offsetWidth - 12)) + 'px';
  tip.style.top = Math.max(8, box.top - tip.offsetHeight - 6) + 'px';
}
const tipped = text => ({'aria-label': text, onmouseenter: event => showTip(event, text), onfocus: event => showTip(event, text),
  onmouseleave: () => { tip.hidden = true; }, onblur: () => { tip.hidden = true; }});

function frontPoints() {
  const swept = (doc.front || []).map(one => ({name: one.strategy, x: one.slo_missed_minutes_per_day, y: one.cost_per_day,
    words: `${one.option} = ${digits(one.value)}`, order: one.value}));
  const own = strategies.map(one => ({name: one.name, x: mean(one, 'slo_missed_minutes_per_day'), y: mean(one, 'cost_per_day'), own: true, words: 'as the spec sets it'}));
  return [...swept, ...own].filter(point => known(point.x) && known(point.y));
}

function paretoFront(points) {
  const sorted = points.filter(point => point.name !== 'oracle').sort((a, b) => a.x - b.x || a.y - b.y);
  const front = [];
  for (const point of sorted) if (!front.length || point.y < front[front.length - 1].y) front.push(point);
  return front;
}

function niceTicks(low, high, wanted) {
  const raw = (high - low) / wanted || 1;
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 5, 10].map(m => m * power).find(m => m >= raw);
  const ticks = [];
  for (let at = Math.ceil(low / step) * step; at <= high + step / 1e6; at += step) ticks.push(Number(at.toPrecision(12)));
  return ticks;
}

/* The first of some places round the point where the label meets neither a label nor a marker. */
function placeLabel(text, x, y, taken, left, width, height) {
  const w = text.length * 7.2, tall = 14;
  const places = [[10, 4], [-w - 10, 4], [-w / 2, -10], [-w / 2, 20], [10, -10], [10, 18], [-w - 10, -10], [-w - 10, 18], [14, 30], [14, -24]];
  const free = ([dx, dy]) => x + dx > left && x + dx + w < width - 2 && y + dy < height &&
    !taken.some(box => x + dx < box[2] && x + dx + w > box[0] && y + dy - tall < box[3] && y + dy > box[1]);
  const [dx, dy] = places.find(free) || places[0];
  taken.push([x + dx, y + dy - tall, x + dx + w, y + dy]);
  return [x + dx, y + dy];
}

function drawFront(host, log) {
  const points = frontPoints();
  const width = Math.max(300, host.clientWidth), height = width < 560 ? 330 : 400;
  const pad = {left: 62, right: 16, top: 18, bottom: 46};
  const bend = value => log ? Math.log10(1 + value) : value;
  const most = Math.max(...points.map(point => point.x)) * 1.06 || 1;
  const costs = points.map(point => point.y);
  const margin = (Math.max(...costs) - Math.min(...costs)) * 0.07 || 1;
  const low = Math.max(0, Math.min(...costs) - margin), high = Math.max(...costs) + margin;
  const X = value => pad.left + 10 + bend(value) / bend(most) * (width - pad.left - pad.right - 10);
  const Y = value => height - pad.bottom - (value - low) / (high - low) * (height - pad.top - pad.bottom);
  const svg = s('svg', {viewBox: `0 0 ${width} ${height}`, role: 'group', 'aria-label': 'Cost a day against minutes a day in which the service level is missed'});
  const xTicks = log ? [0, 1, 3, 10, 30, 100, 300, 1000].filter(value => value <= most) : niceTicks(0, most, width < 560 ? 4 : 8);
  for (const value of xTicks) svg.append(s('line', {class: 'grid', x1: X(value), x2: X(value), y1: pad.top, y2: height - pad.bottom}),
    s('text', {x: X(value), y: height - pad.bottom + 17, 'text-anchor': 'middle'}, digits(value)));
  for (const value of niceTicks(low, high, 5)) svg.append(s('line', {class: 'grid', x1: pad.left, x2: width - pad.right, y1: Y(value), y2: Y(value)}),
    s('text', {x: pad.left - 8, y: Y(value) + 4, 'text-anchor': 'end'}, (signs[doc.currency] || '') + THIN + digits(value)));
  svg.append(s('line', {class: 'axis', x1: pad.left, x2: width - pad.right, y1: height - pad.bottom, y2: height - pad.bottom}),
    s('text', {x: width - pad.right, y: height - 8, 'text-anchor': 'end'}, `service level missed, minutes a day${log ? ' (logarithmic)' : ''}`),
    s('text', {x: pad.left + 4, y: 12}, `cost, ${doc.currency} a day; lower left is better`));

  const front = paretoFront(points);
  const path = front.map((point, i) => (i ? `H${X(point.x)}V${Y(point.y)}` : `M${X(point.x)} ${pad.top}V${Y(point.y)}`)).join('');
  svg.append(s('path', {d: `${path}H${width - pad.right}`, fill: 'none', stroke: 'var(--soft)', 'stroke-width': 1.2, 'stroke-dasharray': '2 4'}));
  for (const one of strategies) {
    const mine = points.filter(point => point.name === one.name && !point.own).sort((a, b) => a.order - b.order);
    const stroke = `var(--${looks[one.name].variable})`;
    if (mine.length > 1) svg.append(s('polyline', {points: mine.map(point => `${X(point.x)},${Y(point.y)}`).join(' '), fill: 'none', stroke, 'stroke-width': 1.5, opacity: 0.55}));
    for (const point of mine) svg.append(s('circle', {cx: X(point.x), cy: Y(point.y), r: 4, fill: 'var(--paper)', stroke, 'stroke-width': 1.8, role: 'img',
      ...tipped(`${point.name}, ${point.words}\n${money(point.y)} a day, ${minutes(point.x)} a day missed`)}));
  }
  const own = points.filter(point => point.own);
  const taken = own.map(point => [X(point.x) - 7, Y(point.y) - 7, X(point.x) + 7, Y(point.y) + 7]);
  for (const point of own) {
    svg.append(s('circle', {cx: X(point.x), cy: Y(point.y), r: 7, fill: `var(--${looks[point.name].variable})`, stroke: 'var(--paper)', 'stroke-width': 2, tabindex: 0, role: 'img',
      ...tipped(`${point.name}, ${point.words}\n${money(point.y)} a day, ${minutes(point.x)} a day missed`)}));
    const [x, y] = placeLabel(point.name, X(point.x), Y(point.y), taken, pad.left - 4, width, height - pad.bottom);
    svg.append(s('text', {class: 'label', x, y, 'aria-hidden': 'true'}, point.name));
  }
  host.replaceChildren(svg);
}

function frontSection() {
  const points = frontPoints();
  if (points.length < 2) return null;
  const host = h('div', {});
  const box = h('input', {type: 'checkbox', checked: Math.max(...points.map(point => point.x)) > 30});
  const draw = () => drawFront(host, box.checked);
  box.addEventListener('change', draw);
  const [button, holder] = tableToggle('Cost against service level', () => plainTable('', ['Strategy', {text: 'Setting'}, 'Cost a day', 'Missed a day'], points.map(point => h('tr', {},
    h('th', {scope: 'row', class: 'text'}, point.name), h('td', {class: 'text'}, point.words), h('td', {}, money(point.y)), h('td', {}, minutes(point.x))))));
  const swept = (doc.front || []).length ? ', and the comparators swept over their main option (rings)' : '';
  section('front', 'Cost against service level', `Each strategy as the spec sets it (filled)${swept}. The dotted line is the Pareto front: no setting is both cheaper and better than those on it.`,
    h('div', {class: 'bar'}, h('label', {}, box, 'logarithmic minutes'), button), h('div', {class: 'front'}, host), holder);
  return draw;
}

/* ---- strategies over time ---- */

const drawn = strategies.filter(one => one.timeline);
const state = {a: null, b: '', log: null, total: true, hidden: new Set()};

/* Stretches in which the p99 latency lies above its bound. */
function missedTimes(timeline, bound) {
  const stretches = [], step = timeline.step_seconds * 1000;
  if (!known(bound)) return stretches;
  (timeline.latency_p99 || []).forEach((value, i) => {
    const from = timeline.start_ms + (i - 0.5) * step, last = stretches[stretches.length - 1];
    if (!(value > bound)) return;
    if (last && from - last[1] < 1) last[1] = from + step;
    else stretches.push([from, from + step]);
  });
  return stretches;
}

const largest = lists => lists.reduce((most, list) => (list || []).reduce((a, b) => known(b) && b > a ? b : a, most), 0);
const shown = () => [state.a, state.b].filter(Boolean).map(named);
const sharedRange = pick => { const most = largest(shown().flatMap(one => pick(one.timeline))); return most > 0 ? [0, most * 1.06] : null; };

function latencyControl() {
  const box = h('input', {type: 'checkbox', checked: state.log, 'data-log': true});
  box.addEventListener('change', () => { state.log = box.checked; drawLanes(); document.querySelector('[data-log]').focus(); });
  return h('label', {}, box, 'logarithmic');
}

function laneCharts(host, one) {
  const t = one.timeline, bound = (doc.constraints || {}).latency_p99_seconds;
  const base = {group: 'strategies', owner: one.name, changes: one.changes, missed: missedTimes(t, bound), onclick: openNearest};
  const add = spec => addChart(host, t.start_ms, t.step_seconds, Object.assign({}, base, spec));
  const lists = Object.entries(t.parallelism || {});
  const latencies = shown().flatMap(other => (other.timeline.latency_p99 || []).filter(value => value > 0));
  const lowest = latencies.reduce((a, b) => Math.min(a, b), Infinity);
  add({title: 'Load, throughput and capacity', height: 'tall', selector: true, format: rate, range: sharedRange(x => [x.offered, x.throughput, x.capacity]), lines: [
    {label: 'offered', values: t.offered, variable: 'grey', fill: true}, {label: 'capacity', values: t.capacity, variable: 's1', step: true, dash: [5, 3]},
    {label: 'throughput', values: t.throughput, variable: 's0'}]});
  add({title: 'Workers', height: 'low', format: value => digits(value), range: sharedRange(x => [x.workers]), lines: [{label: 'workers', values: t.workers, variable: 's0', step: true, fill: true}]});
  add({title: 'Parallelism', format: value => digits(value), range: sharedRange(x => Object.values(x.parallelism || {})),
    lines: lists.map(([label, values], i) => ({label, values, variable: 's' + i % 6, step: true, dash: DASHES[i % DASHES.length]}))});
  add({title: 'Backlog', height: 'low', format: records, range: sharedRange(x => [x.backlog]), lines: [{label: 'backlog', values: t.backlog, variable: 's3', fill: true}]});
  add({title: 'Latency p99', format: seconds, tick: value => digits(value) + THIN + 's', bound, log: state.log, control: latencyControl(),
    range: state.log ? [lowest / 1.3, Math.max(largest([latencies]), bound || 0) * 1.4] : [0, Math.max(largest([latencies]), bound || 0) * 1.06],
    lines: [{label: 'p99', values: t.latency_p99, variable: 's0'}]});
  add({title: 'Cost', height: 'low', format: value => money(value) + '/h', range: sharedRange(x => [x.cost_per_hour]),
    lines: [{label: 'cost an hour', values: t.cost_per_hour, variable: 's2', step: true, fill: true}]});
}

/* ---- changes ---- */

function changeDetails(one, owner) {
  return h('div', {class: 'more'},
    h('p', {}, `Guardrails: ${one.verdict}`, one.findings.length ? '' : ', no objection'),
    one.findings.map(finding => h('p', {}, h('code', {}, finding.rule), ': ' + finding.reason)),
    one.outcome ? h('p', {}, `Outcome: ${one.outcome}`) : null,
    (one.alternatives || []).length ? alternativesTable(one.alternatives) : null,
    h('button', {type: 'button', onclick: () => zoomTo(charts.find(chart => chart.owner === owner).group, one.time_ms - 3 * HOUR, one.time_ms + 3 * HOUR)}, 'Zoom the charts to it'));
}

function changeItem(owner, one) {
  const [glyph, tone] = OUTCOMES[one.outcome] || ['', ''];
  const verdict = VERDICTS[one.verdict];
  const [total, operators] = move(one);
  const details = h('details', {}, h('summary', {},
    h('span', {class: 'head'}, h('time', {datetime: new Date(one.time_ms).toISOString()}, moment(one.time_ms)), h('span', {class: verdict ? 'bad' : tone}, verdict || (glyph ? `${glyph} ${one.outcome}` : ''))),
    h('span', {class: 'move'}, total), operators ? h('span', {class: 'operators'}, operators) : null, h('span', {class: 'reason'}, one.reason)));
  const item = h('li', {'data-time': one.time_ms}, details);
  details.addEventListener('toggle', () => { if (details.open && details.children.length === 1) details.append(changeDetails(one, owner)); });
  const mark = () => setMark(owner, one.time_ms, item);
  item.addEventListener('mouseenter', mark);
  item.addEventListener('focusin', mark);
  item.addEventListener('mouseleave', () => { if (!details.open) setMark(owner, null, null); });
  return item;
}

function openNearest(x, chart) {
  const items = [...document.querySelectorAll(`[data-changes="${CSS.escape(chart.owner)}"] li`)];
  const far = item => Math.abs(chart.graph.toDomXCoord(Number(item.dataset.time)) - chart.graph.toDomXCoord(x));
  const nearest = items.sort((a, b) => far(a) - far(b))[0];
  if (!nearest || far(nearest) > 12) return;
  nearest.querySelector('details').open = true;
  nearest.scrollIntoView({block: 'nearest'});
  setMark(chart.owner, Number(nearest.dataset.time), nearest);
}

const FILTERS = [['all', () => true], ['made', one => !refused(one)], ['refused or clipped', one => one.verdict !== 'Allowed'],
  ['reverted or failed', one => ['Reverted', 'Failed'].includes(one.outcome)]];

function changesFilter(list, items) {
  const select = h('select', {'aria-label': 'Which changes to list'}, FILTERS.map(([name, keep]) => h('option', {}, `${name} (${list.filter(keep).length})`)));
  select.addEventListener('change', () => list.forEach((one, i) => { items[i].hidden = !FILTERS[select.selectedIndex][1](one); }));
  return select;
}

function changesList(owner, list) {
  if (!list.length) return h('div', {class: 'changes'}, h('h4', {}, 'Changes'), h('p', {class: 'none'}, `${owner} changed nothing.`));
  const items = list.map(item => changeItem(owner, item));
  return h('div', {class: 'changes'}, h('h4', {}, `${count(list.filter(one => !refused(one)).length, 'change')} in one run`, changesFilter(list, items)),
    h('ol', {'data-changes': owner, tabindex: 0, 'aria-label': `Changes of ${owner}`}, items));
}

const lanes = h('div', {class: 'lanes'});
function drawLanes() {
  const old = charts.find(chart => chart.group === 'strategies' && chart.owner);
  const window = old ? old.graph.xAxisRange() : null;
  dropCharts(chart => chart.owner);
  marked = null;
  lanes.classList.toggle('pair', shown().length > 1);
  lanes.replaceChildren(...shown().map(one => h('div', {class: 'lane', 'data-lane': one.name}, h('h3', {}, nameOf(one.name)), h('div', {class: 'charts'}), changesList(one.name, one.changes || []))));
  shown().forEach((one, i) => laneCharts(lanes.children[i].querySelector('.charts'), one));
  if (window) zoomTo('strategies', window[0], window[1]);
  checkpoint();
}

function picker(label, value, none, onpick) {
  const select = h('select', {'aria-label': label}, none ? h('option', {value: ''}, none) : null, drawn.map(one => h('option', {value: one.name, selected: one.name === value}, one.name)));
  select.addEventListener('change', () => onpick(select.value));
  return h('label', {}, label, select);
}

function zoomButtons(group, lengthMs) {
  const first = () => charts.find(chart => chart.group === group);
  const span = width => () => { const [from, to] = first().graph.xAxisRange(); const middle = (from + to) / 2; zoomTo(group, middle - width / 2, middle + width / 2); };
  const shift = by => () => { const [from, to] = first().graph.xAxisRange(); zoomTo(group, from + by * (to - from), to + by * (to - from)); };
  const button = (text, label, onclick) => h('button', {type: 'button', 'aria-label': label, onclick}, text);
  return h('span', {class: 'group', role: 'group', 'aria-label': 'Stretch of time shown'}, button('All', 'Show everything', () => zoomTo(group, -Infinity, Infinity)),
    lengthMs > DAY ? button('1 d', 'Show one day', span(DAY)) : null, lengthMs > 6 * HOUR ? button('6 h', 'Show six hours', span(6 * HOUR)) : null, button('\u2190', 'Earlier', shift(-0.5)), button('\u2192', 'Later', shift(0.5)));
}

function timeSection(answer) {
  if (!drawn.length) return;
  const wanted = name => drawn.find(one => one.name === query.get(name));
  state.a = (wanted('strategy') || (drawn.includes(answer.best) ? answer.best : drawn[0])).name;
  state.b = (wanted('beside') || {name: ''}).name;
  const bound = (doc.constraints || {}).latency_p99_seconds;
  state.log = known(bound) && largest(drawn.map(one => one.timeline.latency_p99)) > 10 * bound;
  section('time', 'Over time', 'One run. Ticks below each chart are changes; shaded is where the p99 latency lies above its bound. Drag to zoom, double-click to see everything; times are UTC.',
    h('div', {class: 'bar sticky'}, picker('Strategy', state.a, null, name => { state.a = name; drawLanes(); }),
      picker('beside', state.b, 'none', name => { state.b = name; drawLanes(); }), zoomButtons('strategies', doc.duration_seconds * 1000), readout), lanes);
  drawLanes();
}

/* ---- money and carbon of all strategies ---- */

function running(values, stepSeconds) {
  let sum = 0;
  return (values || []).map(value => { sum += known(value) ? value * stepSeconds / 3600 : 0; return sum; });
}

const ledgers = h('div', {});
function drawLedgers() {
  dropCharts(chart => chart.ledger);
  ledgers.replaceChildren();
  const first = drawn[0].timeline;
  const visible = drawn.filter(one => !state.hidden.has(one.name));
  const add = (title, field, format, tick) => addChart(ledgers, first.start_ms, first.step_seconds, {title: state.total ? `${title}, added up` : `${title} an hour`, height: 'tall', group: 'strategies',
    ledger: true, format: value => format(value) + (state.total ? '' : '/h'), tick,
    lines: visible.map(one => ({label: one.name, values: state.total ? running(one.timeline[field], one.timeline.step_seconds) : one.timeline[field],
      variable: looks[one.name].variable, dash: looks[one.name].dash, step: !state.total, width: 1.8}))});
  add('Cost', 'cost_per_hour', money, value => (signs[doc.currency] || '') + THIN + digits(value));
  if (hasCarbon) add('Carbon', 'carbon_grams_per_hour', grams, grams);
  const lane = charts.find(chart => chart.owner);
  if (lane) zoomTo('strategies', ...lane.graph.xAxisRange());
  checkpoint();
}

function moneySection() {
  if (!drawn.some(one => one.timeline.cost_per_hour)) return;
  const mode = (text, total) => h('button', {type: 'button', 'aria-pressed': String(state.total === total), onclick: event => {
    state.total = total;
    event.currentTarget.parentNode.querySelectorAll('button').forEach(other => other.setAttribute('aria-pressed', other === event.currentTarget));
    drawLedgers();
  }}, text);
  const boxes = drawn.map(one => {
    const box = h('input', {type: 'checkbox', checked: true});
    box.addEventListener('change', () => { state.hidden[box.checked ? 'delete' : 'add'](one.name); drawLedgers(); });
    return h('label', {}, box, one.name);
  });
  section('money', hasCarbon ? 'Money and carbon' : 'Money', null, h('div', {class: 'bar'}, h('span', {class: 'group', role: 'group', 'aria-label': 'How it is counted'}, mode('Added up', true), mode('An hour', false)), boxes), ledgers);
  drawLedgers();
}

/* ---- sweep ---- */

function sweepSection() {
  const sweep = doc.sweep || [];
  if (!sweep.length) return;
  const label = one => Object.entries(one.set).map(([path, value]) => `${path} = ${value}`).join(', ');
  const cell = strategy => h('td', {'data-label': strategy.name}, h('span', {}, money(mean(strategy, 'cost_per_day'))),
    h('span', {class: 'interval'}, minutes(mean(strategy, 'slo_missed_minutes_per_day')) + ' missed'));
  const rows = [['as the spec sets it', strategies], ...sweep.map(one => [label(one), one.strategies])];
  section('sweep', 'What if', 'Cost a day and minutes a day missed, with these fields of the spec changed.', h('div', {class: 'scroll', tabindex: 0, role: 'region', 'aria-label': 'Table of what-ifs'},
    plainTable('', ['Setting', ...strategies.map(one => one.name)], rows.map(([name, list]) => h('tr', {}, h('th', {scope: 'row', class: 'text'}, name), list.map(cell))), {class: 'cards'})));
}

/* ---- how far to trust it ---- */

const METRICS = {workers_mean: 'Workers, mean', cost_per_day: 'Cost a day', saving_percent: 'Saving', throughput_per_second: 'Throughput', latency_p50_seconds: 'Latency p50',
  latency_p95_seconds: 'Latency p95', latency_p99_seconds: 'Latency p99', backlog_peak_records: 'Backlog, peak', delay_peak_seconds: 'Delay, peak'};
const inside = one => one.measured >= one.low && one.measured <= one.high;
const judged = list => list.filter(one => [one.measured, one.low, one.high].every(known));

/* The interval as a bar, the prediction as a line in it, what was measured as a dot. */
function intervalPicture(one) {
  const values = [one.low, one.high, one.measured, one.predicted].filter(known);
  const low = Math.min(...values), wide = Math.max(...values) - low || 1;
  const X = value => 8 + (value - low) / wide * 114;
  return s('svg', {class: 'span', viewBox: '0 0 130 16', 'aria-hidden': 'true'}, s('line', {x1: 0, x2: 130, y1: 8, y2: 8, stroke: 'var(--line)'}),
    known(one.low) && known(one.high) ? s('rect', {x: X(one.low), width: Math.max(1, X(one.high) - X(one.low)), y: 4, height: 8, rx: 2, fill: 'var(--grey)', opacity: 0.45}) : null,
    known(one.predicted) ? s('line', {x1: X(one.predicted), x2: X(one.predicted), y1: 1, y2: 15, stroke: 'var(--ink)', 'stroke-width': 2}) : null,
    known(one.measured) ? s('circle', {cx: X(one.measured), cy: 8, r: 4.5, fill: inside(one) ? 'var(--s2)' : 'var(--s1)', stroke: 'var(--paper)'}) : null);
}

function predictionRow(one) {
  const points = one.metric === 'saving_percent';
  const error = points ? one.predicted - one.measured : 100 * (one.predicted - one.measured) / Math.abs(one.measured);
  const words = !known(one.measured) || !isFinite(error) ? NONE : (error > 0 ? '+' : '') + digits(error) + THIN + (points ? 'points' : '%');
  const verdict = judged([one]).length ? (inside(one) ? h('span', {class: 'good'}, '\u2713 inside') : h('span', {class: 'bad'}, '\u2715 outside')) : NONE;
  const fine = value => known(value) ? `${scaled(value, 4)}${THIN}${one.unit}` : NONE;
  return h('tr', {}, h('th', {scope: 'row', class: 'text'}, METRICS[one.metric] || one.metric), h('td', {class: 'text', 'data-label': 'Recording'}, one.recording),
    h('td', {'data-label': 'Measured'}, fine(one.measured)), h('td', {'data-label': 'Predicted'}, fine(one.predicted)), h('td', {'data-label': 'Error'}, words),
    h('td', {'data-label': 'Interval'}, `${scaled(one.low, 4)} to ${scaled(one.high, 4)}`), h('td', {'data-label': 'Picture'}, intervalPicture(one)),
    h('td', {class: 'text', 'data-label': 'Measured is'}, verdict));
}

const predictionTable = backtest => h('div', {class: 'scroll', tabindex: 0, role: 'region', 'aria-label': 'Measured and predicted'},
  plainTable('', ['Figure', {text: 'Recording'}, 'Measured', 'Predicted', 'Error', `${digits(backtest.interval_percent)}${THIN}% interval`, '', {text: 'Measured is'}],
    backtest.predictions.map(predictionRow), {class: 'cards', id: 'prediction-table'}));

const coverage = backtest => known(backtest.coverage_percent) && backtest.windows > 0 ? `Of ${count(backtest.windows, 'window')} held back, ${percent(backtest.coverage_percent)} of the measurements lie inside their ${digits(backtest.interval_percent)}${THIN}% interval.`
  : 'No windows were held back to test the intervals on.';

function parameterTable(model) {
  return h('div', {class: 'scroll', tabindex: 0, role: 'region', 'aria-label': 'Parameters of the model'}, plainTable('', ['Parameter', 'Value', 'Standard error', {text: 'Unit'}, {text: 'Identified'}],
    model.parameters.map(one => h('tr', {}, h('th', {scope: 'row', class: 'text'}, one.name), h('td', {'data-label': 'Value'}, digits(one.value, 6)),
      h('td', {'data-label': 'Standard error'}, known(one.error) ? '± ' + digits(one.error, 2) : NONE), h('td', {class: 'text', 'data-label': 'Unit'}, one.unit || NONE),
      h('td', {class: 'text', 'data-label': 'Identified'}, one.identified ? 'yes' : h('span', {class: 'bad'}, 'no' + (one.note ? ': ' + one.note : ''))))), {class: 'cards'}));
}

function trustSection() {
  const trust = doc.trust || {}, backtest = trust.backtest;
  const origin = trust.calibrated_from ? `The model was calibrated${trust.calibrated_at ? ' on ' + dateOf(trust.calibrated_at) : ''} from ${trust.calibrated_from}.`
    : 'The model was not calibrated: it is what the spec says, and the figures are as good as that.';
  const node = section('trust', 'How far to trust it', null, h('p', {}, origin));
  if (!backtest) { node.append(h('p', {}, 'It was not tested against runs it had not seen; optctl backtest does that.')); return; }
  node.append(h('p', {}, `Fitted on ${backtest.fit.join(', ')}, it predicted the others. ${coverage(backtest)}`), predictionTable(backtest));
  if (backtest.model) node.append(h('details', {class: 'more-figures'}, h('summary', {}, 'Parameters of the model'), parameterTable(backtest.model)));
}

/* ---- backtest ---- */

const RECORDED = {workers: ['Workers', value => digits(value)], throughput: ['Throughput', rate], latency: ['Latency', seconds], backlog: ['Backlog', records]};

function recordingCharts(host, one, group) {
  const t = one.timeline;
  for (const [metric, list] of Object.entries(t.metrics)) {
    const [title, format] = RECORDED[metric] || [metric, value => scaled(value)];
    addChart(host, t.start_ms, t.step_seconds, {title, group, owner: one.name, bars: true, format, changes: one.changes, onclick: openNearest, lines: [
      {label: 'measured', values: list.measured, variable: 's1', width: 1},
      {label: 'predicted', values: list.predicted, low: list.low, high: list.high, variable: 's0', dash: [6, 3]}]});
  }
}

function recordingPart(node, one) {
  const group = 'recording ' + one.name;
  const host = h('div', {class: 'charts'});
  const points = Object.values(one.timeline.metrics).map(list => (list.predicted || list.measured).length);
  const lengthMs = Math.max(0, ...points) * one.timeline.step_seconds * 1000;
  const facts = [one.fitted ? 'fitted on' : 'held back', one.strategy, known(one.rescales) ? count(one.rescales, 'rescale') + ' simulated' : ''].filter(Boolean).join(', ');
  node.append(h('div', {class: 'recording'}, h('h3', {}, one.name, ' ', h('span', {class: 'tag'}, facts)), h('div', {class: 'bar'}, zoomButtons(group, lengthMs)), host,
    (one.changes || []).length ? changesList(one.name, one.changes) : null));
  recordingCharts(host, one, group);
}

function backtestReport() {
  const list = judged(doc.predictions);
  const good = list.filter(inside).length;
  const held = [...new Set(doc.predictions.map(one => one.recording))];
  main.append(h('section', {class: 'answer', id: 'answer', 'aria-labelledby': 'answer-title'},
    h('h1', {id: 'answer-title'}, 'Fitted on ', h('b', {}, doc.fit.join(', ')), ', the model predicts ', h('b', {}, held.join(', ')), ': ', h('b', {}, `${good} of ${list.length}`), ' figures lie inside their interval.'),
    h('p', {}, coverage(doc))));
  section('predictions', 'Measured and predicted', 'Bar: the interval; line: the prediction; dot: what was measured.', predictionTable(doc));
  const recordings = (doc.recordings || []).filter(one => one.timeline).sort((a, b) => a.fitted - b.fitted);
  if (recordings.length) {
    const node = section('time', 'Over time', 'The band is the interval of the prediction. Drag to zoom, double-click to see everything; times are UTC.', h('div', {class: 'bar sticky'}, readout));
    recordings.forEach(one => recordingPart(node, one));
  }
  if (doc.model) section('model', 'Model', null, parameterTable(doc.model));
}

/* ---- colours, printing, and the whole ---- */

let redrawFront = null;
function listen() {
  const show = theme => { setTheme(theme); refreshCharts(); };
  listenToTheme(show);
  let before = null;
  const print = (on, theme) => { root.classList.toggle('printing', on); show(theme); if (redrawFront) redrawFront(); if (on) addPictures(); else dropPictures(); };
  addEventListener('beforeprint', () => { before = root.dataset.theme; print(true, 'light'); });
  addEventListener('afterprint', () => print(false, before));
  let width = innerWidth, timer = 0;
  addEventListener('resize', () => { if (innerWidth !== width) { width = innerWidth; clearTimeout(timer); timer = setTimeout(() => redrawFront && redrawFront(), 120); } });
}

/* What was drawn, for tests: a canvas counts when some pixel of it was painted. */
function checkpoint() {
  if (!query.has('check')) return;
  const painted = canvas => canvas.width > 0 && canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data.some(byte => byte > 0);
  root.dataset.charts = charts.length;
  root.dataset.painted = charts.filter(chart => [...chart.graph.graphDiv.querySelectorAll('canvas')].some(painted)).length;
  root.dataset.strategies = document.querySelectorAll('#strategy-table tbody tr').length;
  root.dataset.changes = document.querySelectorAll('.changes li').length;
  root.dataset.trials = document.querySelectorAll('#trials-table tbody tr').length;
  root.dataset.requests = performance.getEntriesByType('resource').length;
}

const began = performance.now();
setTheme(firstTheme());
const title = doc.kind === 'tune' ? 'search' : doc.kind;
document.title = `${doc.pipeline}: ${title} by optctl`;
document.getElementById('what').textContent = `${title} of ${doc.pipeline}`;
if (doc.kind === 'backtest') backtestReport();
else if (doc.kind === 'tune') tuneReport();
else {
  const answer = findAnswer();
  assignLooks(answer.best);
  if (answer.best) answerSection(answer);
  strategiesSection(answer.best);
  redrawFront = frontSection();
  timeSection(answer);
  moneySection();
  sweepSection();
  trustSection();
  if (redrawFront) redrawFront();
}
document.getElementById('foot').textContent = [`optctl ${doc.version}`, doc.seed !== undefined ? `seed ${doc.seed}` : '', doc.runs ? count(doc.runs, 'run') : ''].filter(Boolean).join(', ');
listen();
/* The sections did not exist yet when the browser looked for the one the address names. */
if (location.hash) { const target = document.getElementById(location.hash.slice(1)); if (target) target.scrollIntoView({behavior: 'instant'}); }
root.dataset.drawMs = Math.round(performance.now() - began);
checkpoint();
root.dataset.ready = 'true';
