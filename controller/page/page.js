/* SPDX-License-Identifier: GPL-3.0-or-later */
'use strict';

const POLL_MS = 5000;         // between two looks, while the page is seen
const POLL_SHARE = 10;        // of the time between looks, an answer takes one at most
const PATIENCE_MS = 10000;    // for an answer
const ORDER_PATIENCE_MS = 120000;
const MOST_ROWS = 200;        // of the table; more are found by typing
const SPANS = [['1 h', HOUR], ['6 h', 6 * HOUR], ['1 d', DAY], ['7 d', 7 * DAY]];
const MOST_OBSERVATIONS = 10000;

const el = id => document.getElementById(id);
const view = {pipelines: [], states: {}, chosen: null, span: 6 * HOUR, token: null, answeredAt: 0, goneSince: 0, declined: false, openDecisions: new Map()};

/* ---- asking ---- */

class Refusal extends Error {
  constructor(status, code, message) { super(message); this.status = status; this.code = code; }
}

async function ask(path, options = {}, patience = PATIENCE_MS) {
  const headers = Object.assign({Accept: 'application/json'}, options.headers);
  if (view.token) headers.Authorization = 'Bearer ' + view.token;
  const answer = await fetch(path, Object.assign({cache: 'no-store', credentials: 'omit', redirect: 'error', signal: AbortSignal.timeout(patience)}, options, {headers}));
  const json = await answer.json().catch(() => ({}));
  if (answer.ok) return json;
  const told = json.error || {};
  throw new Refusal(answer.status, told.code || '', told.message || `optctl answered ${answer.status}`);
}
const addressOf = (name, rest = '') => '/api/v1/pipelines/' + encodeURIComponent(name) + rest;

/* An order; asks for the token when it takes one, once more when it was wrong. */
async function order(path, body) {
  const send = () => ask(path, {method: 'POST', body: JSON.stringify(body), headers: {'Content-Type': 'application/json', 'X-Requested-With': 'optctl'}}, ORDER_PATIENCE_MS);
  for (;;) {
    try { return await send(); } catch (problem) {
      if (problem.status !== 401) throw problem;
      if (!await askToken(view.token !== null)) return null;
    }
  }
}

/* ---- dialogs: <dialog> keeps the focus inside and closes on Escape ---- */

/* fields: [[name, label, attributes]]; resolves to their values, or null. */
function dialog(title, words, fields, yes) {
  const box = el('dialog');
  const inputs = fields.map(([, , attributes]) => h('input', Object.assign({autocomplete: 'off', spellcheck: 'false'}, attributes)));
  const form = h('form', {method: 'dialog'}, h('h2', {id: 'dialog-title'}, title), words.map(word => h('p', {}, word)),
    fields.map(([, label], i) => h('label', {class: 'field'}, label, inputs[i])),
    h('div', {class: 'bar end'}, h('button', {type: 'button', onclick: () => box.close()}, 'Cancel'), h('button', {type: 'submit', class: 'main'}, yes)));
  box.replaceChildren(form);
  return new Promise(resolve => {
    let values = null;
    form.addEventListener('submit', event => {
      event.preventDefault();
      values = Object.fromEntries(fields.map(([name], i) => [name, inputs[i].value.trim()]));
      box.close();
    });
    box.addEventListener('close', () => { box.replaceChildren(); resolve(values); }, {once: true});
    box.showModal();
    (inputs[0] || form.querySelector('.main')).focus();
  });
}

/* The token stays in this page's memory, and is gone with it. */
async function askToken(wrong) {
  const answer = await dialog('Token', [wrong ? 'That was not the token.' : 'This takes the token of this optctl (the file that --token-file names).',
    'It is kept until this page is closed or reloaded.'], [['token', 'Token', {type: 'password', required: true}]], 'Continue');
  if (!answer) return false;
  view.token = answer.token;
  el('forget').hidden = false;
  return true;
}

/* ---- what is said about a pipeline ---- */

const fullName = one => one.namespace ? `${one.namespace}/${one.name}` : one.name;
const STATES = {Starting: ['\u2026', ''], Holding: ['\u2713', 'good'], Recommending: ['\u2192', 'bad'], Changing: ['\u21bb', ''], Paused: ['\u2016', 'bad'], Unreachable: ['\u2715', 'bad']};

