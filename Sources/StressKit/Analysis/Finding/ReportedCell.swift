// SPDX-License-Identifier: Apache-2.0
import StressCore
import StressRecord

/// The cell that a report to a mailing list is about, and what it is held against.
package struct ReportedCell: Sendable {
  /// Why it is this one.
  package enum Reason: Sendable, Equatable {
    case named
    /// The worst of a regression, its own or one that is pooled over several.
    case regression
    case mostKills
  }

  /// From 0.
  package let index: Int
  package let reason: Reason
  /// In which the cell is the new arm; nil: it is held against nothing.
  package let comparison: Comparison?
  /// The command's, its controls considered; nil: it refuses to say.
  package let call: Verdict.Call?
  /// What the comparison is a stratum of; nil: of none.
  package let pooled: PooledComparison?
  /// The command's call of all strata together; nil: there is none.
  package let pooledCall: Verdict.Call?
  /// All comparisons of the campaign, and what stands in their way.
  package let comparisons: CampaignComparison?
  package let obstacle: HarnessError?

  /// A regression from one kernel to another, shown by the cell, or by several together where it is open by itself.
  package var isKernelRegression: Bool {
    let isShown = call == .regression || call == .inconclusive && pooledCall == .regression
    guard isShown, let axis = comparison?.cells.axis else { return false }
    return axis.key == CampaignFile.kernelKey || axis.rebuilt
  }
}

extension CampaignAnalysis {
  /// A cell as one of its trials ran: where a threshold is looked for, each has a value of its own.
  ///
  /// - Parameter index: from 0.
  package func cell(_ index: Int, asRun record: RecordReader) -> CellSummary {
    var cell = summary.cells[index]
    if summary.threshold != nil, let json = record.first(HeaderLine.self)?.plan?.profile,
      let profile = try? Profile(json: json, name: directory)
    {
      cell.profile = profile
    }
    return cell
  }

  /// What a report is about: the cell that is named, else the worst regression, else the one with most kills.
  ///
  /// - Parameters:
  ///   - cell: index from 0; nil: what suggests itself.
  ///   - request: what `comparison(_:)` takes.
  /// - Throws: when nothing went wrong and no cell is named (code usage), or what is asked for cannot be compared.
  package func reportedCell(
    _ cell: Int?, _ request: ComparisonChoice.Request
  ) throws(HarnessError) -> ReportedCell {
    let isAsked = request.axis != nil
    var found: CampaignComparison?
    var obstacle: HarnessError?
    do throws(HarnessError) { found = try comparison(request) } catch {
      if isAsked { throw error }
      obstacle = error
    }
    let made = found
    func reported(_ index: Int, _ reason: ReportedCell.Reason) -> ReportedCell {
      let own = made?.comparisons.firstIndex { $0.cells.new.axes == summary.cells[index].axes }
      let comparison = own.flatMap { made?.comparisons[$0] }
      let pooled = own.flatMap { made?.pooled(of: $0) }
      return ReportedCell(
        index: index, reason: reason, comparison: comparison,
        call: comparison.flatMap { made?.call($0) }, pooled: pooled,
        pooledCall: made?.anytime.flatMap { made?.call($0) } ?? pooled.flatMap { made?.call($0) },
        comparisons: made, obstacle: obstacle)
    }
    if let cell {
      guard summary.cells.indices.contains(cell) else {
        throw HarnessError(
          .usage, directory, "has no cell \(cell + 1)",
          remedy: "name one of 1 to \(summary.cells.count)")
      }
      return reported(cell, .named)
    }
    if let worst = made.flatMap(worstRegression),
      let index = summary.cells.firstIndex(where: { $0.axes == worst.cells.new.axes })
    {
      return reported(index, .regression)
    }
    let failures = summary.cells.map { $0.counted.count(where: \.hasFailed) }
    if let most = failures.max(), most > 0, let index = failures.firstIndex(of: most) {
      return reported(index, .mostKills)
    }
    throw nothingToReport()
  }

  private func worstRegression(_ comparison: CampaignComparison) -> Comparison? {
    func points(_ one: Comparison) -> Double {
      one.verdict?.results.first { $0.measurement.endpoint.name == Measure.failed.rawValue }?
        .measurement.change?.estimate ?? 0
    }
    let single = comparison.comparisons.filter { comparison.call($0) == .regression }
    let strata = comparison.pooled.filter { comparison.call($0) == .regression }
      .flatMap { $0.strata.map { comparison.comparisons[$0] } }
    if single.isEmpty, comparison.anytime.map(comparison.call) == .regression {
      return comparison.comparisons.max { points($0) < points($1) }
    }
    return (single.isEmpty ? strata : single).max { points($0) < points($1) }
  }

  private func nothingToReport() -> HarnessError {
    let trials = summary.cells.reduce(0) { $0 + $1.counted.count }
    let longest = summary.cells.enumerated().compactMap { index, cell in
      cell.counted.compactMap(\.longestWrite).max().map { (index: index, time: $0) }
    }.max { $0.time < $1.time }
    return HarnessError(
      .usage, directory,
      "has nothing to report: no kill, no hang and no regression in \(trials) trials",
      remedy: longest.map {
        "to report a stall name its cell: --cell \($0.index + 1) has the longest write, "
          + "\(Int(($0.time / 1e6).rounded())) ms"
      })
  }
}

extension CellSummary {
  /// The trial that stands for the cell in a report: the first with a kill or a hang, else the one with the longest
  /// write; nil: none counts.
  package var typicalTrial: TrialSummary? {
    counted.first(where: \.hasKill) ?? counted.first(where: \.hasFailed)
      ?? counted.max { ($0.longestWrite ?? 0) < ($1.longestWrite ?? 0) }
  }
}
