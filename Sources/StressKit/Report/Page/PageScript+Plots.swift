// SPDX-License-Identifier: Apache-2.0
extension PageScript {
  /// The time axis that all charts share, and charts of lines.
  static let plots = #"""
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

    """#
}