function stateOf(one) {
  const [glyph, tone] = STATES[one.state] || ['', ''];
  return [h('span', {class: 'state ' + tone}, h('span', {'aria-hidden': 'true'}, glyph + ' '), one.state),
    one.action ? h('span', {class: 'tag'}, one.action === 'Applying' ? 'a change is on its way' : 'a change is being verified') : null];
}

function ago(text) {
  const passed = (Date.now() - Date.parse(text)) / 1000;
  if (isNaN(passed)) return NONE;
  return passed < 1 ? 'now' : duration(Math.round(passed)).replace(/\.\d+/, '') + ' ago';
}
const when = text => h('time', {datetime: text, title: text}, ago(text));

/* "12 records/s within 20": what is measured beside its bound, and in words when it lies above. */
function against(value, bound, format) {
  if (!known(value)) return NONE;
  if (!known(bound)) return format(value);
  const late = value > bound;
  return [h('span', {class: late ? 'bad' : null}, format(value), late ? ' late' : ''), h('span', {class: 'interval'}, `bound ${format(bound)}`)];
}

function inCurrency(code, act) {
  currency = code || '';
  return act();
}

function savingCell(saving) {
  if (!saving || !(saving.baseline_cost > 0)) return NONE;
  return inCurrency(saving.currency, () => [h('span', {class: saving.saving < 0 ? 'bad' : 'good'}, change(100 * saving.saving / saving.baseline_cost)),
    h('span', {class: 'interval'}, `${money(saving.saving)} ${saving.saving < 0 ? 'more' : 'saved'}`)]);
}

function loadCell(load) {
  if (!load || !known(load.offered_per_second)) return NONE;
  return [rate(load.offered_per_second), known(load.capacity_per_second) ? h('span', {class: 'interval'}, `of ${rate(load.capacity_per_second)}`) : null];
}

/* ---- the list ---- */

const COLUMNS = [
  ['State', stateOf, 'text'],
  ['Mode', one => one.mode, 'text minor'],
  ['Load', one => loadCell(one.load)],
  ['Latency p99', one => against((one.load || {}).latency_p99_seconds, one.bounds.latency_p99_seconds, seconds)],
  ['Backlog', one => against((one.load || {}).backlog_seconds, one.bounds.backlog_seconds, seconds)],
  ['Configuration', one => one.configuration ? one.configuration.text : NONE, 'text'],
  ['Last change', one => one.last_change ? when(one.last_change) : NONE, 'minor'],
  ['Saving', one => savingCell(one.saving)],
];

function pipelineRow(one) {
  const name = fullName(one);
  return h('tr', {'data-pipeline': name, class: name === view.chosen ? 'best' : null},
    h('th', {scope: 'row', class: 'text'}, h('a', {href: '#' + encodeURIComponent(name), 'aria-current': name === view.chosen ? 'true' : null}, one.name),
      one.namespace ? h('span', {class: 'interval'}, one.namespace) : null),
    COLUMNS.map(([label, cell, kind]) => {
      const content = cell(one);
      return h('td', {'data-label': label, class: [kind, content === NONE ? 'unknown' : ''].filter(Boolean).join(' ') || null}, h('span', {class: 'value'}, content));
    }));
}

function found() {
  const words = el('find').value.trim().toLowerCase(), state = el('state').value;
  return view.pipelines.filter(one => (!state || one.state === state) && fullName(one).toLowerCase().includes(words));
}

function fillStates() {
  const select = el('state'), chosen = select.value;
  const counts = {};
  for (const one of view.pipelines) counts[one.state] = (counts[one.state] || 0) + 1;
  const options = Object.keys(STATES).filter(name => counts[name] || name === chosen);
  select.replaceChildren(h('option', {value: ''}, 'any'), ...options.map(name => h('option', {value: name, selected: name === chosen}, `${name} (${counts[name] || 0})`)));
}

/* Who reads or tabs through the table keeps the place: rows are replaced one by one, the focus is put back. */
function drawList() {
  const list = found(), shown = list.slice(0, MOST_ROWS);
  const focused = document.activeElement && document.activeElement.closest('tr') ? document.activeElement.closest('tr').dataset.pipeline : null;
  el('finder').hidden = view.pipelines.length < 2;
  if (document.activeElement !== el('state')) fillStates();
  el('found').textContent = list.length > shown.length ? `the first ${shown.length} of ${list.length}` : list.length < view.pipelines.length ? `${list.length} of ${view.pipelines.length}` : '';
  if (!view.pipelines.length) { el('list').replaceChildren(h('p', {class: 'none'}, 'This optctl has no pipelines yet.')); return; }
  el('list').replaceChildren(h('table', {class: 'cards list'},
    h('thead', {}, h('tr', {}, h('th', {scope: 'col', class: 'text'}, 'Pipeline'), COLUMNS.map(([label, , kind]) => h('th', {scope: 'col', class: kind || null}, label)))),
    h('tbody', {}, shown.map(pipelineRow))));
  if (focused) { const link = el('list').querySelector(`tr[data-pipeline="${CSS.escape(focused)}"] a`); if (link) link.focus({preventScroll: true}); }
}

