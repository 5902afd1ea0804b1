/* SPDX-License-Identifier: GPL-3.0-or-later */
'use strict';

/* ---- a study of `optctl tune`: its trials, the best so far, what matters, and how ---- */

const BAND_SD = 1.645, WIDE = 20, TRADE_WIDE = 5, ROOM = 1.1;
const POINT_ROOM = 6; /* pixels, so that the first and the last point are drawn whole */
const SHOWN = 13;     /* characters of a choice on an axis; the table has all of it */
const bytes = value => known(value) ? scaled(value) + 'B' : NONE;
const formatOf = unit => ({money: value => known(value) ? `${signs[currency] || currency}${THIN}${digits(value, 4)}` : NONE, seconds, bytes}[unit] || (value => digits(value, 4)));
const measureFormat = () => formatOf(doc.unit);
const secondFormat = () => formatOf(doc.second_unit);
const words = value => value === undefined || value === null ? NONE : typeof value === 'number' ? digits(value, 4) : String(value);
const short = text => [...text].length > SHOWN ? `${[...text].slice(0, SHOWN - 1).join('')}\u2026` : text;
const settings = x => Object.entries(x).map(([name, value]) => `${name}\u00a0=\u00a0${words(value)}`).join(', ');
const placed = (x, context) => context ? `${settings(x)} at ${settings(context)}` : settings(x);
const here = () => doc.context ? ` What is expected is meant at ${settings(doc.context)}.` : '';

/* Logarithmic, where that is what shows anything. */
function isWide(values, by = WIDE) {
  const all = values.filter(known);
  return all.length > 0 && Math.min(...all) > 0 && Math.max(...all) > by * Math.min(...all);
}

function ticker(ticks) {
  return (low, high) => ticks(low, high).map(([v, label]) => ({v, label}));
}
const wholeTicks = (low, high) => niceTicks(Math.ceil(low), high, 10).filter(Number.isInteger).map(v => [v, digits(v)]);

/* ---- history ---- */

/* What is positive is taken to be log-normal, with that mean and deviation. */
function bandEnd(mean, sd, by, positive) {
  if (!positive || !(mean > 0)) return mean + by * sd;
  const wide = Math.sqrt(Math.log(1 + (sd / mean) ** 2));
  return mean * Math.exp(by * wide - wide * wide / 2);
}

function historyChart(host, trials) {
  const format = measureFormat();
  const positive = trials.every(one => !(known(one.y) && one.y <= 0));
  const band = (one, sign) => known(one.mean) && known(one.sd) ? bandEnd(one.mean, one.sd, sign * BAND_SD, positive) : null;
  const kept = trials.map(one => one.good ? one.y : null), other = trials.map(one => one.good ? null : one.y);
  const lows = trials.map(one => band(one, -1)), highs = trials.map(one => band(one, 1));
  addChart(host, 0, 0.001, {title: `${doc.measure} of each trial`, group: 'history', bars: true, format, tick: format, height: 'tall', times: trials.map(one => one.id),
    log: isWide([...kept, ...other, ...lows, ...highs]), words: id => `trial ${digits(id)}`, ticker: ticker(wholeTicks), xRangePad: POINT_ROOM, lines: [
      {label: 'predicted', values: trials.map(one => one.mean), low: lows, high: highs, variable: 'grey', dash: [6, 3]},
      {label: 'best so far', values: trials.map(one => one.least), low: trials.map(one => known(one.low) ? one.low : one.least), high: trials.map(one => known(one.high) ? one.high : one.least), variable: 's0', step: true, width: 2},
      {label: 'measured', values: kept, variable: 's2', points: true},
      {label: 'stopped, or a constraint broken', values: other, variable: 's1', points: true}]});
}

/* ---- two measures ---- */

/* At each trial's first measure: the least of the second that the front has up to there. */
function staircase(trials) {
  let least = null;
  return trials.map(one => { if (one.front) least = one.second; return least; });
}

