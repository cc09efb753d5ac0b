// SPDX-License-Identifier: Apache-2.0

/// How the page looks: on light and dark screens, narrow ones, and paper.
///
/// The colours of series and causes are those of M. Okabe and K. Ito (Color Universal Design, 2008), which
/// people with any of the common colour blindnesses can tell apart, made lighter where the ground is dark.
enum PageStyle {
  static let sheet = colours + layout + tables + charts + narrow + paper

  /// The dark colours stand twice: for a system that is dark, and for a reader who chose it.
  private static let colours = """

    :root {
      color-scheme: light;
      \(light)
    }
    @media (prefers-color-scheme: dark) {
      :root:not([data-theme="light"]) {
        color-scheme: dark;
        \(dark)
      }
    }
    :root[data-theme="dark"] {
      color-scheme: dark;
      \(dark)
    }

    """

  private static let light = """
    --ground: #fff; --raised: #f6f7f8; --ink: #1b1f23; --soft: #57606a; --rule: #d0d5da; --grid: #e8ebee;
      --band: #f1f4f7; --accent: #0b5cad; --bad: #b3261e; --good: #1a6e4b; --focus: #0b5cad;
      --k0: #0072b2; --k1: #d55e00; --k2: #009e73; --k3: #cc79a7; --k4: #e69f00; --k5: #56b4e9;
      --k6: #8c7a00;
      --k7: #9aa3ab; --k8: #1b1f23; --clean: #b9dcf2; --heat: #0b5cad;
    """

  private static let dark = """
    --ground: #14171a; --raised: #1c2024; --ink: #e3e7ea; --soft: #a0a9b2; --rule: #3a4148; --grid: #262b30;
      --band: #1b2025; --accent: #79b8ff; --bad: #ff8f80; --good: #6fd1a5; --focus: #79b8ff;
      --k0: #4ba3dc; --k1: #f0813a; --k2: #2cc295; --k3: #e0a0c4; --k4: #f2b632; --k5: #8fd0f5;
      --k6: #d6c540;
      --k7: #6b757e; --k8: #e3e7ea; --clean: #31556b; --heat: #79b8ff;
    """

  private static let layout = """
    *, *::before, *::after { box-sizing: border-box; }
    html { -webkit-text-size-adjust: 100%; }
    body { margin: 0 auto; padding: 0 20px 48px; max-width: 1240px; background: var(--ground);
      color: var(--ink);
      font: 14px/1.45 system-ui, -apple-system, "Segoe UI", "Liberation Sans", Arial, sans-serif;
      font-variant-numeric: tabular-nums; overflow-wrap: anywhere; }
    h1 { font-size: 19px; margin: 0; font-weight: 650; }
    h2 { font-size: 16px; margin: 30px 0 8px; padding-top: 8px; border-top: 1px solid var(--rule);
      font-weight: 650; }
    h3 { font-size: 14px; margin: 14px 0 4px; font-weight: 600; }
    p { margin: 6px 0; }
    ul { margin: 0; padding: 0 0 0 18px; }
    header { padding-top: 16px; }
    .title { display: flex; flex-wrap: wrap; gap: 8px 16px; justify-content: space-between;
      align-items: center; }
    .tools, .bar-tools { display: flex; flex-wrap: wrap; gap: 6px; align-items: center; }
    button, select { font: inherit; font-size: 13px; color: inherit; background: var(--raised);
      border: 1px solid var(--rule); border-radius: 4px; padding: 3px 8px; min-height: 28px;
      max-width: 100%; }
    button { cursor: pointer; }
    button:hover, select:hover { border-color: var(--soft); }
    :focus-visible { outline: 2px solid var(--focus); outline-offset: 1px; }
    kbd { font: 12px ui-monospace, "Liberation Mono", monospace; border: 1px solid var(--rule);
      border-radius: 3px; padding: 0 4px; background: var(--raised); }
    dl { display: grid; grid-template-columns: max-content minmax(0, 1fr); gap: 1px 14px; margin: 6px 0;
      font-size: 13px; }
    dt { color: var(--soft); }
    dd { margin: 0; }
    summary { cursor: pointer; }
    .legend, footer { color: var(--soft); font-size: 12px; }
    footer { margin-top: 32px; }
    .verdicts { list-style: none; padding: 0; }
    .verdicts li { padding: 3px 0 3px 12px; border-left: 3px solid var(--rule); margin: 3px 0; }
    .verdicts .bad { border-color: var(--bad); }
    .verdicts .bad b { color: var(--bad); }
    .notes { font-size: 13px; }
    pre { font: 12px/1.4 ui-monospace, "Liberation Mono", monospace; overflow: auto; max-width: 100%;
      margin: 6px 0; padding: 8px; background: var(--raised); border-radius: 4px; overflow-wrap: normal; }

    """

