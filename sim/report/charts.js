/* SPDX-License-Identifier: GPL-3.0-or-later */
'use strict';

/* ---- charts over time ---- */

/* Keys are ours. Dygraphs' legend measures its font by an inline style, which a strict policy refuses. */
Dygraph.PLUGINS = Dygraph.PLUGINS.filter(plugin => plugin !== Dygraph.Plugins.Legend);

/* Charts of one group show the same stretch of time and read the same instant. */
const charts = [];
const readout = h('span', {class: 'when', id: 'when'});
let syncing = false;

function together(chart, act) {
  if (syncing) return;
  syncing = true;
  for (const other of charts) if (other !== chart && other.group === chart.group) act(other);
  syncing = false;
}
const same = (a, b) => a && b && Math.abs(a[0] - b[0]) < 1 && Math.abs(a[1] - b[1]) < 1;
function followZoom(chart) {
  placeMark(chart);
  const range = chart.graph.xAxisRange();
  together(chart, other => {
    if (!same(other.graph.xAxisRange(), range)) other.graph.updateOptions({dateWindow: range});
    placeMark(other);
  });
}
/* The row nearest to an instant; rows need not be equally far apart. */
function rowAt(chart, x) {
  let low = 0, high = chart.rows.length - 1;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (chart.rows[middle][0] < x) low = middle + 1; else high = middle;
  }
  return low > 0 && x - chart.rows[low - 1][0] < chart.rows[low][0] - x ? low - 1 : low;
}
/* An instant, unless the chart goes along something else and has words for that. */
const place = (chart, x) => chart.words ? chart.words(x) : moment(x) + ' UTC';
function read(chart, x) {
  const row = chart.rows[rowAt(chart, x)];
  chart.values.forEach((cell, i) => {
    const value = row[i + 1];
    cell.textContent = chart.graph.visibility()[i] ? ' ' + chart.format(Array.isArray(value) ? value[1] : value) : '';
  });
}
function point(chart, x) {
  readout.textContent = place(chart, x);
  read(chart, x);
  together(chart, other => { other.graph.setSelection(rowAt(other, x)); read(other, x); });
}
function unpoint(chart) {
  readout.textContent = '';
  for (const other of charts.filter(one => one.group === chart.group)) {
    other.values.forEach(cell => { cell.textContent = ''; });
    if (other !== chart) other.graph.clearSelection();
  }
}

/* ---- marks: one chosen change, drawn over the charts of its strategy ---- */

let marked = null;
function placeMark(chart) {
  const shown = marked && chart.owner === marked.owner;
  const x = shown ? chart.graph.toDomXCoord(marked.time) : -1;
  const area = chart.graph.getArea();
  chart.mark.hidden = !shown || x < area.x || x > area.x + area.w;
  chart.mark.style.left = x + 'px';
}
function setMark(owner, time, item) {
  document.querySelectorAll('.changes li.marked').forEach(other => other.classList.remove('marked'));
  if (item) item.classList.add('marked');
  marked = time === null ? null : {owner, time};
  charts.forEach(placeMark);
}
function zoomTo(group, from, to) {
  const chart = charts.find(one => one.group === group);
  if (!chart) return;
  const [first, last] = chart.graph.xAxisExtremes();
  const width = Math.min(to - from, last - first);
  const start = Math.max(first, Math.min(from, last - width));
  if (!same(chart.graph.xAxisRange(), [start, start + width])) chart.graph.updateOptions({dateWindow: [start, start + width]});
  followZoom(chart);
}

function underlay(chart) {
  return (context, area, graph) => {
    context.save();
    context.fillStyle = color('miss');
    for (const [from, to] of chart.missed || []) {
      const left = Math.max(area.x, graph.toDomXCoord(from)), right = Math.min(area.x + area.w, graph.toDomXCoord(to));
      if (right > left) context.fillRect(left, area.y, Math.max(1, right - left), area.h);
    }
    context.strokeStyle = color('soft');
    context.beginPath();
    for (const one of chart.changes || []) {
      if (one.verdict === 'Refused') continue;
      const x = Math.round(graph.toDomXCoord(one.time_ms)) + 0.5;
      if (x >= area.x && x <= area.x + area.w) { context.moveTo(x, area.y + area.h); context.lineTo(x, area.y + area.h - 6); }
    }
    context.stroke();
    if (known(chart.bound)) drawBound(context, area, graph, chart);
    context.restore();
  };
}
function drawBound(context, area, graph, chart) {
  const y = graph.toDomYCoord(chart.bound);
  if (y < area.y || y > area.y + area.h) return;
  context.strokeStyle = context.fillStyle = color('s1');
  context.setLineDash([6, 4]);
  context.lineWidth = 1.5;
  context.beginPath();
  context.moveTo(area.x, y);
  context.lineTo(area.x + area.w, y);
  context.stroke();
  context.font = '600 12px system-ui, sans-serif';
  context.textAlign = 'right';
  const at = [area.x + area.w - 4, y - 5 < area.y + 10 ? y + 14 : y - 5];
  context.setLineDash([]);
  context.lineWidth = 4;
  context.strokeStyle = color('paper');
  context.strokeText('bound ' + chart.format(chart.bound), ...at);
  context.fillText('bound ' + chart.format(chart.bound), ...at);
}