/* Only what changed is said aloud. */
function announce() {
  const news = [];
  for (const one of view.pipelines) {
    const name = fullName(one), before = view.states[name];
    if (before && before !== one.state) news.push(`${name}: ${before} to ${one.state}`);
    view.states[name] = one.state;
  }
  if (news.length) el('news').textContent = news.slice(0, 5).join('. ');
}

/* ---- the chosen one ---- */

const chosenOne = () => view.pipelines.find(one => fullName(one) === view.chosen);
let parts = null; // of the section, while it shows a pipeline

function fact(label, ...content) {
  return h('div', {}, h('dt', {}, label), h('dd', {}, ...content));
}

function facts(one) {
  const load = one.load || {}, bounds = one.bounds;
  return h('dl', {class: 'facts-grid'},
    fact('Load', known(load.offered_per_second) ? rate(load.offered_per_second) : NONE, known(load.capacity_per_second) ? h('span', {class: 'interval'}, `capacity ${rate(load.capacity_per_second)}`) : null),
    fact('Latency p99', against(load.latency_p99_seconds, bounds.latency_p99_seconds, seconds)),
    fact('Backlog', against(load.backlog_seconds, bounds.backlog_seconds, seconds), known(load.backlog_records) ? h('span', {class: 'interval'}, records(load.backlog_records)) : null),
    fact('Busiest subtask', known(load.busiest_ratio) ? percent(100 * load.busiest_ratio) : NONE),
    fact('Runs', one.configuration ? one.configuration.text : NONE),
    fact('Changes', known(one.changes) ? [digits(one.changes), h('span', {class: 'interval'}, `${one.confirmed} as predicted, ${one.reverted} taken back, ${one.failed} failed`)] : NONE),
    fact('Mode', one.mode, h('span', {class: 'interval'}, `${one.strategy}, every ${duration(one.interval_ms / 1000)}`)),
    fact('Seen', one.time ? when(one.time) : NONE));
}

function savingWords(books) {
  if (!books || !(books.baseline_cost > 0)) return h('p', {class: 'none'}, 'Nothing is in the books yet.');
  return inCurrency(books.currency, () => {
    const share = change(100 * books.saving / books.baseline_cost);
    const ends = known(books.low) && known(books.high) ? `, between ${money(books.low)} and ${money(books.high)}` : ' (an interval takes two whole days)';
    return [h('p', {class: 'sum'}, h('span', {class: books.saving < 0 ? 'bad' : 'good'}, h('b', {}, money(Math.abs(books.saving))), books.saving < 0 ? ' more than' : ' saved against', ' the frozen baseline'), ends, ` (${share}).`),
      h('p', {class: 'lead'}, `It cost ${money(books.cost)} where the baseline would have cost ${money(books.baseline_cost)}, in ${duration(books.observed_seconds)}; late for ${known(books.late_seconds) ? duration(books.late_seconds) : NONE}.`)];
  });
}

async function act(button, words, run) {
  button.disabled = true;
  parts.said.textContent = '';
  try {
    const done = await run();
    parts.said.textContent = done ? words(done) : '';
  } catch (problem) { parts.said.textContent = problem.message; }
  button.disabled = false;
  look();
}

