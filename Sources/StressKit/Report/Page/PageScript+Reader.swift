// SPDX-License-Identifier: Apache-2.0
extension PageScript {
  /// What is selected, and what the reader does.
  static let reader = #"""
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
    window.addEventListener('afterprint', () => { openAll(false); draw(); });
    """#
}