function axisTime(date, granularity) {
  const ms = +date;
  if (granularity >= Dygraph.DAILY) return dayOf(ms).replace(/ \w+$/, granularity >= Dygraph.MONTHLY ? '$&' : '');
  return ms % DAY === 0 ? dayOf(ms).replace(/ \w+$/, '') : clockOf(ms);
}
/* Dragging with a finger must scroll the page, so only the mouse zooms; fingers have the buttons and the range. */
function mouseOnly() {
  const {mousedown, mousemove, mouseup, dblclick, willDestroyContextMyself} = Dygraph.defaultInteractionModel;
  return {mousedown, mousemove, mouseup, dblclick, willDestroyContextMyself};
}

function dygraphOptions(chart, lines) {
  const series = {};
  for (const line of lines) series[line.label] = {stepPlot: !!line.step, fillGraph: !!line.fill, strokePattern: line.dash || null,
    strokeWidth: line.points ? 0 : line.width || 1.6, drawPoints: !!(line.points || line.dots), pointSize: 3.5, color: color(line.variable)};
  return {
    labels: ['time', ...lines.map(line => line.label)], series, labelsUTC: true, customBars: !!chart.bars,
    fillAlpha: chart.bars ? 0.22 : 0.16, animatedZooms: false, interactionModel: mouseOnly(), highlightCircleSize: 3,
    connectSeparatedPoints: false, drawGapEdgePoints: true, axisLineColor: color('line'), gridLineColor: color('grid'), xRangePad: chart.xRangePad || 0,
    includeZero: !chart.log, logscale: !!chart.log, valueRange: chart.range || null, axisLabelFontSize: 12,
    axes: {x: {ticker: chart.ticker || Dygraph.dateTicker, axisLabelFormatter: axisTime, pixelsPerLabel: 62, axisLabelWidth: chart.ticker ? 80 : 60},
      y: {axisLabelFormatter: value => chart.tick(value), axisLabelWidth: 58, pixelsPerLabel: 34}},
    showRangeSelector: !!chart.selector, rangeSelectorHeight: 30, rangeSelectorPlotLineWidth: 1,
    rangeSelectorPlotFillColor: color('line'), rangeSelectorPlotFillGradientColor: color('line'), rangeSelectorPlotStrokeColor: color('soft'),
    rangeSelectorBackgroundStrokeColor: color('line'), rangeSelectorForegroundStrokeColor: color('soft'), rangeSelectorVeilColour: color('veil'),
    underlayCallback: underlay(chart),
    drawCallback: (graph, initial) => { if (!initial && !syncing) followZoom(chart); },
    highlightCallback: (event, x) => point(chart, x),
    unhighlightCallback: () => unpoint(chart),
    clickCallback: (event, x) => chart.onclick && chart.onclick(x, chart),
  };
}

const midOf = value => Array.isArray(value) ? value[1] : value;
function summary(chart, lines) {
  return lines.map((line, i) => {
    const values = chart.rows.map(row => midOf(row[i + 1])).filter(known);
    if (!values.length) return `${line.label}: unknown`;
    return `${line.label}: mean ${chart.format(values.reduce((a, b) => a + b, 0) / values.length)}, most ${chart.format(values.reduce((a, b) => Math.max(a, b)))}`;
  }).join('; ');
}

/* Means over 48 equal slices: the chart as a table. */
function slices(chart, lines) {
  const wide = Math.max(1, Math.ceil(chart.rows.length / 48));
  const rows = [];
  for (let at = 0; at < chart.rows.length; at += wide) {
    const part = chart.rows.slice(at, at + wide);
    rows.push(h('tr', {}, h('th', {scope: 'row', class: 'text'}, chart.words ? place(chart, part[0][0]) : moment(part[0][0])), lines.map((line, i) => {
      const values = part.map(row => midOf(row[i + 1])).filter(known);
      return h('td', {}, values.length ? chart.format(values.reduce((a, b) => a + b, 0) / values.length) : NONE);
    })));
  }
  const caption = !chart.words ? `Means over ${duration(wide * chart.step / 1000)}, times in UTC` : wide > 1 ? `Means over ${wide} values` : '';
  return plainTable(caption, [chart.words ? 'At' : 'From', ...lines.map(line => line.label)], rows);
}