async function pause(event) {
  const name = view.chosen, button = event.currentTarget;
  const answer = await dialog(`Pause ${name}`, ['optctl goes on measuring and keeps its books, but changes nothing until it is resumed. What is under way is still verified.'],
    [['reason', 'Why (for whoever finds it paused)', {maxlength: 200}]], 'Pause');
  if (answer) act(button, () => `${name} is paused.`, () => order(addressOf(name, '/pause'), answer.reason ? {reason: answer.reason} : {}));
}
function resume(event) {
  const name = view.chosen;
  act(event.currentTarget, () => `${name} goes on.`, () => order(addressOf(name, '/resume'), {}));
}
/* What was told does not run yet: the engine starts the job anew for it. */
const WAYS_BACK = {Ordered: 'it is ordered to go', Told: 'it is told to go', Running: 'it went', Failed: 'it did not go'};
const wayBack = way => `Decision ${way.decision}: ${WAYS_BACK[way.state]} back to ${way.to}${way.state === 'Running' ? ', and runs that' : ''}${way.why ? ` (${way.why})` : ''}.`;
async function rollback(event, decision) {
  const name = view.chosen, button = event.currentTarget;
  const words = decision ? `What ran before decision ${decision.id} runs again: ${decision.from}.` : 'What ran before the newest change runs again.';
  const answer = await dialog(`Roll back ${name}`, [words, 'Then it is paused, until it is resumed.'], [], 'Roll back');
  if (answer) act(button, done => wayBack(done.rollback),
    () => order(addressOf(name, '/rollback'), decision ? {decision: decision.id} : {}));
}

function openChosen(one) {
  const name = fullName(one);
  parts = {name, title: h('h2', {id: 'chosen-title', tabindex: -1}, name), state: h('p', {class: 'now'}), why: h('p', {class: 'lead'}), reason: h('p', {class: 'lead'}), facts: h('div', {}), books: h('div', {}),
    toggle: h('button', {type: 'button'}), back: h('button', {type: 'button', onclick: event => rollback(event, null)}, 'Roll back the newest change'),
    said: h('p', {class: 'said', role: 'status'}), charts: h('div', {class: 'charts'}, h('p', {class: 'none'}, 'Asking for its observations…')), decisions: h('div', {class: 'changes'}), lines: ''};
  view.openDecisions.clear();
  const spans = h('span', {class: 'group', role: 'group', 'aria-label': 'Stretch of time shown'}, SPANS.map(([label, span]) => h('button', {type: 'button', 'aria-pressed': String(span === view.span), onclick: event => {
    view.span = span;
    event.currentTarget.parentNode.querySelectorAll('button').forEach(other => other.setAttribute('aria-pressed', String(other === event.currentTarget)));
    look();
  }}, label)));
  el('chosen').replaceChildren(h('div', {class: 'title'}, parts.title, h('span', {class: 'group'}, parts.toggle, parts.back)), parts.said, parts.state, parts.reason, parts.why, parts.facts,
    h('h3', {}, 'Saving'), parts.books, h('h3', {}, 'Over time'), h('div', {class: 'bar'}, spans, h('span', {class: 'none'}, 'times are UTC'), readout), h('div', {class: 'lane'}, parts.charts, parts.decisions));
  el('chosen').hidden = false;
}

/* Until then a pipeline has nothing but a name and a state. */
const wasReached = one => one.turns !== undefined;

function drawChosen(one) {
  const paused = one.state === 'Paused';
  parts.state.replaceChildren(...build(h('span', {}), {}, [stateOf(one)]).childNodes);
  parts.why.textContent = one.why;
  parts.reason.textContent = paused && one.pause_reason ? `Paused: ${one.pause_reason}` : '';
  if (one.rollback && parts.way !== one.rollback.state) parts.said.textContent = wayBack(one.rollback);
  parts.way = one.rollback ? one.rollback.state : null;
  parts.facts.replaceChildren(facts(one));
  parts.toggle.textContent = paused ? 'Resume' : 'Pause';
  parts.toggle.onclick = paused ? resume : pause;
  parts.back.hidden = one.mode !== 'Auto' || !wasReached(one);
}

function closeChosen() {
  dropCharts(() => true);
  parts = null;
  el('chosen').hidden = true;
  el('chosen').replaceChildren();
}

/* ---- its charts ---- */

const largest = lists => lists.reduce((most, list) => (list || []).reduce((a, b) => known(b) && b > a ? b : a, most), 0);
const upTo = most => most > 0 ? [0, most * 1.08] : null;

