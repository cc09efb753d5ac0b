// SPDX-License-Identifier: Apache-2.0
import StressCore
import StressRecord

/// The variants of a profile, best first: those in which no pin was killed, then those in which nothing else was, then
/// by how long the tasks waited, then by the streams' speed. Cells that differ in other axes than the variant and the
/// kernel are taken together.
package struct VariantRanking: Sendable {
  /// One variant's trials that count.
  package struct Row: Sendable {
    package var variant: String
    /// Trials in which a pin was killed, and those in which something else was, of all.
    package var pinsKilled: Proportion
    package var othersKilled: Proportion
    /// The largest p99 of a task's operations of one kind, median over trials, ns; nil: no task has any.
    package var wait: Double?
    /// Bytes per second, median over trials; nil: none is known.
    package var throughput: Double?
  }

  /// As asked for; nil: there is but one.
  package var kernel: String?
  package var rows: [Row]

  /// Fewer variants need no order.
  private static let fewest = 3

  /// One for each kernel; empty: the campaign is not of variants.
  package static func all(_ cells: [CellSummary]) -> [VariantRanking] {
    func value(_ key: String, _ cell: CellSummary) -> String? {
      cell.axes.first { $0.key == key }?.value
    }
    func values(_ key: String) -> [String] {
      cells.compactMap { value(key, $0) }.reduce(into: []) { if !$0.contains($1) { $0.append($1) } }
    }
    let variants = values(CampaignFile.variantKey)
    if variants.count < fewest { return [] }
    let kernels = values(CampaignFile.kernelKey)
    return (kernels.count > 1 ? kernels.map { $0 } : [nil]).map { (kernel: String?) in
      let own = cells.filter { kernel == nil || value(CampaignFile.kernelKey, $0) == kernel }
      let rows = variants.compactMap { variant -> Row? in
        let same = own.filter { value(CampaignFile.variantKey, $0) == variant }
        return row(variant, same)
      }
      return VariantRanking(kernel: kernel, rows: rows.sorted(by: precedes))
    }.filter { !$0.rows.isEmpty }
  }

  private static func row(_ variant: String, _ cells: [CellSummary]) -> Row? {
    let trials = cells.flatMap(\.counted)
    guard let profile = cells.first?.profile, !trials.isEmpty else { return nil }
    let pins = Set(profile.pinned.map(\.name))
    let tasks = profile.tasks.map(\.name)
    /// A kill whose victim is not known is nobody's pin.
    func killed(_ trial: TrialSummary, pin: Bool) -> Bool {
      let victims = trial.killStamps.map { $0.worker.map(pins.contains) ?? false }
      return victims.contains(pin) || (!pin && victims.isEmpty && trial.hasKill)
    }
    func wait(_ trial: TrialSummary) -> Double? {
      tasks.flatMap { Array((trial.workerLatencies[$0] ?? [:]).values) }
        .compactMap { $0.value(at: .p99) }.max()
    }
    return Row(
      variant: variant,
      pinsKilled: Proportion(trials.count { killed($0, pin: true) }, of: trials.count),
      othersKilled: Proportion(trials.count { killed($0, pin: false) }, of: trials.count),
      wait: OrderedSample(trials.compactMap(wait)).median,
      throughput: OrderedSample(trials.compactMap(\.throughput)).median)
  }

  private static func precedes(_ a: Row, _ b: Row) -> Bool {
    func share(_ killed: Proportion) -> Double { Double(killed.events) / Double(killed.trials) }
    let kills = (share(a.pinsKilled), share(a.othersKilled))
    let others = (share(b.pinsKilled), share(b.othersKilled))
    if kills != others { return kills < others }
    return (a.wait ?? .infinity, -(a.throughput ?? 0)) < (b.wait ?? .infinity, -(b.throughput ?? 0))
  }
}