  private static let tables = """
    .box { overflow-x: auto; max-width: 100%; }
    table { border-collapse: collapse; font-size: 13px; }
    th, td { padding: 3px 10px 3px 0; text-align: left; vertical-align: middle; white-space: nowrap;
      overflow-wrap: normal; border-bottom: 1px solid var(--grid); font-weight: 400; }
    thead th { color: var(--soft); border-color: var(--rule); font-size: 12px; }
    .n { text-align: right; }
    .found th { font-weight: 600; }
    tr[aria-current="true"] { background: var(--band); }
    .pick { min-width: 30px; font-variant-numeric: tabular-nums; }
    .ci { min-width: 190px; }
    .ci span { color: var(--soft); margin-left: 8px; font-size: 12px; }
    .track { display: inline-block; position: relative; width: 100px; height: 12px;
      vertical-align: -1px; background: var(--grid); border-radius: 2px; }
    .range { position: absolute; top: 4px; height: 4px; background: var(--accent); opacity: .55;
      border-radius: 2px; }
    .rate { position: absolute; top: 1px; width: 2px; margin-left: -1px; height: 10px;
      background: var(--ink); }
    .trials { white-space: normal; min-width: 150px; line-height: 22px; }
    .t { font: 600 11px/1 ui-monospace, "Liberation Mono", monospace; width: 20px; min-height: 20px;
      height: 20px; padding: 0; margin: 0 1px; border-radius: 10px; background: transparent;
      border: 1px solid var(--good); color: var(--good); vertical-align: middle; }
    .t.oom { background: var(--bad); border-color: var(--bad); color: var(--ground); border-radius: 2px; }
    .t.stalled, .t.hang, .t.panic { background: var(--k8); border-color: var(--k8);
      color: var(--ground); border-radius: 2px; }
    .t.harness-lost, .t.invalid, .t.skipped { border: 1px dashed var(--soft); color: var(--soft);
      border-radius: 2px; }
    .t[aria-pressed="true"] { outline: 2px solid var(--focus); outline-offset: 1px; }
    .control { color: var(--soft); }
    .key { display: flex; flex-wrap: wrap; gap: 2px 14px; font-size: 12px; margin: 4px 0 8px; }
    .sw { display: inline-block; width: 12px; height: 12px; margin-right: 5px; vertical-align: -1px;
      border-radius: 2px; }
    .bars { font-size: 12px; }
    .b { display: grid; gap: 0 10px; align-items: center; padding: 2px 0; }
    .b, .b summary { grid-template-columns: 190px minmax(0, 1fr); }
    details.b { display: block; padding: 1px 0; }
    .b summary { display: grid; gap: 0 10px; align-items: center; list-style: none; }
    .b summary::-webkit-details-marker { display: none; }
    .b p { margin: 2px 0 6px 200px; color: var(--soft); }
    .wide .b { grid-template-columns: 230px minmax(0, 1fr) 270px; }
    .kills .b, .kills .b summary { grid-template-columns: 60px minmax(0, 1fr) 120px; }
    .kills .b p { margin-left: 70px; }
    .bar { position: relative; display: flex; height: 16px; background: var(--grid); border-radius: 2px;
      overflow: hidden; }
    .bar i { height: 100%; flex: none; }
    .bar u { position: absolute; top: 0; bottom: 0; width: 2px; margin-left: -2px;
      background: var(--ink); }
    .r, .none { color: var(--soft); }
    .c0 { background: var(--k0); }
    .c1 { background: var(--k1); }
    .c2 { background: var(--k2); }
    .c3 { background: var(--k3); }
    .c4 { background: var(--k4); }
    .c5 { background: var(--k5); }
    .c6 { background: var(--k6); }
    .c7 { background: var(--k7); }
    .c8, .mu { background: repeating-linear-gradient(45deg, var(--k8) 0 2px, var(--ground) 2px 5px);
      border: 1px solid var(--k8); }
    .m0 { background: var(--k7); }
    .m1 { background: var(--soft); }
    .m2 { background: var(--clean); }
    .m3 { background: var(--k4); }
    .m4 { background: var(--k1); }
    .m5 { background: var(--k3); }
    .m6 { background: var(--k2); }
    .m7 { background: var(--k6); }
    .m8 { background: var(--k0); }
    .m9 { background: var(--k5); }
    .m10 { background: var(--grid); }
    .mx { background: var(--k8); }
    .path path { fill: none; stroke: var(--k0); stroke-width: 1.5; }
    .path .event { stroke: var(--soft); }
    .path .quiet { stroke: var(--soft); stroke-dasharray: 3 3; }

    """