function chartSpecs(one, s, decisions) {
  const base = {group: 'live', owner: view.chosen, times: s.time, changes: decisions.map(made => ({time_ms: Date.parse(made.time), verdict: made.verdict})), onclick: openDecisionNear};
  const lists = Object.entries(s.parallelism || {}).slice(0, 7);
  const bounds = one.bounds;
  const specs = [
    {title: 'Load, throughput and capacity', height: 'tall', format: rate, range: upTo(largest([s.offered, s.throughput, s.capacity])), lines: [
      {label: 'offered', values: s.offered, variable: 'grey', fill: true}, {label: 'capacity', values: s.capacity, variable: 's1', step: true, dash: [5, 3]}, {label: 'throughput', values: s.throughput, variable: 's0'}]},
    {title: 'Latency p99', height: 'low', format: seconds, tick: value => digits(value) + THIN + 's', bound: bounds.latency_p99_seconds, range: upTo(Math.max(largest([s.latency_p99]), bounds.latency_p99_seconds || 0)),
      lines: [{label: 'p99', values: s.latency_p99, variable: 's0'}]},
    {title: 'Workers', height: 'low', format: value => digits(value), range: upTo(largest([s.workers])), lines: [{label: 'workers', values: s.workers, variable: 's0', step: true, fill: true}]},
    {title: 'Parallelism', height: 'low', format: value => digits(value), range: upTo(largest(lists.map(([, values]) => values))),
      lines: lists.map(([label, values], i) => ({label, values, variable: 's' + i % 6, step: true, dash: DASHES[i % DASHES.length]}))}];
  specs.splice(2, 0, knownLines([{values: s.backlog_seconds}]).length
    ? {title: 'Backlog, as time a record waits', height: 'low', format: seconds, tick: value => digits(value) + THIN + 's', bound: bounds.backlog_seconds,
      range: upTo(Math.max(largest([s.backlog_seconds]), bounds.backlog_seconds || 0)), lines: [{label: 'backlog', values: s.backlog_seconds, variable: 's3', fill: true}]}
    : {title: 'Backlog', height: 'low', format: records, range: upTo(largest([s.backlog])), lines: [{label: 'backlog', values: s.backlog, variable: 's3', fill: true}]});
  return specs.map(spec => Object.assign({}, base, spec)).filter(spec => knownLines(spec.lines).length);
}

/* Charts stay, and keep zoom and focus, as long as the same lines are known. */
function drawCharts(one, series, decisions) {
  const specs = chartSpecs(one, series, decisions);
  const lines = specs.map(spec => [spec.title, ...knownLines(spec.lines).map(line => line.label)].join()).join(';') + view.span;
  if (lines === parts.lines) { specs.forEach((spec, i) => refillChart(charts[i], spec)); return; }
  dropCharts(() => true);
  parts.lines = lines;
  parts.charts.replaceChildren();
  if (!specs.length) parts.charts.append(h('p', {class: 'none'}, 'Nothing was measured yet.'));
  for (const spec of specs) addChart(parts.charts, 0, one.interval_ms / 1000, spec);
}

/* ---- its decisions ---- */

function explanation(full) {
  const seen = full.observation, predicted = full.proposal.prediction;
  currency = full.currency;
  const line = (label, ...words) => h('p', {}, h('b', {}, label + ': '), ...words);
  return [
    seen ? line('Seen', [`${rate(seen.offered_per_second)} offered`, `${rate(seen.throughput_per_second)} read`, known(seen.latency_p99_seconds) ? `p99 ${seconds(seen.latency_p99_seconds)}` : '',
      known(seen.backlog_records) ? `${records(seen.backlog_records)} waiting` : '', seen.missing.length ? `not known: ${seen.missing.join(', ')}` : ''].filter(Boolean).join(', ')) : null,
    seen && seen.operators.length ? plainTable('Operators: subtasks, records/s', ['Operator', 'Runs', 'Takes in', 'Busy', 'Could take'], seen.operators.map(one => h('tr', {}, h('th', {scope: 'row', class: 'text'}, one.name),
      h('td', {}, digits(one.parallelism)), h('td', {}, scaled(one.in_per_second)), h('td', {}, known(one.busy_ratio) ? percent(100 * one.busy_ratio) : NONE),
      h('td', {}, one.true_rate_per_second === 'Infinity' ? 'idle' : scaled(one.true_rate_per_second))))) : null,
    line('Proposed', full.proposal.text, ` by ${full.proposal.strategy}`, known(full.proposal.expected_saving) ? `, expected to save ${money(full.proposal.expected_saving)} over the horizon` : ''),
    full.proposal.reason ? line('Because', full.proposal.reason) : null,
    predicted ? line('Predicted', [known(predicted.capacity_mean) ? `capacity ${rate(predicted.capacity_mean)} ± ${scaled(predicted.capacity_sd, 2)}` : '',
      known(predicted.latency_p99_mean) ? `p99 ${seconds(predicted.latency_p99_mean)} ± ${digits(predicted.latency_p99_sd, 2)}` : '', known(predicted.cost_per_hour_mean) ? `${money(predicted.cost_per_hour_mean)} an hour` : ''].filter(Boolean).join(', ')) : null,
    full.proposal.alternatives.length ? alternativesTable(full.proposal.alternatives) : null,
    line('Guardrails', full.verdict.judgement, full.verdict.findings.length ? '' : ', no objection'),
    full.verdict.findings.map(finding => h('p', {}, h('code', {}, finding.rule), ': ' + finding.reason)),
    full.actions.map(action => [line('Done', `${action.outcome.outcome}${action.outcome.reason ? ': ' + action.outcome.reason : ''}`),
      action.calls.map(call => h('p', {}, h('code', {}, call.call), call.done === null ? ', no answer recorded' : call.done ? ' \u2713' : ` \u2715 ${call.answer || ''}`)),
      action.measured.windows ? line('Measured since', `${rate(action.measured.throughput_per_second)}, p99 ${seconds(action.measured.latency_p99_seconds)}`) : null]),
    h('p', {class: 'none'}, h('code', {}, `optctl explain ${full.id}`), ' says the same.')];
}

