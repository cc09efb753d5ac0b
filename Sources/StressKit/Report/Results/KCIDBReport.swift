// SPDX-License-Identifier: Apache-2.0
import StressAnalysis
import StressCore
import StressRecord

/// A campaign's results as KCIDB reports, schema 5.3 (https://docs.kernelci.org/kcidb): a checkout and a
/// build for each kernel, a test for each trial. To be sent by the submitter, with an origin of his own.
package struct KCIDBReport {
  /// The submitter, as KCIDB calls it: `^[a-z0-9_]+$`.
  package static let origin = "wbstress"

  private let summary: CampaignSummary
  private let results: [CellResult]

  package init(_ summary: CampaignSummary, _ results: [CellResult]) {
    self.summary = summary
    self.results = results
  }

  package var json: JSON {
    var releases: [String] = []
    for release in results.map(Self.release) where !releases.contains(release) {
      releases.append(release)
    }
    return [
      "version": ["major": 5, "minor": 3],
      "checkouts": .array(releases.map(checkout)), "builds": .array(releases.map(build)),
      "tests": .array(results.flatMap { cell in cell.trials.map { test($0, of: cell) } }),
    ]
  }

  /// The cell's kernel: the release that ran, or, before any has, the name that it was asked for by.
  private static func release(_ cell: CellResult) -> String {
    cell.cell.trials.map(\.release).first { $0 != "?" }
      ?? cell.cell.axes.first { $0.key == CampaignFile.kernelKey }?.value ?? "unknown"
  }

  private static func id(_ parts: String...) -> JSON {
    .string("\(origin):" + clean(parts.joined(separator: ":")))
  }

  /// The schema has no NUL.
  private static func clean(_ text: String) -> String { text.replacing("\0", with: "\u{fffd}") }

  private static func text(_ text: String?) -> JSON { .optional(text.map(clean)) }

  /// Of which commit a kernel is only the record of one that was built here tells: for others `git_commit_hash` is the
  /// submitter's to add, as it is with changes, which have no name that others know.
  private func checkout(_ release: String) -> JSON {
    let facts = results.first { Self.release($0) == release }?.cell.trials.first?.facts
    let commit = facts?.value(of: "build.changes") == nil ? facts?.value(of: "build.commit") : nil
    return Self.object([
      ("id", Self.id(release)), ("origin", .string(Self.origin)),
      ("comment", Self.text("kernel \(release)")), ("git_commit_hash", Self.text(commit)),
    ])
  }

  private func build(_ release: String) -> JSON {
    let trials = results.filter { Self.release($0) == release }.flatMap(\.cell.trials)
    let facts = trials.first?.facts
    return Self.object([
      ("id", Self.id(release, "build")), ("checkout_id", Self.id(release)),
      ("origin", .string(Self.origin)), ("comment", Self.text(facts?.value(of: "version"))),
      (
        "misc",
        Self.object([
          ("package", Self.text(facts?.value(of: "package"))),
          ("image", Self.text(facts?.value(of: "kernel image"))),
        ])
      ),
    ])
  }

  private func test(_ result: TrialResult, of cell: CellResult) -> JSON {
    let release = Self.release(cell)
    let name = "\(cell.index + 1)-\(result.number)"
    let trial = result.trial
    let lines = [result.reason, result.endingLine].compactMap(\.self) + result.checkLines
    let counted = trial.flatMap { $0.ending.outcome.counts ? $0.throughput : nil }
    let number = counted.map { value -> JSON in
      ["value": .number(value), "unit": "B/s", "prefix": "binary"]
    }
    return Self.object([
      ("id", Self.id(summary.label, "\(summary.seed)", name)),
      ("build_id", Self.id(release, "build")), ("origin", .string(Self.origin)),
      ("path", .string(path(cell))), ("comment", Self.text("\(cell.name), trial \(result.number)")),
      ("status", .string(Self.status(result))),
      ("start_time", .optional(trial?.began.flatMap(UTCTime.text).map { $0 + "Z" })),
      ("duration", .number(trial?.duration)), ("number", number ?? .null),
      // The schema's maxLength counts characters.
      ("log_excerpt", Self.text(String(lines.joined(separator: "\n").prefix(16384)))),
      ("environment", environment(trial)), ("misc", misc(result, cell)),
    ])
  }

  /// The kernel's fault is FAIL, a trial that could not be carried out ERROR; one that never came to it MISS.
  private static func status(_ result: TrialResult) -> String {
    switch result.status {
    case .passed: "PASS"
    case .failed: "FAIL"
    case .measured: "DONE"
    case .skipped: "SKIP"
    case .missing: "MISS"
    case .error:
      result.trial?.ending.outcome == .harnessLost
        || result.trial?.ending.reason == "boot-failure" ? "MISS" : "ERROR"
    }
  }

  /// Dots separate a path's components: there is none within an axis's value.
  private func path(_ cell: CellResult) -> String {
    let parts =
      ["wbstress", summary.label]
      + cell.cell.axes.filter { $0.key != CampaignFile.kernelKey }.map(\.value)
    return parts.map { part in
      String(
        decoding: part.utf8.map { byte in
          switch byte {
          case 0x30...0x39, 0x41...0x5a, 0x61...0x7a, UInt8(ascii: "-"): byte
          default: UInt8(ascii: "_")
          }
        }, as: UTF8.self)
    }.filter { !$0.isEmpty }.joined(separator: ".")
  }

  private func environment(_ trial: TrialSummary?) -> JSON {
    guard let trial else { return .null }
    let place = trial.isLocal ? "a machine" : "a QEMU guest (\(trial.accelerator))"
    return Self.object([
      ("comment", Self.text([place, trial.machine].compactMap(\.self).joined(separator: ", ")))
    ])
  }

  private func misc(_ result: TrialResult, _ cell: CellResult) -> JSON {
    .object([
      ("axes", .object(cell.cell.axes.map { ($0.key, Self.text($0.value)) })),
      ("outcome", Self.text(result.trial?.ending.outcome.rawValue)),
      ("oom_kills", result.trial.map { .int(Int64($0.kills.most)) } ?? .null),
      ("checks", .array(result.checks.map(JSONReport.check))),
    ])
  }

  /// An object without the members that are null: the schema has none.
  private static func object(_ members: [(String, JSON)]) -> JSON {
    .object(members.filter { $0.1 != .null }.map { (key: $0.0, value: $0.1) })
  }
}