function keyboard(chart) {
  return event => {
    const [from, to] = chart.graph.xAxisRange();
    const width = to - from, x = chart.cursor === undefined ? (from + to) / 2 : chart.cursor;
    const move = {ArrowLeft: -1, ArrowRight: 1, PageUp: -24, PageDown: 24}[event.key];
    if (move) {
      chart.cursor = chart.rows[Math.max(0, Math.min(chart.rows.length - 1, rowAt(chart, x) + move))][0];
      chart.graph.setSelection(rowAt(chart, chart.cursor));
      point(chart, chart.cursor);
      document.getElementById('reading').textContent = `${place(chart, chart.cursor)}: ` + chart.values.map((cell, i) => `${chart.names[i]}${cell.textContent}`).join(', ');
    } else if (event.key === '+' || event.key === '=') zoomTo(chart.group, x - width / 4, x + width / 4);
    else if (event.key === '-') zoomTo(chart.group, x - width, x + width);
    else if (event.key === 'Escape' || event.key === 'Home') zoomTo(chart.group, -Infinity, Infinity);
    else return;
    event.preventDefault();
  };
}

function makeRows(chart, lines, timeOf) {
  const positive = value => chart.log && !(value > 0) ? null : value;
  const cell = (line, i) => !chart.bars ? positive(line.values[i]) : line.low ? [line.low[i], line.values[i], line.high[i]] : [line.values[i], line.values[i], line.values[i]];
  return Array.from({length: Math.max(...lines.map(line => line.values.length))}, (_, i) =>
    [timeOf(i), ...lines.map(line => { const value = cell(line, i); return value === undefined ? null : value; })]);
}
const knownLines = lines => lines.filter(line => line.values && line.values.some(known));
const describeChart = (chart, lines) => `${chart.title}. ${summary(chart, lines)}. Arrow keys read values, plus and minus zoom, Escape shows everything.`;

/*
 * One chart with its keys and its table. spec: title, lines [{label, values | low/high, variable, dash, step, fill}],
 * format, tick, group, owner, height (low, tall), times (when values are not stepSeconds apart), and what underlay and
 * dygraphOptions read.
 */
function addChart(host, start, stepSeconds, spec) {
  const lines = knownLines(spec.lines);
  if (!lines.length) return null;
  const chart = Object.assign({step: stepSeconds * 1000, tick: scaled, names: lines.map(line => line.label)}, spec);
  chart.rows = makeRows(chart, lines, i => spec.times ? spec.times[i] : start + i * chart.step);
  chart.values = lines.map(() => h('b', {}));
  chart.mark = h('div', {class: 'mark', hidden: true});
  chart.plot = h('div', {class: 'plot ' + (spec.height || ''), tabindex: 0, role: 'img', 'aria-label': describeChart(chart, lines)});
  const keys = lines.map((line, i) => h('span', {class: 'item'}, key(line.variable, line.dash, line.step), h('span', {}, line.label, chart.values[i])));
  const [button, holder] = tableToggle(spec.title, () => slices(chart, knownLines(chart.lines)));
  chart.holder = holder;
  host.append(h('div', {class: 'panel'}, h('header', {}, h('h4', {}, spec.title), h('span', {class: 'keys'}, keys), spec.control || null, button), chart.plot, holder));
  chart.options = () => dygraphOptions(chart, lines);
  chart.graph = new Dygraph(chart.plot, chart.rows, chart.options());
  chart.plot.append(chart.mark);
  chart.plot.addEventListener('keydown', keyboard(chart));
  charts.push(chart);
  return chart;
}

/* New values in the place of the old; `spec` has the same lines, and times. */
function refillChart(chart, spec) {
  const lines = knownLines(spec.lines);
  Object.assign(chart, spec);
  chart.rows = makeRows(chart, lines, i => spec.times[i]);
  chart.plot.setAttribute('aria-label', describeChart(chart, lines));
  if (chart.holder.children.length) chart.holder.replaceChildren(slices(chart, lines));
  chart.graph.updateOptions({file: chart.rows, valueRange: chart.range || null});
  placeMark(chart);
}

function dropCharts(unwanted) {
  for (const chart of charts.filter(unwanted)) {
    chart.graph.destroy();
    charts.splice(charts.indexOf(chart), 1);
  }
}

/* The same charts in the colours and the width of now. */
function refreshCharts() {
  for (const chart of charts) {
    chart.graph.updateOptions(chart.options(), true);
    chart.graph.resize();
    placeMark(chart);
  }
}

/* Chromium prints what was recorded of a canvas rather than its pixels, and loses dygraphs' clipped lines: paper
 * gets pictures. */
function addPictures() {
  for (const canvas of document.querySelectorAll('.plot canvas')) {
    if (!canvas.width || !canvas.height) continue;
    const picture = h('img', {class: 'picture', alt: '', style: canvas.style.cssText, decoding: 'sync'});
    picture.src = canvas.toDataURL();
    canvas.after(picture);
  }
}
const dropPictures = () => document.querySelectorAll('.picture').forEach(picture => picture.remove());