async function openDecision(details, made) {
  if (details.children.length > 1) return;
  const more = h('div', {class: 'more'}, h('p', {class: 'none'}, 'Asking…'));
  details.append(more);
  try {
    const full = await ask('/api/v1/decisions/' + made.id);
    more.replaceChildren(...build(h('div', {}), {}, explanation(full)).childNodes);
    if (full.actions.length) more.append(h('button', {type: 'button', onclick: event => rollback(event, made)}, 'Back to what ran before it'));
  } catch (problem) { more.replaceChildren(h('p', {class: 'bad'}, problem.message)); }
}

function decisionItem(made) {
  const [glyph, tone] = OUTCOMES[made.outcome] || ['', ''], verdict = VERDICTS[made.verdict];
  const [total, operators] = made.proposal === 'Hold' ? [`stays at ${made.from}`, ''] : move(made);
  const time_ms = Date.parse(made.time);
  const details = h('details', {}, h('summary', {},
    h('span', {class: 'head'}, h('time', {datetime: made.time}, moment(time_ms)), h('span', {class: verdict && !made.outcome ? 'bad' : tone}, made.outcome ? `${glyph} ${made.outcome}` : verdict || '')),
    h('span', {class: 'move'}, total), operators ? h('span', {class: 'operators'}, operators) : null, h('span', {class: 'reason'}, made.reason)));
  const item = h('li', {'data-time': time_ms, 'data-id': made.id}, details);
  details.addEventListener('toggle', () => { if (details.open) openDecision(details, made); });
  const mark = () => setMark(view.chosen, time_ms, item);
  item.addEventListener('mouseenter', mark);
  item.addEventListener('focusin', mark);
  item.addEventListener('mouseleave', () => { if (!details.open) setMark(null, null, null); });
  return item;
}

/* An item that is there stays, unless what it says has changed: it may be open, or have the focus. */
function drawDecisions(decisions) {
  const list = parts.decisions.querySelector('ol') || h('ol', {tabindex: 0, 'aria-label': `Decisions about ${view.chosen}`});
  const items = decisions.map(made => {
    const says = JSON.stringify(made), old = view.openDecisions.get(made.id);
    if (old && old.says === says) return old.item;
    const item = decisionItem(made);
    view.openDecisions.set(made.id, {says, item});
    return item;
  });
  if (items.length !== list.children.length || items.some((item, i) => item !== list.children[i])) list.replaceChildren(...items);
  if (!list.isConnected || !items.length) parts.decisions.replaceChildren(h('h4', {}, 'Decisions'), items.length ? list : h('p', {class: 'none'}, 'None yet.'));
}

function openDecisionNear(x, chart) {
  const far = item => Math.abs(chart.graph.toDomXCoord(Number(item.dataset.time)) - chart.graph.toDomXCoord(x));
  const nearest = [...parts.decisions.querySelectorAll('li')].sort((a, b) => far(a) - far(b))[0];
  if (!nearest || far(nearest) > 12) return;
  nearest.querySelector('details').open = true;
  nearest.scrollIntoView({block: 'nearest'});
}

/* ---- looking again and again ---- */

