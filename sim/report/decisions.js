/* SPDX-License-Identifier: GPL-3.0-or-later */
'use strict';

/* ---- decisions: what was changed, what the guardrails said, how it ended ---- */

const OUTCOMES = {Confirmed: ['\u2713', 'good'], Reverted: ['\u21ba', 'bad'], Failed: ['\u2715', 'bad'], Pending: ['\u2026', ''], Unknown: ['', '']};
const VERDICTS = {Refused: '\u2715 Refused', Clipped: '\u2702 Clipped'};

function alternativesTable(list) {
  const total = one => one.compute_cost + one.change_cost + one.penalty_cost;
  const parts = one => `compute ${digits(one.compute_cost)} + change ${digits(one.change_cost)} + penalty ${digits(one.penalty_cost)}`;
  return plainTable(`Alternatives weighed, ${currency} over the horizon`, ['Configuration', 'Total'], list.map(one => h('tr', {},
    h('th', {scope: 'row', class: 'text'}, one.configuration, one.why_not ? '' : h('span', {class: 'good'}, ' \u2713 chosen'),
      h('span', {class: 'summary'}, parts(one)), one.why_not ? h('span', {class: 'summary'}, one.why_not + (one.feasible ? '' : ' (not feasible)')) : null),
    h('td', {}, cents(total(one))))));
}

const refused = one => one.verdict === 'Refused';
const arrow = (from, to) => `${from} \u2192 ${to}`;

/* "source 2, work 7 (7 workers)" to "source 2, work 9 (9 workers)": 7 to 9 workers, and the operators that change. */
function move(one) {
  const [from, to] = [one.from, one.to].map(text => /^(.+) \((\d+) workers?\)$/.exec(text));
  if (one.from === one.to) return [`stays at ${one.to}`, ''];
  if (!from || !to) return [arrow(one.from, one.to), ''];
  const before = from[1].split(', ');
  const operators = to[1].split(', ').map((text, i) => {
    const [name, width] = text.split(/ (?=\d+$)/);
    return text === before[i] ? null : arrow(before[i], before[i].startsWith(name + ' ') ? width : text);
  });
  return [from[2] === to[2] ? `${to[2]} workers` : arrow(from[2], to[2]) + ' workers', operators.filter(Boolean).join(', ')];
}
