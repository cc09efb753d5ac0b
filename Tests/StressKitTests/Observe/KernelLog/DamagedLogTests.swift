// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import StressAnalysis
@testable import StressCore
@testable import StressRecord

/// The public cases wrapped, quoted, cut and woven into each other: whatever a report says then, the whole log says
/// too, or it says nothing.
struct DamagedLogTests {
  private static let names = OOMCasesTests.expected.keys.sorted()
  /// Of each kind and case; all kinds together make a thousand.
  private static let repeats = 14

  enum Damage: CaseIterable {
    case wrapped, narrow, cutEnds, woven
  }

  @Test(arguments: names)
  func aDamagedLogSaysNothingWrong(_ name: String) throws {
    let whole = try SavedLog.records("cases/oom/\(name).txt")
    let originals = OOMReportParser.reports(in: whole)
    for damage in Damage.allCases {
      for seed in 0..<Self.repeats {
        var random = SplitMix64(seed: UInt64(seed) &* 1000 &+ UInt64(name.utf8.count))
        let tools: [LogForm.Tool] = [.dmesg, .journal, .dmesgT, .syslog, .dmesgX]
        let tool = tools.randomElement(using: &random) ?? .dmesg
        var known = originals
        let bytes: [UInt8]
        switch damage {
        case .wrapped:
          let text = String(decoding: LogForm(tool: tool).bytes(whole), as: UTF8.self)
          bytes = Array(
            LogForm.mailed(
              text, width: .random(in: 66...120, using: &random),
              quotes: .random(in: 0...2, using: &random)
            ).utf8)
        case .narrow:
          let text = String(decoding: LogForm(tool: tool).bytes(whole), as: UTF8.self)
          bytes = Array(LogForm.narrow(text, width: .random(in: 80...140, using: &random)).utf8)
        case .cutEnds:
          let all = LogForm(tool: tool).bytes(whole)
          let from = Int.random(in: 0..<all.count / 2, using: &random)
          let until = Int.random(in: all.count / 2..<all.count, using: &random)
          bytes = Array(all[from..<until])
        case .woven:
          let other = try #require(Self.names.randomElement(using: &random))
          let others = try SavedLog.records("cases/oom/\(other).txt")
          known += OOMReportParser.reports(in: others)
          let mixed = Self.woven(whole, others, &random)
          bytes = LogForm(tool: .dmesgWithCallers).bytes(mixed)
        }
        let reports = OOMReportParser.reports(in: SavedLog.messages(bytes).map(\.record))
        for report in reports {
          let faults = known.map { Self.faults(report, $0) }
          let least = faults.min { $0.count < $1.count } ?? []
          #expect(
            least.isEmpty, "\(name), \(damage), seed \(seed), \(tool.rawValue): \(least)")
        }
        // Nothing else may fall over it either.
        var builder = LogAutopsyBuilder()
        for message in SavedLog.messages(bytes) { builder.feed(message) }
        _ = builder.finish()
      }
    }
  }

  /// Two CPUs print at the same time, each line by its caller's id.
  private static func woven(
    _ a: [KernelLogRecord], _ b: [KernelLogRecord], _ random: inout SplitMix64
  ) -> [KernelLogRecord] {
    var (a, b) = (a[...], b[...])
    var mixed: [KernelLogRecord] = []
    while !a.isEmpty || !b.isEmpty {
      let isA = b.isEmpty || (!a.isEmpty && Bool.random(using: &random))
      var record = isA ? a.removeFirst() : b.removeFirst()
      record.caller = isA ? "T101" : "T202"
      mixed.append(record)
    }
    return mixed
  }

  /// What one report says and the other does not.
  private static func faults(_ report: OOMReport, _ original: OOMReport) -> [String] {
    var faults: [String] = []
    func same<V: Equatable>(_ what: String, _ path: KeyPath<OOMReport, V?>) {
      guard let value = report[keyPath: path] else { return }
      if value != original[keyPath: path] {
        faults.append("\(what): \(value), not \(original[keyPath: path].map { "\($0)" } ?? "told")")
      }
    }
    same("invoker", \.invoker)
    same("invoker's pid", \.invokerPID)
    same("invoker's oom_score_adj", \.invokerScoreAdj)
    same("gfp_mask", \.gfpMask)
    same("order", \.order)
    same("chosen", \.chosenPID)
    same("global", \.global)
    same("usage", \.usage)
    same("limit", \.limit)
    same("failcnt", \.failcnt)
    same("swap usage", \.swapUsage)
    same("swap limit", \.swapLimit)
    same("page size", \.pageSize)
    for figure in report.memory where original[figure.key] != figure.value {
      faults.append(
        "\(figure.key): \(figure.value), not \(original[figure.key].map { "\($0)" } ?? "told")")
    }
    for victim in report.victims {
      guard let known = original.victims.first(where: { $0.pid == victim.pid }) else {
        faults.append("victim \(victim.pid)")
        continue
      }
      func same<V: Equatable>(_ what: String, _ path: KeyPath<OOMReport.Victim, V?>) {
        guard let value = victim[keyPath: path], value != known[keyPath: path] else { return }
        faults.append("\(what) of \(victim.pid): \(value)")
      }
      same("anon-rss", \.anonRSS)
      same("file-rss", \.fileRSS)
      same("total-vm", \.totalVM)
      same("UID", \.uid)
      same("pgtables", \.pageTables)
      same("oom_score_adj", \.oomScoreAdj)
    }
    for row in report.tasks {
      guard let known = original.tasks.first(where: { $0.pid == row.pid }) else {
        faults.append("row \(row.pid)")
        continue
      }
      func same<V: Equatable>(_ what: String, _ path: KeyPath<OOMReport.TaskRow, V?>) {
        guard let value = row[keyPath: path], value != known[keyPath: path] else { return }
        faults.append("\(what) of row \(row.pid): \(value)")
      }
      same("total_vm", \.totalVM)
      same("rss", \.rss)
      same("swapents", \.swap)
      same("oom_score_adj", \.oomScoreAdj)
    }
    return faults
  }
}