function tradeChart(host, trials) {
  const ended = trials.filter(one => known(one.y) && known(one.second)).sort((a, b) => a.y - b.y || b.second - a.second);
  if (!ended.length) return;
  const first = measureFormat(), format = secondFormat();
  const values = ended.map(one => one.y), wide = isWide(values, TRADE_WIDE), axis = axisOf({values, log: wide});
  const others = ended.map(one => one.second), log = isWide(others, TRADE_WIDE);
  const only = pick => ended.map(one => pick(one) ? one.second : null);
  addChart(host, 0, 0.001, {title: `${doc.second} against ${doc.measure}`, group: 'front', bars: true, format, tick: format, height: 'tall', times: values.map(axis.at),
    log, range: log ? [Math.min(...others) / ROOM, Math.max(...others) * ROOM] : null, words: x => `${doc.measure} ${first(wide ? 10 ** x : x)}`, ticker: ticker(axis.ticks), xRangePad: POINT_ROOM, lines: [
      {label: 'front', values: staircase(ended), variable: 'soft', dash: [2, 4], step: true},
      {label: 'nothing beats it', values: only(one => one.front), variable: 's0', points: true},
      {label: 'beaten', values: only(one => !one.front && one.good), variable: 's2', points: true},
      {label: 'stopped, or a constraint broken', values: only(one => !one.good), variable: 's1', points: true}]});
}

const firstOnly = () => doc.second ? ` This is of ${doc.measure} alone: the best trial is the one with the least.` : '';

function tradeSection(trials) {
  const host = h('div', {class: 'charts'});
  section('front', 'Front', `The dotted line is the Pareto front: no trial beats those on it in both ${doc.measure} and ${doc.second}.`, host);
  tradeChart(host, trials);
}

/* ---- all trials ---- */

function trialsTable(trials) {
  const format = measureFormat();
  const last = trials.length ? trials[trials.length - 1].best : null;
  const best = one => doc.second ? one.front : one.id === last;
  const second = secondFormat();
  const rows = trials.map(one => h('tr', {class: best(one) ? 'best' : null},
    h('th', {scope: 'row', class: 'text', 'data-value': one.id}, digits(one.id)),
    h('td', {class: 'text'}, one.status + (one.status === 'ok' && !one.good ? ', a constraint broken' : ''), one.why ? h('span', {class: 'summary'}, one.why) : null),
    h('td', {'data-value': known(one.y) ? one.y : NaN}, format(one.y)),
    doc.second ? h('td', {'data-value': known(one.second) ? one.second : NaN}, second(one.second)) : null,
    h('td', {'data-value': known(one.mean) ? one.mean : NaN}, format(one.mean), known(one.mean) ? h('span', {class: 'interval'}, `± ${format(one.sd)}`) : null),
    h('td', {'data-value': known(one.seconds) ? one.seconds : NaN}, seconds(one.seconds)),
    h('td', {class: 'text'}, placed(one.x, one.context))));
  const table = plainTable('', [{text: 'Trial'}, {text: 'Status'}, doc.measure, ...doc.second ? [doc.second] : [], 'predicted', 'took', {text: 'Settings'}], rows, {id: 'trials-table'});
  return h('div', {class: 'scroll', tabindex: 0, role: 'region', 'aria-label': 'Table of trials'}, sortable(table));
}

/* ---- parameters ---- */

function share(value) {
  return s('svg', {class: 'span', viewBox: '0 0 100 10', preserveAspectRatio: 'none', 'aria-hidden': 'true'},
    s('rect', {x: 0, y: 1, width: 100, height: 8, fill: 'var(--grid)'}), s('rect', {x: 0, y: 1, width: Math.max(0.5, 100 * value), height: 8, fill: 'var(--s0)'}));
}

function between(one) {
  return known(one.importance_low) ? percent(100 * one.importance_low) + ' and ' + percent(100 * one.importance_high) : NONE;
}

function importanceTable(parameters) {
  const rows = parameters.map(one => h('tr', {}, h('th', {scope: 'row', class: 'text'}, one.name), h('td', {}, share(one.importance)),
    h('td', {}, percent(100 * one.importance)), h('td', {}, between(one)), h('td', {}, words(one.best))));
  return plainTable('', [{text: 'Parameter'}, 'share', '', 'between', 'best'], rows, {id: 'importance-table'});
}

/* Where a value stands on the axis, and what is written there. */
function axisOf(parameter) {
  const numbers = parameter.values.every(known) && !parameter.choice;
  if (!numbers) return {at: (value, i) => i, ticks: () => parameter.values.map((value, i) => [i, short(words(value))]), back: x => words(parameter.values[Math.round(x)])};
  if (!parameter.log) return {at: value => value, ticks: (low, high) => niceTicks(low, high, 5).map(v => [v, scaled(v)]), back: x => digits(x, 4)};
  const ticks = (low, high) => {
    const all = [];
    for (let power = Math.floor(low); power <= high; power++) for (const m of high - low > 2.5 ? [1] : [1, 2, 5]) all.push(Math.log10(m) + power);
    return all.filter(v => v >= low - 1e-9 && v <= high + 1e-9).map(v => [v, scaled(10 ** v)]);
  };
  return {at: value => Math.log10(value), ticks, back: x => digits(10 ** x, 4)};
}

