// SPDX-License-Identifier: Apache-2.0
import StressAnalysis

/// What memory consisted of at each kill: a bar for every one, cell by cell.
struct PageKills {
  private let cells: [PageCell]

  init(_ cells: [PageCell]) { self.cells = cells }

  var markup: Markup {
    let bars = cells.map(section)
    let none = cells.filter { cell in cell.trials.allSatisfy(\.diagnosis.autopsies.isEmpty) }
    let killed = none.count < cells.count
    let key: Markup = killed ? "<p class=\"key\">\(Self.key)</p>" : ""
    let rest: Markup =
      none.isEmpty
      ? "" : "<p>No OOM kill in \(none.map { "#\($0.index + 1)" }.joined(separator: ", ")).</p>"
    let rule: Markup = killed ? "<p class=\"legend\">\(Self.legend)</p>" : ""
    return """
      <section aria-labelledby="h-kills"><h2 id="h-kills">Memory at each OOM kill</h2>
      \(key)\(bars)\(rest)\(rule)</section>
      """
  }

  private static let legend =
    "By the kernel's own dump. The line in each bar is the limit; \(OOMFinding.rule)"

  /// Those that are told apart by colour; what is left is drawn in grey.
  private static let coloured: [OOMComposition.Part] = [
    .anon, .locked, .fileClean, .fileDirty, .fileWriteback, .shmem, .slabReclaimable,
    .slabUnreclaimable, .kernelStack, .pageTables, .free,
  ]

  private static func style(_ part: OOMComposition.Part) -> String {
    coloured.firstIndex(of: part).map { "m\($0)" } ?? "mx"
  }

  private static var key: [Markup] {
    coloured.map { "<span><i class=\"sw \(style($0))\"></i>\($0.rawValue)</span> " as Markup } + [
      "<span><i class=\"sw mx\"></i>other kernel, sockets, swap cache</span> ",
      "<span><i class=\"sw mu\"></i>unaccounted</span>",
    ]
  }

  private func section(_ cell: PageCell) -> Markup {
    let kills = cell.trials.flatMap { trial in
      trial.diagnosis.autopsies.map { (trial.number, $0) }
    }
    if kills.isEmpty { return "" }
    let largest = kills.compactMap { $0.1.memory }.map { max($0.total, $0.limit ?? 0) }.max() ?? 1
    return """
      <h3>\(cell.name)</h3>
      <div class="bars kills">\(kills.map { Self.bar($0, $1, largest) })</div>

      """
  }

  private static func bar(_ trial: Int, _ autopsy: OOMAutopsy, _ largest: Int64) -> Markup {
    let label: Markup = "<span class=\"l\">trial \(trial)</span>"
    let finding: Markup = "<span>\(autopsy.finding.name)</span>"
    guard let memory = autopsy.memory else {
      return """
        <div class="b">\(label)<span class="none">\(autopsy.finding.why ?? "not told")</span>\
        \(finding)</div>

        """
    }
    func share(_ bytes: Int64) -> Double { Double(bytes) / Double(max(1, largest)) }
    func piece(_ style: String, _ name: String, _ bytes: Int64) -> Markup {
      bytes <= 0
        ? ""
        : "<i class=\"\(style)\" style=\"width:\(percent: share(bytes))\" title=\"\(text(name, bytes))\"></i>"
    }
    let parts = OOMComposition.Part.allCases.map { part in
      piece(style(part), part.rawValue, memory[part])
    }
    let limit: Markup = memory.limit.map { "<u style=\"left:\(percent: share($0))\"></u>" } ?? ""
    let told =
      OOMComposition.Part.allCases.filter { memory[$0] != 0 }
      .map { text($0.rawValue, memory[$0]) } + [text("unaccounted", memory.unaccounted)]
    let against = memory.limit.map { "\($0 >> 10) KiB" } ?? "not told"
    return """
      <details class="b"><summary>\(label)<span class="bar">\(parts)\
      \(piece("mu", "unaccounted", memory.unaccounted))\(limit)</span>\(finding)</summary>
      <p>\(told.joined(separator: ", ")); limit \(against); finding: \(autopsy.finding.text)</p></details>

      """
  }

  private static func text(_ name: String, _ bytes: Int64) -> String {
    "\(name) \(bytes / 1024) KiB"
  }
}