function showGone(problem) {
  const gone = el('gone');
  if (!view.goneSince) view.goneSince = Date.now();
  if (gone.childElementCount) return;
  const since = view.answeredAt ? `What you see is from ${clockOf(view.answeredAt)} UTC. ` : '';
  const why = problem instanceof Refusal ? `optctl says: ${problem.message}.` : 'optctl does not answer: it was stopped, or cannot be reached.';
  const enter = problem.status === 401 ? h('button', {type: 'button', onclick: () => { view.declined = false; showBack(); look(); }}, 'Enter the token') : null;
  gone.replaceChildren(h('p', {}, h('b', {}, why), ` ${since}This page keeps trying. `, enter));
  root.classList.add('stale');
}
function showBack() {
  if (view.goneSince) el('news').textContent = 'optctl answers again';
  view.goneSince = 0;
  el('gone').replaceChildren();
  root.classList.remove('stale');
}

async function lookAtChosen() {
  const one = chosenOne();
  if (!one) { if (parts) closeChosen(); return; }
  const name = view.chosen;
  if (!parts || parts.name !== name) { closeChosen(); openChosen(one); }
  drawChosen(one);
  if (!wasReached(one)) { parts.charts.replaceChildren(h('p', {class: 'none'}, 'Its engine was not reached yet.')); return; }
  const limit = Math.max(2, Math.min(MOST_OBSERVATIONS, Math.ceil(view.span / one.interval_ms)));
  const asked = await Promise.allSettled([ask(addressOf(name, `/series?limit=${limit}`)), ask(addressOf(name, '/savings')), ask(`/api/v1/history?limit=100&pipeline=${encodeURIComponent(name)}`)]);
  if (name !== view.chosen || !parts) return;
  const [series, savings, history] = asked.map(result => result.value);
  const decisions = history ? history.decisions : [];
  parts.books.replaceChildren(...build(h('div', {}), {}, [savings ? savingWords(savings.books) : h('p', {class: 'none'}, asked[1].reason.message)]).childNodes);
  drawDecisions(decisions);
  if (series) drawCharts(one, series.series, decisions.filter(made => made.proposal === 'Change'));
  else parts.charts.replaceChildren(h('p', {class: 'none'}, asked[0].reason.message));
}

let timer = 0, looking = false, again = false;
async function look() {
  if (looking) { again = true; return; }
  looking = true;
  clearTimeout(timer);
  const began = performance.now();
  try {
    const answer = await ask('/api/v1/pipelines');
    view.pipelines = answer.pipelines;
    el('what').textContent = count(view.pipelines.length, 'pipeline');
    el('foot').textContent = `optctl ${answer.version}`;
    view.answeredAt = Date.now();
    showBack();
    announce();
    drawList();
    await lookAtChosen();
  } catch (problem) {
    if (problem.status === 401 && !view.declined) view.declined = !await askToken(view.token !== null);
    again = problem.status === 401 && !view.declined;
    if (!again) showGone(problem);
  }
  looking = false;
  checkpoint();
  const pause = again ? 0 : Math.max(POLL_MS, POLL_SHARE * (performance.now() - began));
  again = false;
  timer = setTimeout(() => { if (!document.hidden) look(); }, pause);
}

function choose() {
  const wanted = decodeURIComponent(location.hash.slice(1));
  if (wanted === 'main') return;
  view.chosen = wanted || null;
  drawList();
  if (!view.chosen) closeChosen();
  look().then(() => { if (parts && parts.name === view.chosen) parts.title.focus({preventScroll: false}); });
}

/* What is seen, for tests. */
function checkpoint() {
  const painted = canvas => canvas.width > 0 && canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data.some(byte => byte > 0);
  root.dataset.looks = Number(root.dataset.looks || 0) + 1;
  if (!query.has('check')) return;
  root.dataset.charts = charts.length;
  root.dataset.painted = charts.filter(chart => [...chart.graph.graphDiv.querySelectorAll('canvas')].some(painted)).length;
}

const show = theme => { setTheme(theme); refreshCharts(); };
setTheme(firstTheme());
listenToTheme(show);
el('forget').addEventListener('click', () => { view.token = null; el('forget').hidden = true; el('news').textContent = 'the token is forgotten'; });
el('find').addEventListener('input', drawList);
el('state').addEventListener('change', drawList);
addEventListener('hashchange', choose);
document.addEventListener('visibilitychange', () => { if (!document.hidden) look(); });
choose();