  private static let charts = """
    #plots { position: relative; margin-top: 6px; }
    #readout { position: sticky; top: 0; z-index: 2; background: var(--ground);
      border-bottom: 1px solid var(--rule); padding: 4px 0; font-size: 13px; min-height: 29px; }
    figure { margin: 8px 0 0; }
    figcaption { display: flex; flex-wrap: wrap; gap: 0 14px; font-size: 12px; color: var(--soft);
      align-items: center; }
    figcaption b { color: var(--ink); font-weight: 600; }
    figcaption .v { color: var(--ink); display: inline-block; min-width: 52px; white-space: nowrap; }
    .v[data-chart="memory"], .v[data-chart="dirty"] { min-width: 118px; }
    .v[data-chart="throughput"] { min-width: 80px; }
    .now { flex-basis: 100%; color: var(--ink); height: 1.45em; overflow: hidden; white-space: nowrap;
      text-overflow: ellipsis; }
    figcaption svg { width: 22px; height: 8px; vertical-align: 1px; margin-right: 4px; }
    .plot { display: block; width: 100%; touch-action: pan-y; cursor: crosshair; user-select: none;
      -webkit-user-select: none; }
    .plot text { font: 11px system-ui, -apple-system, "Segoe UI", "Liberation Sans", Arial, sans-serif;
      fill: var(--soft); font-variant-numeric: tabular-nums; paint-order: stroke; stroke: var(--ground);
      stroke-width: 2.5px; }
    .plot .flag-text, .plot .on-tile, .plot .on-light { stroke: none; }
    .plot .frame { fill: none; stroke: var(--rule); }
    .plot .grid { stroke: var(--grid); }
    .plot .band { fill: var(--band); }
    .plot .cursor { stroke: var(--ink); stroke-width: 1; }
    .plot .kill { stroke: var(--bad); stroke-width: 1.5; }
    .plot .flag { fill: var(--bad); }
    .plot .flag-text { fill: var(--ground); font-weight: 700; }
    .plot .moment { stroke: var(--soft); stroke-dasharray: 2 3; }
    .plot .limit { stroke: var(--ink); stroke-dasharray: 6 3; fill: none; }
    .plot .drag { fill: var(--accent); opacity: .15; }
    .line { fill: none; stroke-width: 1.5; }
    .area { stroke: none; opacity: .3; }
    .s0 { stroke: var(--k0); }
    .s1 { stroke: var(--k1); }
    .s2 { stroke: var(--k2); }
    .s3 { stroke: var(--k3); }
    .s4 { stroke: var(--k4); }
    .s5 { stroke: var(--k5); }
    .s6 { stroke: var(--k6); }
    .s7 { stroke: var(--k7); }
    .f0 { fill: var(--k0); }
    .f1 { fill: var(--k1); }
    .f2 { fill: var(--k2); }
    .f3 { fill: var(--k3); }
    .f4 { fill: var(--k4); }
    .f5 { fill: var(--k5); }
    .f6 { fill: var(--k6); }
    .f7 { fill: var(--k7); }
    .f8 { fill: var(--ground); stroke: var(--k8); }
    .tile { fill: var(--heat); }
    .plot .on-tile { fill: var(--ground); }
    .plot .on-light { fill: var(--ink); }
    .open-op { fill: none; stroke: var(--bad); stroke-width: 1.5; }
    .which { display: none; margin: 6px 0 0; }
    .figures { display: flex; flex-wrap: wrap; gap: 2px 18px; font-size: 13px; margin: 6px 0; }
    .figures span { color: var(--soft); }
    .why { font: 12px/1.45 ui-monospace, "Liberation Mono", monospace; white-space: pre-wrap;
      margin: 8px 0 0; padding: 8px; }
    dialog { color: var(--ink); background: var(--ground); border: 1px solid var(--rule);
      border-radius: 6px; max-width: min(520px, 92vw); }
    dialog::backdrop { background: #0006; }
    dialog dl { font-size: 14px; }

    """

  private static let narrow = """
    @media screen and (max-width: 760px) {
      body { padding: 0 12px 40px; }
      .wide .b, .kills .b, .kills .b summary { grid-template-columns: minmax(0, 1fr); }
      .b, .b summary { grid-template-columns: minmax(0, 1fr); }
      .b p, .kills .b p { margin-left: 0; }
      dl { grid-template-columns: minmax(0, 1fr); }
      dd { margin-bottom: 4px; }
      .now { height: 4.4em; white-space: normal; }
      .t { width: 26px; min-height: 26px; height: 26px; border-radius: 13px; margin: 1px; }
      .trials { min-width: 200px; }
    }

    """

  private static let paper = """
    @media print {
      :root, :root[data-theme="dark"], :root:not([data-theme="light"]) {
        color-scheme: light;
        \(light)
      }
      body { max-width: none; padding: 0; font-size: 10pt; }
      .tools, .bar-tools, #readout, .now, .v, dialog, .cursor { display: none !important; }
      .which { display: block; font-weight: 600; }
      #kind { appearance: none; border: 0; padding: 0; background: none; font-weight: 600; }
      .box, pre { overflow: visible; }
      pre { white-space: pre-wrap; }
      .cells { font-size: 8pt; }
      .cells th, .cells td { padding-right: 5px; white-space: normal; }
      .ci { min-width: 0; }
      .trials { min-width: 96px; line-height: 15px; }
      .t { width: 14px; min-height: 14px; height: 14px; margin: 0; border-radius: 7px; }
      .pick { border: 0; min-width: 0; padding: 0; background: none; }
      .track { width: 70px; }
      figure, .b, tr, li { break-inside: avoid; }
      h2, h3 { break-after: avoid; }
      i, .t { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
    }
    """
}
