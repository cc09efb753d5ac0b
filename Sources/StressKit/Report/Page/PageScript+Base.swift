// SPDX-License-Identifier: Apache-2.0
import StressCore

extension PageScript {
  /// Data, numbers and elements.
  static let base = #"""
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

    """#
}
