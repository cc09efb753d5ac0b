// SPDX-License-Identifier: Apache-2.0
extension PageScript {
  /// One trial: all its charts on one time axis.
  static let trial = #"""
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

    """#
}
