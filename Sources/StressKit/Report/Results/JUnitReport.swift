// SPDX-License-Identifier: Apache-2.0
import StressAnalysis

/// A campaign's results as JUnit XML: a test suite for each cell, with the properties that xfstests'
/// `check -R xunit` writes (common/report), and a test case for each trial.
package struct JUnitReport {
  private let label: String
  private let results: [CellResult]

  package init(_ label: String, _ results: [CellResult]) {
    self.label = label
    self.results = results
  }

  package var text: String {
    let counts = Counts(results.flatMap(\.trials))
    let suites = results.map(suite)
    let attributes = XMLText.attributes([
      "name": "wbstress.\(label)", "tests": "\(counts.tests)", "failures": "\(counts.failures)",
      "errors": "\(counts.errors)",
      "time": Self.seconds(results.compactMap(\.duration).reduce(0, +)),
    ])
    return
      (["<?xml version=\"1.0\" encoding=\"UTF-8\"?>", "<testsuites\(attributes)>"]
      + suites.flatMap { $0 } + ["</testsuites>"]).joined(separator: "\n") + "\n"
  }

  private struct Counts {
    var tests, failures, errors, skipped: Int

    init(_ trials: [TrialResult]) {
      func count(_ status: TrialResult.Status...) -> Int {
        trials.count { status.contains($0.status) }
      }
      tests = trials.count
      failures = count(.failed)
      errors = count(.error)
      // JUnit knows of no other way to say that a test was not run.
      skipped = count(.skipped, .missing)
    }
  }

  private static func seconds(_ seconds: Double) -> String { Format.fixed(seconds, 3) }

  private func suite(_ cell: CellResult) -> [String] {
    let counts = Counts(cell.trials)
    let began = cell.trials.compactMap { $0.trial?.began }.min()
    let attributes = XMLText.attributes([
      "name": "\(label) \(cell.name)", "package": "wbstress.\(label)", "id": "\(cell.index)",
      // Whose machine it was is nobody's business.
      "hostname": "localhost", "timestamp": began.flatMap(UTCTime.text),
      "tests": "\(counts.tests)", "failures": "\(counts.failures)", "errors": "\(counts.errors)",
      "skipped": "\(counts.skipped)", "time": Self.seconds(cell.duration ?? 0),
    ])
    let properties = Self.properties(cell).map { name, value in
      "      <property\(XMLText.attributes(["name": name, "value": value]))/>"
    }
    return ["  <testsuite\(attributes)>", "    <properties>"] + properties + ["    </properties>"]
      + cell.trials.flatMap { self.testCase($0, of: cell) } + ["  </testsuite>"]
  }

  private func testCase(_ trial: TrialResult, of cell: CellResult) -> [String] {
    let attributes = XMLText.attributes([
      // Readers divide it at its dots.
      "classname": "wbstress.\(label).\(cell.name.replacing(".", with: "_"))",
      "name": "trial-\(trial.number)",
      "time": Self.seconds(trial.trial?.duration ?? 0),
    ])
    let message = XMLText.attributes(["message": trial.reason])
    var children: [String] = []
    switch trial.status {
    case .passed, .measured: break
    case .failed: children.append("<failure\(message) type=\"TestFail\"/>")
    case .error: children.append("<error\(message) type=\"TestError\"/>")
    case .skipped, .missing: children.append("<skipped\(message)/>")
    }
    let lines = [trial.endingLine].compactMap(\.self) + trial.checkLines
    if !lines.isEmpty {
      let text = lines.map(XMLText.escaped).joined(separator: "\n")
      children.append("<system-out>\(text)</system-out>")
    }
    if children.isEmpty { return ["    <testcase\(attributes)/>"] }
    return ["    <testcase\(attributes)>"] + children.map { "      " + $0 } + ["    </testcase>"]
  }

  /// Under the names that xfstests gives them; what the records do not tell is left out. Then the axes.
  private static func properties(_ cell: CellResult) -> [(String, String)] {
    let profile = cell.cell.profile
    let facts = cell.cell.trials.first?.facts
    let memory = facts?.value(of: "MemTotal")?.split(separator: " ").first.map(String.init)
    let known: [(String, String?)] = [
      ("FSTYP", profile.filesystem.kind.rawValue), ("MKFS_OPTIONS", facts?.value(of: "mkfs")),
      ("MOUNT_OPTIONS", facts?.value(of: "mount")), ("KERNEL", facts?.value(of: "release")),
      ("CPUS", facts?.value(of: "cpus")), ("MEM_KB", memory),
      ("SWAP_KB", facts == nil ? nil : "\(profile.machine.swap >> 10)"),
      ("NUMA_NODES", "\(profile.machine.nodes)"),
      ("SCRATCH_DEV_SIZE_KB", "\(profile.device.size >> 10)"),
      ("ACCELERATOR", facts?.value(of: "accelerator")),
      ("KILLED", cell.killedLine),
    ]
    return known.compactMap { name, value in value.map { (name, $0) } }
      + cell.cell.axes.map { ("axis.\($0.key)", $0.value) }
  }
}
