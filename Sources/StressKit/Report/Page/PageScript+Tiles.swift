// SPDX-License-Identifier: Apache-2.0
extension PageScript {
  /// The strip of phases, the latency heat map, and the stalls.
  static let tiles = #"""
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

    """#
}
