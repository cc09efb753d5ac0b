// SPDX-License-Identifier: Apache-2.0
import StressAnalysis
import StressCore

/// What the campaign's other cells say, and what nobody has tried.
struct MailRuledOut {
  private let told: MailCase

  init(_ told: MailCase) { self.told = told }

  var text: MailText {
    var text = MailText()
    for neighbour in told.others.neighbours { text.item(Self.words(neighbour, told)) }
    if told.others.neighbours.isEmpty {
      text.item("the campaign has no other cell that differs in one thing only")
    }
    text.item("not tested: " + untested.joined(separator: ", "))
    return text
  }

  private static func words(_ neighbour: OtherCells.Neighbour, _ told: MailCase) -> String {
    let own = told.cell.value(of: neighbour.axis) ?? "?"
    let name = "\(neighbour.axis) \(neighbour.value)"
    let rate =
      "\(MailCase.ratio(neighbour.failed)) runs fail, \(MailCase.interval(neighbour.failed))"
    if let control = neighbour.control { return "\(name), a \(control.rawValue) control: \(rate)" }
    let here = told.failed.events > 0
    let there = neighbour.failed.events > 0
    let meaning =
      here && there
      ? "it is not \(own) alone" : here ? "with it nothing of the kind" : "only there"
    return "\(name): \(rate): \(meaning)"
  }

  /// What a maintainer asks next, as far as no cell answers it.
  private var untested: [String] {
    let cells = told.campaign.summary.cells
    let profiles = cells.map(\.profile)
    var rest: [String] = []
    let kinds = Set(profiles.map(\.filesystem.kind))
    rest += Profile.Filesystem.Kind.common.filter { !kinds.contains($0) }.map(\.rawValue)
    let states = Set(
      cells.flatMap { $0.counted.compactMap(\.lruGen) }.map { !["0x0000", "absent"].contains($0) })
    if !states.contains(true) { rest.append("MGLRU") }
    if !states.contains(false) || !isVaried("lru_gen") {
      rest.append("the other LRU on the same kernel (--vary lru_gen=on,off)")
    }
    let engines = Set(profiles.flatMap { $0.streams.map(\.engine) })
    rest += Profile.Stream.Action.write.engines.filter { !engines.contains($0) }
      .map { "writes by \($0.rawValue)" }
    if profiles.allSatisfy({ $0.machine.swap + $0.machine.zram == 0 }) { rest.append("swap") }
    if !isVaried("vm.dirty_bytes") { rest.append("a small vm.dirty_bytes") }
    if told.environment.accelerator == "tcg" { rest.append("real or virtualised CPUs") }
    rest.append("the latest mainline, unless it is one of the kernels above")
    return rest
  }

  private func isVaried(_ key: String) -> Bool {
    let wanted = (try? ProfileFile.canonicalKey(key)) ?? key
    let axes = told.cell.axes.map(\.key).filter {
      $0 == key || (try? ProfileFile.canonicalKey($0)) == wanted
    }
    return axes.contains { axis in
      Set(told.campaign.summary.cells.compactMap { $0.value(of: axis) }).count > 1
    }
  }
}
