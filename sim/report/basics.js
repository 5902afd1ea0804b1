/* SPDX-License-Identifier: GPL-3.0-or-later */
'use strict';
const root = document.documentElement;
const query = new URLSearchParams(location.search);
const faults = [];
const fault = text => { faults.push(text); root.dataset.errors = faults.join(' | '); };
window.addEventListener('error', event => fault(event.message));
window.addEventListener('securitypolicyviolation', event => fault(`policy: ${event.violatedDirective} ${event.blockedURI} ${event.sourceFile}:${event.lineNumber}:${event.columnNumber} ${event.sample}`));

let currency = ''; // ISO 4217, of every amount of money shown
const main = document.getElementById('main');
const HOUR = 3600e3, DAY = 24 * HOUR;

/* ---- elements: texts are always text nodes, so nothing in the document can become markup ---- */

const SVG = 'http://www.w3.org/2000/svg';
function build(node, attributes, children) {
  for (const [key, value] of Object.entries(attributes || {})) {
    if (key.startsWith('on')) node.addEventListener(key.slice(2), value);
    else if (value !== null && value !== undefined && value !== false) node.setAttribute(key, value === true ? '' : value);
  }
  node.append(...children.flat(2).filter(child => child !== null && child !== undefined && child !== ''));
  return node;
}
const h = (tag, attributes, ...children) => build(document.createElement(tag), attributes, children);
const s = (tag, attributes, ...children) => build(document.createElementNS(SVG, tag), attributes, children);
const color = name => getComputedStyle(root).getPropertyValue('--' + name).trim();

function section(id, title, lead, ...children) {
  const node = h('section', {id, 'aria-labelledby': id + '-title'}, h('h2', {id: id + '-title'}, title),
    lead ? h('p', {class: 'lead'}, lead) : null, ...children);
  main.append(node);
  document.getElementById('contents').append(h('a', {href: '#' + id}, title));
  return node;
}

/* ---- numbers with their units, the same in every locale ---- */

const THIN = '\u202f', MINUS = '\u2212', NONE = '\u2013';
const known = value => typeof value === 'number' && isFinite(value);

function digits(value, significant = 3) {
  if (!known(value)) return NONE;
  const size = Math.abs(value);
  const decimals = size === 0 ? 0 : Math.max(0, Math.min(6, significant - 1 - Math.floor(Math.log10(size))));
  let text = size.toFixed(decimals);
  if (decimals) text = text.replace(/\.?0+$/, '');
  text = text.replace(/\B(?=(\d{3})+$)/, /\./.test(text) || size < 1e4 ? '' : THIN);
  return (value < 0 && Number(text) !== 0 ? MINUS : '') + text;
}
function scaled(value, significant = 3) {
  if (!known(value)) return NONE;
  for (const [size, prefix] of [[1e12, 'T'], [1e9, 'G'], [1e6, 'M'], [1e3, 'k']]) {
    if (Math.abs(value) >= size * 0.9995) return digits(value / size, significant) + THIN + prefix;
  }
  return digits(value, significant);
}
function grams(value) {
  if (!known(value)) return NONE;
  const [size, unit] = Math.abs(value) >= 999.5e3 ? [1e6, 't'] : Math.abs(value) >= 999.5 ? [1e3, 'kg'] : [1, 'g'];
  return digits(value / size) + THIN + unit;
}
const signs = {USD: '$', EUR: '€', GBP: '£'};
const cents = value => !known(value) ? NONE : (value < 0 ? MINUS : '') +
  Math.abs(value).toFixed(Math.abs(value) >= 0.995 || value === 0 ? 2 : 4);
const money = value => known(value) ? (signs[currency] || currency) + THIN + cents(value) : NONE;
const withUnit = unit => value => known(value) ? digits(value) + THIN + unit : NONE;
const seconds = withUnit('s');
const minutes = withUnit('min');
const records = value => known(value) ? scaled(value) + THIN + 'rec' : NONE;
const rate = value => known(value) ? scaled(value) + THIN + 'rec/s' : NONE;
const percent = value => known(value) ? digits(value) + THIN + '%' : NONE;
const change = saving => known(saving) ? (saving < 0 ? '+' : '') + percent(-saving) : NONE;
const count = (n, word) => `${digits(n)} ${word}${n === 1 ? '' : 's'}`;

function duration(value) {
  for (const [from, size, unit] of [[172800, 86400, 'd'], [7200, 3600, 'h'], [120, 60, 'min'], [0, 1, 's']]) {
    if (value >= from) return digits(value / size) + THIN + unit;
  }
  return NONE;
}
const DAYS = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat'];
const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];
const two = n => String(n).padStart(2, '0');
const dayOf = ms => { const d = new Date(ms); return `${DAYS[d.getUTCDay()]} ${d.getUTCDate()} ${MONTHS[d.getUTCMonth()]}`; };
const clockOf = ms => { const d = new Date(ms); return `${two(d.getUTCHours())}:${two(d.getUTCMinutes())}`; };
const moment = ms => `${dayOf(ms)}, ${clockOf(ms)}`;
const dateOf = text => { const ms = Date.parse(text); return isNaN(ms) ? text : `${dayOf(ms)} ${new Date(ms).getUTCFullYear()}`; };

/* ---- what tables and charts share ---- */

const DASHES = [null, [8, 3], [2, 2], [10, 3, 2, 3], [5, 2], [14, 4], [2, 5]];
function key(variable, dash, step) {
  const y = step ? 'M1 8H8V3H19' : 'M1 5H19';
  return s('svg', {class: 'key', viewBox: '0 0 20 10', 'aria-hidden': 'true', preserveAspectRatio: 'none'},
    s('path', {d: y, fill: 'none', stroke: `var(--${variable})`, 'stroke-width': 3, 'stroke-dasharray': dash ? dash.join(' ') : null}));
}
function plainTable(caption, heads, rows, attributes) {
  return h('table', attributes || {}, caption ? h('caption', {}, caption) : null,
    h('thead', {}, h('tr', {}, heads.map((head, i) => h('th', {scope: 'col', class: head.text || i === 0 ? 'text' : null}, head.text || head)))),
    h('tbody', {}, rows));
}

/* A button that shows the same as a table below; built when first opened, so that it costs nothing before. */
function tableToggle(title, make) {
  const holder = h('div', {class: 'figures scroll', hidden: true, tabindex: 0, role: 'region', 'aria-label': title + ' as a table'});
  const button = h('button', {type: 'button', class: 'quiet', 'aria-expanded': 'false', 'aria-label': title + ' as a table', onclick: () => {
    if (!holder.children.length) holder.append(make());
    holder.hidden = !holder.hidden;
    button.setAttribute('aria-expanded', String(!holder.hidden));
  }}, 'Table');
  return [button, holder];
}

/* ---- colours: those the system prefers, until the button says otherwise ---- */

const preferred = matchMedia('(prefers-color-scheme: dark)');
function setTheme(theme) {
  root.dataset.theme = theme;
  const other = theme === 'dark' ? 'Light' : 'Dark';
  document.getElementById('theme').textContent = other;
  document.getElementById('theme').setAttribute('aria-label', `${other} colours`);
}
function listenToTheme(show) {
  document.getElementById('theme').addEventListener('click', () => show(root.dataset.theme === 'dark' ? 'light' : 'dark'));
  preferred.addEventListener('change', () => show(preferred.matches ? 'dark' : 'light'));
}
const firstTheme = () => ({dark: 'dark', light: 'light'}[query.get('theme')] || (preferred.matches ? 'dark' : 'light'));
