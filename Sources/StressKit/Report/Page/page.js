// SPDX-License-Identifier: Apache-2.0
// What makes the page answer: one script in strict mode, without a library. It draws and formats what is in the
// page's data; it computes no figure. Texts get into the page as text nodes only.

(() => {
'use strict';
const page = JSON.parse(document.getElementById('data').textContent);
const svgSpace = 'http://www.w3.org/2000/svg';

/** An element with attributes and children; strings become text. */
function element(name, attributes = {}, ...children) {
  return fill(document.createElement(name), attributes, children);
}

function shape(name, attributes = {}, ...children) {
  return fill(document.createElementNS(svgSpace, name), attributes, children);
}

function fill(node, attributes, children) {
  for (const [key, value] of Object.entries(attributes)) {
    if (typeof value === 'function') node.addEventListener(key, value);
    else if (value !== null && value !== false) node.setAttribute(key, value === true ? '' : value);
  }
  node.append(...children);
  return node;
}

// Numbers. Times are microseconds from the streams' start.

function duration(us, digits = 3) {
  const ms = us / 1000;
  if (ms < 1) return `${us.toFixed(0)} µs`;
  return ms < 1000 ? `${ms.toPrecision(digits)} ms` : `${(ms / 1000).toPrecision(digits)} s`;
}

function clock(us, step = 1000) {
  const digits = step >= 1e6 ? 0 : step >= 1e5 ? 1 : step >= 1e4 ? 2 : 3;
  return `${(us / 1e6).toFixed(digits)}`;
}

function size(kib) {
  const mib = kib / 1024;
  if (Math.abs(kib) < 1024) return `${kib} KiB`;
  return mib < 1024 ? `${mib.toFixed(1)} MiB` : `${(mib / 1024).toFixed(2)} GiB`;
}

const units = {
  memory: { text: size, step: 1024, axis: kib => (kib / 1024).toLocaleString('en'), unit: 'MiB' },
  dirty: { text: size, step: 1024, axis: kib => (kib / 1024).toLocaleString('en'), unit: 'MiB' },
  pressure: { text: tenths => `${(tenths / 10).toFixed(1)} %`, step: 10, axis: v => `${v / 10}`,
    unit: '% of time', most: 1000 },
  throughput: { text: kib => `${(kib / 1024).toFixed(2)} MiB/s`, step: 1024,
    axis: kib => (kib / 1024).toLocaleString('en'), unit: 'MiB/s' },
};

// Data.

/** Values from differences; null stays null. */
function summed(deltas) {
  let last = 0;
  return deltas.map(delta => delta === null ? null : (last += delta));
}

/** Series of a trial, decoded when first asked for. */
function series(time, chart) {
  time.decoded ??= {};
  time.decoded[chart] ??= time.charts[chart].map(one => {
    const low = summed(one.low);
    const high = one.height ? low.map((v, i) => v === null ? null : v + one.height[i]) : low;
    return { name: one.name, from: one.from, step: one.step, low, high };
  });
  return time.decoded[chart];
}

/** What a series has at a time: [low, high], or null. */
function valueAt(one, time) {
  const bin = Math.floor((time - one.from) / one.step);
  const low = one.low[bin];
  return low === null || low === undefined ? null : [low, one.high[bin]];
}

const stallWidth = 8;

function stalls(time) {
  time.stallRows ??= Array.from({ length: time.stalls.rows.length / stallWidth }, (_, i) => {
    const [start, length, kind, victim, cause, share, unexplained, open] =
      time.stalls.rows.slice(i * stallWidth, (i + 1) * stallWidth);
    return { start, length, end: start + length, kind: time.stalls.names[kind],
      victim: time.stalls.names[victim], cause, share, unexplained, isOpen: open === 1 };
  });
  return time.stallRows;
}

/** Round steps of which about `count` fit into a range. */
function niceStep(range, count) {
  const raw = range / count;
  const power = 10 ** Math.floor(Math.log10(raw));
  return [1, 2, 5, 10].map(m => m * power).find(step => step >= raw);
}
const margin = { left: 52, right: 12 };
const dashes = ['', '7 3', '2 3', '9 3 2 3', '4 2', '1 2', '12 4', '6 2 1 2'];

/** How the nth series of a chart is drawn. Of PSI, some and full of one resource have one colour. */
function look(chart, i) {
  if (chart !== 'pressure') return { colour: i % 8, 'stroke-dasharray': dashes[i % 8] };
  return { colour: i < 2 ? 1 : 0, 'stroke-dasharray': i % 2 === 0 ? '3 2' : '' };
}

function stroke(chart, i) {
  const { colour, ...rest } = look(chart, i);
  return { class: `line s${colour}`, ...rest };
}

/** The shown range of time, and how it lies on the screen. */
const view = { from: 0, until: 1, width: 900 };
const x = time => margin.left + (time - view.from) / (view.until - view.from)
  * (view.width - margin.left - margin.right);
const timeAt = px => view.from + (px - margin.left) / (view.width - margin.left - margin.right)
  * (view.until - view.from);
const clampX = px => Math.max(margin.left, Math.min(view.width - margin.right, px));

function timeStep() {
  return niceStep(view.until - view.from, Math.max(3, view.width / 110));
}

function timeTicks() {
  const step = timeStep();
  const ticks = [];
  for (let t = Math.ceil(view.from / step) * step; t <= view.until; t += step) ticks.push(t);
  return ticks;
}

/** An empty plot with grid, bands and the marks that all charts have. */
function plot(time, label, height) {
  const root = shape('svg', { class: 'plot', role: 'img', 'aria-label': label,
    viewBox: `0 0 ${view.width} ${height}`, height });
  for (const [, from, until] of time.bands.filter((_, i) => i % 2 === 0)) {
    const [a, b] = [clampX(x(from)), clampX(x(until))];
    if (b > a) root.append(shape('rect', { class: 'band', x: a, width: b - a, y: 0, height }));
  }
  for (const t of timeTicks()) root.append(upright('grid', t, height));
  return root;
}

function upright(kind, time, height) {
  return shape('line', { class: kind, x1: x(time), x2: x(time), y1: 0, y2: height });
}

const isShown = time => time >= view.from && time <= view.until;

/** Kills and moments, above what is drawn; the cursor above all. */
function finish(root, time, height) {
  for (const [t] of time.moments) if (isShown(t)) root.append(upright('moment', t, height));
  for (const [t] of time.kills) if (isShown(t)) root.append(upright('kill', t, height));
  root.append(shape('rect', { class: 'frame', x: margin.left, y: .5,
    width: view.width - margin.left - margin.right, height: height - 1 }));
  root.append(shape('line', { class: 'cursor', y1: 0, y2: height, visibility: 'hidden' }));
  return root;
}

// Charts of lines.

function greatest(all, limits) {
  let most = 0;
  for (const one of all) for (const value of one.high) if (value > most) most = value;
  for (const [, , value] of limits) if (value > most) most = value;
  return most;
}

function lineChart(time, chart, title, height) {
  const all = series(time, chart);
  const limits = chart === 'memory' ? time.limits.filter(limit => limit[2] !== null) : [];
  const unit = units[chart];
  const most = unit.most ?? Math.max(unit.step, greatest(all, limits) * 1.06);
  const root = plot(time, `${title}, ${unit.unit}`, height);
  const y = value => height - 1 - value / most * (height - 8);
  valueAxis(root, y, most, unit, height);
  all.forEach((one, i) => {
    if (!one.name.endsWith(' full')) return;
    root.append(shape('path', { class: `area f${look(chart, i).colour}`, d: areaPath(one, y) }));
  });
  all.forEach((one, i) => root.append(shape('path', { ...stroke(chart, i), d: linePath(one, y),
    'data-series': one.name })));
  limitPaths(root, limits, y);
  return finish(root, time, height);
}

function valueAxis(root, y, most, unit, height) {
  const step = Math.max(unit.step, niceStep(most / unit.step, Math.max(2, height / 34)) * unit.step);
  for (let value = 0; value <= most; value += step) {
    root.append(shape('line', { class: 'grid', x1: margin.left, x2: view.width - margin.right,
      y1: y(value), y2: y(value) }));
    root.append(shape('text', { x: margin.left - 6, y: Math.max(9, y(value) + (value === 0 ? -1 : 4)),
      'text-anchor': 'end' }, unit.axis(value)));
  }
}

/** The bins of a series that are shown: [left, right, low, high]. */
function* shownBins(one) {
  const first = Math.max(0, Math.floor((view.from - one.from) / one.step));
  for (let bin = first; bin < one.low.length; bin++) {
    const start = one.from + bin * one.step;
    if (start > view.until) return;
    yield [clampX(x(start)), clampX(x(start + one.step)), one.low[bin], one.high[bin]];
  }
}

const point = (px, py) => `${px.toFixed(1)} ${py.toFixed(1)}`;

/** A step for each bin, with its range upright; gaps stay gaps. */
function linePath(one, y) {
  let path = '';
  let isOpen = false;
  for (const [left, right, low, high] of shownBins(one)) {
    if (low === null) { isOpen = false; continue; }
    path += `${isOpen ? 'L' : 'M'}${point(left, y(high))}L${point(right, y(high))}`;
    if (high > low) path += `L${point(right, y(low))}`;
    isOpen = true;
  }
  return path;
}

function areaPath(one, y) {
  let path = '';
  for (const [left, right, low, high] of shownBins(one)) {
    if (low !== null && high > 0) {
      const top = y(high);
      path += `M${point(left, y(0))}V${top.toFixed(1)}H${right.toFixed(1)}V${y(0).toFixed(1)}Z`;
    }
  }
  return path;
}

/** Each group's limit from one change to the next. */
function limitPaths(root, limits, y) {
  limits.forEach(([group, from, value], i) => {
    const next = limits.slice(i + 1).find(limit => limit[0] === group);
    const [a, b] = [clampX(x(from)), clampX(x(next ? next[1] : Infinity))];
    if (b <= a) return;
    root.append(shape('line', { class: 'limit', x1: a, x2: b, y1: y(value), y2: y(value) }));
    root.append(shape('text', { x: a + 4, y: y(value) + 12 }, `${group} memory.max ${size(value)}`));
  });
}
function strip(time) {
  const height = 42;
  const root = plot(time, 'phases of the trial and its marks', height);
  for (const [name, from, until] of time.bands) {
    const [a, b] = [clampX(x(from)), clampX(x(until))];
    if (b - a > 6.2 * name.length) root.append(shape('text', { x: a + 4, y: 12 }, name));
    if (b > a) root.append(upright('grid', from, 18));
  }
  for (const [t, what] of time.moments) if (isShown(t)) flag(root, t, 'M', what);
  for (const [t, what] of time.kills) if (isShown(t)) flag(root, t, 'K', what);
  return finish(root, time, height);
}

function flag(root, time, letter, title) {
  const at = x(time);
  root.append(shape('g', {}, shape('title', {}, title),
    shape('rect', { class: 'flag', x: at - 8, y: 20, width: 16, height: 16 }),
    shape('text', { class: 'flag-text', x: at, y: 32, 'text-anchor': 'middle' }, letter)));
}

// Latencies: rows are powers of two of nanoseconds.

const rowHeight = 14;
const exponentText = exponent => duration(2 ** exponent / 1000);

function heatMap(time, kind) {
  const map = time.heat.find(one => one.of === kind);
  const open = time.open.filter(one => one[0] === kind);
  const exponents = open.map(one => one[4]);
  const tiles = map ? map.tiles : [];
  for (let i = 1; i < tiles.length; i += 3) exponents.push(tiles[i]);
  if (exponents.length === 0) return null;
  const [least, most] = [Math.min(...exponents), Math.max(...exponents)];
  const height = (most - least + 1) * rowHeight;
  const y = exponent => (most - exponent) * rowHeight;
  const root = plot(time, `${kind} latency by second: rows are powers of two, columns seconds`, height);
  for (let e = least; e <= most; e++) {
    if ((most - e) % 2 === 0 || most - least < 6) {
      root.append(shape('text', { x: margin.left - 6, y: y(e) + 11, 'text-anchor': 'end' },
        exponentText(e)));
    }
  }
  drawTiles(root, map, y);
  for (const [, worker, at, age, exponent] of open) openOperation(root, worker, at, age, y(exponent));
  return finish(root, time, height);
}

function drawTiles(root, map, y) {
  if (!map) return;
  let most = 1;
  for (let i = 2; i < map.tiles.length; i += 3) most = Math.max(most, map.tiles[i]);
  for (let i = 0; i < map.tiles.length; i += 3) {
    const [column, exponent, count] = map.tiles.slice(i, i + 3);
    const start = map.from + column * map.step;
    const [a, b] = [clampX(x(start)), clampX(x(start + map.step))];
    if (b - a < .5) continue;
    const opacity = .15 + .85 * Math.log1p(count) / Math.log1p(most);
    root.append(shape('rect', { class: 'tile', x: a + .5, y: y(exponent) + .5, width: b - a - 1,
      height: rowHeight - 1, 'fill-opacity': opacity.toFixed(2) }));
    if (b - a > 9 * `${count}`.length) {
      root.append(shape('text', { class: opacity > .6 ? 'on-tile' : 'on-light', x: (a + b) / 2,
        y: y(exponent) + 11, 'text-anchor': 'middle' }, `${count}`));
    }
  }
}

/** In flight at the end: hollow, in the row of its age. */
function openOperation(root, worker, at, age, top) {
  if (!isShown(at)) return;
  const words = `in flight for ${duration(age)}${worker ? ` by ${worker}` : ''}`;
  root.append(shape('g', {}, shape('title', {}, words),
    shape('rect', { class: 'open-op', x: x(at) - 5, y: top + 2, width: 10, height: rowHeight - 4 })));
}

/** How many operations of which latency ended in the second of a time. */
function latenciesAt(time, kind, at) {
  const map = time.heat.find(one => one.of === kind);
  if (!map) return '';
  const column = Math.floor((at - map.from) / map.step);
  const parts = [];
  for (let i = 0; i < map.tiles.length; i += 3) {
    const [itsColumn, exponent, count] = map.tiles.slice(i, i + 3);
    if (itsColumn === column) parts.unshift(`${count} of ${exponentText(exponent)} and more`);
  }
  return parts.join(', ');
}

// Stalls: one bar each, as many rows as there are at a time.

function packed(all) {
  const ends = [];
  return all.map(one => {
    let row = ends.findIndex(end => end <= one.start);
    if (row < 0) row = ends.length;
    ends[row] = one.end;
    return row;
  });
}

function stallChart(time) {
  const all = stalls(time);
  if (all.length === 0) return null;
  const rows = packed(all);
  const deepest = Math.max(...rows) + 1;
  const step = Math.max(3, Math.min(10, Math.floor(200 / deepest)));
  const height = deepest * step + 4;
  const root = plot(time, 'stalls of 10 ms and more, coloured by their main cause', height);
  all.forEach((one, i) => {
    const [a, b] = [clampX(x(one.start)), clampX(x(one.end))];
    if (one.end < view.from || one.start > view.until) return;
    const bar = shape('rect', { class: `stall f${page.colours[one.cause]}`, x: a, y: 2 + rows[i] * step,
      width: Math.max(1, b - a), height: step - 1 }, shape('title', {}, stallText(one)));
    root.append(bar);
  });
  return finish(root, time, height);
}

const percent = thousandths => `${(thousandths / 10).toFixed(0)} %`;

function stallText(one) {
  return `${one.kind} of ${one.victim} ${duration(one.length)}${one.isOpen ? ' in flight' : ''}: `
    + `${page.causes[one.cause]} ${percent(one.share)}, unexplained ${percent(one.unexplained)}`;
}

function stallsAt(time, at) {
  const all = stalls(time).filter(one => one.start <= at && at < one.end)
    .sort((a, b) => b.length - a.length);
  const more = all.length > 1 ? `, and ${all.length - 1} more` : '';
  return all.length > 0 ? stallText(all[0]) + more : '';
}
function reset() {
  const time = current()?.time;
  if (time) [view.from, view.until] = [time.from, time.until];
  draw();
}

function zoom(factor, about = state.cursor ?? (view.from + view.until) / 2) {
  const time = current()?.time;
  if (!time) return;
  const length = Math.min(time.until - time.from, Math.max(20_000, (view.until - view.from) * factor));
  const share = (about - view.from) / (view.until - view.from);
  show(about - length * share, about + length * (1 - share));
}

/** Shows a range of time, moved into the trial where it is not. */
function show(from, until) {
  const time = current().time;
  const length = Math.min(until - from, time.until - time.from);
  view.from = Math.max(time.from, Math.min(from, time.until - length));
  view.until = view.from + length;
  draw();
}

const charts = [
  ['memory', 'memory.current', 150], ['dirty', 'dirty and under writeback', 130],
  ['pressure', 'PSI, share of time', 110], ['throughput', 'throughput', 100],
];

function draw() {
  const time = current()?.time;
  view.width = Math.max(280, find('plots').clientWidth);
  const parts = time ? figures(time) : [element('p', {}, current()
    ? 'This trial did not get as far as its streams.' : 'No trial of this cell says anything yet.')];
  find('charts').replaceChildren(...parts);
  for (const root of find('charts').querySelectorAll('.plot')) listen(root);
  readOut();
}

function figures(time) {
  const all = [figure('phases', '', strip(time))];
  for (const [chart, title, height] of charts) {
    const words = `${title}, ${units[chart].unit}`;
    if (series(time, chart).length === 0) all.push(missing(chart, words));
    else all.push(figure(chart, words, lineChart(time, chart, title, height), legend(time, chart)));
  }
  return [...all, stallFigure(time), heatFigure(time), figure('axis', '', axis(time))];
}

function stallFigure(time) {
  const { count } = time.stalls;
  const shown = stalls(time).length;
  const words = `stalls of 10 ms and more${shown < count ? `, the ${shown} longest of ${count}` : ''}`;
  const bars = stallChart(time);
  return bars ? figure('stalls', words, bars, causes(time)) : missing('stalls', words);
}

function figure(id, title, drawing, extra = []) {
  return element('figure', { 'data-chart': id },
    ...(title ? [element('figcaption', {}, element('b', {}, title), ...extra)] : []), drawing ?? '');
}

const missing = (id, title) => element('figure', { 'data-chart': id },
  element('figcaption', {}, element('b', {}, title), 'none in the record'));

function legend(time, chart) {
  return series(time, chart).map((one, i) => element('span', {},
    shape('svg', {}, shape('line', { ...stroke(chart, i), x1: 0, x2: 22, y1: 4, y2: 4 })),
    `${one.name} `, element('span', { class: 'v', 'data-chart': chart, 'data-series': one.name })));
}

function causes(time) {
  const shown = [...new Set(stalls(time).map(one => one.cause))]
    .sort((a, b) => page.colours[a] - page.colours[b]);
  return [...shown.map(cause => element('span', {},
    element('i', { class: `sw c${page.colours[cause]}` }), page.causes[cause])),
    element('div', { class: 'now', id: 'stall-now' })];
}

function heatFigure(time) {
  const kinds = [...new Set([...time.heat.map(one => one.of), ...time.open.map(one => one[0])])];
  if (kinds.length === 0) return missing('heat', 'latency by second');
  if (!kinds.includes(state.kind)) state.kind = kinds.includes('write') ? 'write' : kinds[0];
  const choice = element('select', { id: 'kind', 'aria-label': 'latency of',
    change: event => { state.kind = event.target.value; draw(); find('kind').focus(); } },
    ...kinds.map(kind => element('option', { selected: kind === state.kind }, kind)));
  return figure('heat', 'latency by second: how many ended, of', heatMap(time, state.kind),
    [choice, element('div', { class: 'now', id: 'heat-now' })]);
}

function axis(time) {
  const root = shape('svg', { class: 'plot', 'aria-hidden': true, height: 20,
    viewBox: `0 0 ${view.width} 20` });
  const unit = timeStep();
  for (const t of timeTicks()) {
    root.append(shape('text', { x: x(t), y: 14, 'text-anchor': 'middle' }, `${clock(t, unit)} s`));
  }
  return root;
}
const state = { cell: 0, trial: 0, cursor: null, isPointed: false, kind: 'write' };
const section = document.getElementById('trial');
const find = id => document.getElementById(id);
const trials = () => page.cells[state.cell].trials;
const current = () => trials()[state.trial];

// Building what stays.

function build() {
  const button = (text, label, action) =>
    element('button', { type: 'button', 'aria-label': label, title: label, click: action }, text);
  section.append(
    element('div', { class: 'bar-tools' },
      button('‹', 'previous trial (p)', () => step(-1)),
      element('select', { id: 'cell', 'aria-label': 'cell',
        change: event => select(+event.target.value, 0) },
        ...page.cells.map((cell, i) => element('option', { value: i }, cell.name))),
      element('select', { id: 'number', 'aria-label': 'trial',
        change: event => select(state.cell, +event.target.value) }),
      button('›', 'next trial (n)', () => step(1)),
      button('−', 'zoom out (-)', () => zoom(2)), button('+', 'zoom in (+)', () => zoom(.5)),
      button('all', 'the whole trial (0)', reset)),
    element('p', { class: 'which', id: 'which' }), element('div', { class: 'figures', id: 'figures' }),
    element('div', { id: 'plots', tabindex: 0, role: 'group',
      'aria-label': 'charts of one trial; arrow keys move the cursor, ? shows all keys' },
      element('div', { id: 'readout', 'aria-live': 'polite' }), element('div', { id: 'charts' })),
    element('div', { id: 'why' }));
  document.body.append(helpDialog());
  find('help-open').addEventListener('click', openHelp);
  find('theme').addEventListener('click', changeTheme);
  for (const node of document.querySelectorAll('button[data-cell]')) node.addEventListener('click', pick);
  for (const row of document.querySelectorAll('.cells tbody tr')) row.addEventListener('click', pickRow);
}

const keys = [
  ['← →', 'move the cursor by a bin; with Shift by ten'],
  ['Home End', 'move the cursor to the beginning or end'],
  ['+ −', 'zoom in or out about the cursor'], ['0', 'show the whole trial'],
  ['n p', 'next or previous trial'], ['t', 'theme: system, light, dark'], ['?', 'this list'],
  ['mouse', 'drag across a chart to zoom into it; Ctrl and the wheel zoom; a double click shows all'],
  ['finger', 'tap or drag to read values'],
];

function helpDialog() {
  return element('dialog', { id: 'help', 'aria-label': 'keys' },
    element('dl', {}, ...keys.flatMap(([key, what]) =>
      [element('dt', {}, element('kbd', {}, key)), element('dd', {}, what)])),
    element('form', { method: 'dialog' }, element('button', {}, 'close')));
}

const openHelp = () => find('help').showModal();

function changeTheme() {
  const { dataset } = document.documentElement;
  const next = { undefined: 'light', light: 'dark', dark: undefined }[dataset.theme];
  if (next) dataset.theme = next;
  else delete dataset.theme;
  find('theme').textContent = `theme: ${next ?? 'system'}`;
}

// Selecting.

function pick(event) {
  event.stopPropagation();
  const { cell, trial } = event.currentTarget.dataset;
  const number = trial === undefined ? null : +trial;
  const index = page.cells[+cell].trials.findIndex(one => one.n === number);
  select(+cell, Math.max(0, index));
  section.scrollIntoView({ block: 'start' });
}

const pickRow = event => select(+event.currentTarget.dataset.cell, 0);

/** The next or previous trial, over the borders of cells. */
function step(by) {
  let [cell, trial] = [state.cell, state.trial + by];
  while (page.cells[cell] && !page.cells[cell].trials[trial]) {
    cell += by;
    trial = by > 0 ? 0 : (page.cells[cell]?.trials.length ?? 0) - 1;
  }
  if (page.cells[cell]) select(cell, trial);
}

function select(cell, trial) {
  state.cell = cell;
  state.trial = trial;
  state.cursor = null;
  find('cell').value = cell;
  find('number').replaceChildren(...trials().map((one, i) =>
    element('option', { value: i, selected: i === trial }, `trial ${one.n}: ${one.outcome}`)));
  for (const node of document.querySelectorAll('.t')) {
    const isIt = +node.dataset.cell === cell && +node.dataset.trial === current()?.n;
    node.setAttribute('aria-pressed', isIt);
  }
  for (const row of document.querySelectorAll('.cells tbody tr')) {
    row.setAttribute('aria-current', +row.dataset.cell === cell);
  }
  tell();
  reset();
}

/** What is told of the trial in words and figures. */
function tell() {
  const one = current();
  const words = one ? `, trial ${one.n}: ${one.outcome}` : '';
  find('which').textContent = page.cells[state.cell].name + words;
  find('figures').replaceChildren(...(one ? one.figures : []).map(([name, value]) =>
    element('div', {}, element('span', {}, `${name} `), value)));
  const lines = one ? [...(one.message ? [one.message] : []), ...one.why] : [];
  const why = element('pre', { class: 'why' }, lines.join('\n'));
  find('why').replaceChildren(...(lines.length > 0 ? [why] : []));
}

// Reading.

/** isPointed: by the mouse, which takes the cursor with it when it leaves. */
function setCursor(time, isPointed = false) {
  state.isPointed = isPointed;
  state.cursor = Math.max(view.from, Math.min(view.until, time));
  readOut();
}

function readOut() {
  const time = current()?.time;
  const at = state.cursor;
  for (const line of find('charts').querySelectorAll('.cursor')) {
    line.setAttribute('visibility', at === null ? 'hidden' : 'visible');
    if (at !== null) for (const end of ['x1', 'x2']) line.setAttribute(end, x(at));
  }
  if (!time) return find('readout').replaceChildren();
  for (const node of find('charts').querySelectorAll('.v[data-series]')) {
    const one = series(time, node.dataset.chart).find(each => each.name === node.dataset.series);
    node.textContent = at === null ? '' : rangeText(valueAt(one, at), units[node.dataset.chart].text);
  }
  write('stall-now', at === null ? '' : stallsAt(time, at));
  write('heat-now', at === null ? '' : latenciesAt(time, state.kind, at));
  write('readout', at === null ? 'Move over the charts to read values; 0 s is when the streams began.'
    : `${clock(at)} s ${near(time, at)}`);
}

function write(id, text) {
  const node = find(id);
  if (node) node.textContent = text;
}

const rangeText = (range, text) => range === null ? 'unknown'
  : range[0] === range[1] ? text(range[0]) : `${text(range[0])} to ${text(range[1])}`;

/** The phase of a time, and marks that are next to it. */
function near(time, at) {
  const reach = (view.until - view.from) / 100;
  const words = time.bands.filter(([, from, until]) => from <= at && at <= until).map(([name]) => name);
  for (const [t, what] of [...time.kills, ...time.moments]) {
    if (Math.abs(t - at) < reach) words.push(`${what} at ${clock(t)} s`);
  }
  return words.length ? `· ${words.join(' · ')}` : '';
}

function listen(root) {
  const position = event => {
    const box = root.getBoundingClientRect();
    return clampX((event.clientX - box.left) * view.width / box.width);
  };
  let start = null;
  let area;
  root.addEventListener('pointerdown', event => {
    if (event.pointerType !== 'mouse') return setCursor(timeAt(position(event)));
    if (event.button !== 0) return;
    start = position(event);
    root.setPointerCapture(event.pointerId);
  });
  root.addEventListener('pointermove', event => {
    const at = position(event);
    setCursor(timeAt(at), event.pointerType === 'mouse');
    if (start === null) return;
    const { height } = root.viewBox.baseVal;
    area ??= root.appendChild(shape('rect', { class: 'drag', y: 0, height }));
    area.setAttribute('x', Math.min(start, at));
    area.setAttribute('width', Math.abs(at - start));
  });
  root.addEventListener('pointerup', event => {
    const [from, until] = [start, position(event)].sort((a, b) => a - b);
    const isDrag = start !== null && until - from > 6;
    start = null;
    area?.remove();
    area = undefined;
    if (isDrag) show(timeAt(from), timeAt(until));
  });
  root.addEventListener('pointerleave', () => {
    if (start !== null || !state.isPointed) return;
    state.cursor = null;
    readOut();
  });
  root.addEventListener('dblclick', reset);
  root.addEventListener('wheel', event => {
    if (!event.ctrlKey) return;
    event.preventDefault();
    zoom(event.deltaY > 0 ? 1.25 : .8, timeAt(position(event)));
  }, { passive: false });
}

/** On paper nothing can be opened; afterwards what was closed is closed again. */
function openAll(isPrinting) {
  const closed = isPrinting ? 'details.cell:not([open])' : 'details.cell[data-closed]';
  for (const node of document.querySelectorAll(closed)) {
    node.open = isPrinting;
    node.toggleAttribute('data-closed', isPrinting);
  }
}

// Keys.

function move(bins) {
  const bin = (view.until - view.from) / 300;
  setCursor((state.cursor ?? view.from) + bins * bin);
}

const actions = {
  ArrowLeft: event => move(event.shiftKey ? -10 : -1), ArrowRight: event => move(event.shiftKey ? 10 : 1),
  Home: () => setCursor(view.from), End: () => setCursor(view.until),
  '+': () => zoom(.5), '=': () => zoom(.5), '-': () => zoom(2), '0': reset,
  n: () => step(1), p: () => step(-1), t: changeTheme, '?': openHelp,
};

function onKey(event) {
  const isIn = selector => event.target.closest?.(selector);
  const isTheirs = isIn('select, dialog') || (isIn('pre, .box') && /^(Arrow|Home|End)/.test(event.key));
  const action = actions[event.key];
  if (isTheirs || !action || event.ctrlKey || event.metaKey || event.altKey) return;
  event.preventDefault();
  action(event);
}

build();
if (page.selected) {
  const [cell, number] = page.selected;
  select(cell, Math.max(0, page.cells[cell].trials.findIndex(one => one.n === number)));
} else if (page.cells.length > 0) {
  select(0, 0);
}
document.addEventListener('keydown', onKey);
window.addEventListener('resize', draw);
window.addEventListener('beforeprint', () => { openAll(true); draw(); });
window.addEventListener('afterprint', () => { openAll(false); draw(); });})();