function sliceChart(host, parameter, log) {
  const axis = axisOf(parameter), format = measureFormat();
  const lone = parameter.values.length < 2 || parameter.choice || !parameter.values.every(known);
  const best = parameter.values.indexOf(parameter.best);
  addChart(host, 0, 0.001, {title: parameter.name, group: `slice ${parameter.name}`, bars: true, log, format, tick: format, times: parameter.values.map(axis.at),
    words: x => `${parameter.name} = ${axis.back(x)}`, ticker: ticker(axis.ticks), xRangePad: lone ? 24 : POINT_ROOM, lines: [
      {label: `expected ${doc.measure}`, values: parameter.mean, low: parameter.low, high: parameter.high, variable: 's0', dots: lone},
      {label: 'best', values: parameter.values.map((value, i) => i === best ? parameter.mean[i] : null), variable: 's1', points: true}]});
}

function parametersSections(parameters) {
  const byWeight = parameters.slice().sort((a, b) => b.importance - a.importance);
  section('importance', 'What matters', (doc.table ? 'The share of what varies over the candidates that goes with a parameter’s value, by the model.'
    : 'The share of what varies over the space that a parameter has a part in, by the model. Shares add up to more than 100 % where parameters act together.') + firstOnly(),
  h('div', {class: 'scroll', tabindex: 0, role: 'region', 'aria-label': 'Importance of parameters'}, importanceTable(byWeight)));
  const host = h('div', {class: 'charts'});
  section('slices', 'How it goes', (doc.table ? 'Each value stands for the mean of what the model expects over the candidates with it. The band holds nine runs of ten.'
    : 'What the model expects along one parameter, through the best trial. The band holds nine runs of ten.') + here(), h('div', {class: 'bar sticky'}, readout), h('div', {class: 'recording'}, host));
  const log = isWide(parameters.flatMap(one => [...one.mean, ...one.low, ...one.high]));
  byWeight.forEach(one => sliceChart(host, one, log));
}

/* ---- the whole ---- */

function tuneAnswer(trials) {
  const best = trials.find(one => trials.length && one.id === trials[trials.length - 1].best);
  const last = trials[trials.length - 1] || {};
  const format = measureFormat();
  const front = trials.filter(one => one.front).length;
  const lead = best && doc.second ? ['Nothing beats ', h('b', {}, digits(front)), ` of ${count(trials.length, 'trial')} in both ${doc.measure} and ${doc.second}.`] : best ? ['Best of ', count(trials.length, 'trial'), ': ', h('b', {}, `${doc.measure} ${format(doc.context ? last.least : best.y)}`), doc.context ? ' expected with ' : ' with ', h('b', {class: 'plain'}, placed(best.x, doc.context)), '.']
    : [`No trial of ${trials.length} did what was asked.`];
  const band = best && !doc.second && known(last.low) ? `By all that was seen, nine of ten runs with these settings come to between ${format(last.low)} and ${format(last.high)}.` : '';
  main.append(h('section', {class: 'answer', id: 'answer', 'aria-labelledby': 'answer-title'}, h('h1', {id: 'answer-title'}, lead),
    h('p', {}, [band, doc.ending ? ` ${doc.ending[0].toUpperCase()}${doc.ending.slice(1)}.` : '']), doc.command ? h('p', {class: 'facts'}, h('code', {}, doc.command)) : null,
    doc.earlier ? h('p', {class: 'facts'}, `What was expected comes from earlier studies, too: ${doc.earlier.map(one => `${one.study} weighs ${percent(100 * one.weight)}`).join(', ')}.`) : null));
}

function tuneReport() {
  const trials = doc.trials || [], parameters = doc.parameters || [];
  tuneAnswer(trials);
  if (doc.second) tradeSection(trials);
  const host = h('div', {class: 'charts'});
  section('time', 'Trials', 'Predicted: as it was before the trial ran. Best so far: with the band that the model, by now, expects of another run of it.' + firstOnly() + here(), host);
  if (trials.length) historyChart(host, trials);
  if (parameters.length) parametersSections(parameters);
  else section('importance', 'What matters', 'There are too few trials for a model.');
  section('all', 'All trials', null, trialsTable(trials));
}
