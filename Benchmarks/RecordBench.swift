// SPDX-License-Identifier: Apache-2.0
import Glibc
import StressAnalysis
import StressCore
import StressMachine
import StressRecord
import StressReport

/// What reading records back costs: CPU time and peak memory of `wbstress report` and of `wbstress why` over a
/// campaign of one trial of so many hours, each in a process of its own.
enum RecordBench {
  /// Of CPU, for each hour of the record; of memory, for a record of an hour.
  private static let limit = (seconds: 2.5, mebibytes: 200.0)
  static let child = "read-record"

  private enum Command: String, CaseIterable {
    case report, why
  }

  /// - Parameter hours: one record each.
  static func run(_ hours: [Int]) throws {
    var rows = [["hours", "MiB", "command", "CPU s", "s an hour", "peak MiB"]]
    var isOver = false
    for hours in hours.isEmpty ? [1, 4, 16] : hours {
      let directory = try campaign(hours: hours)
      defer { File.remove(directory) }
      let record = CampaignFile.trialDirectory(in: directory, cell: 0, number: 1)
      let size = File.size(record + "/" + RecordFile.name) ?? 0
      for command in Command.allCases {
        let cost = try measure(command, directory)
        rows.append([
          "\(hours)", "\(size >> 20)", command.rawValue, Measure.fixed(cost.seconds, 2),
          Measure.fixed(cost.seconds / Double(hours), 2), Measure.fixed(cost.mebibytes, 0),
        ])
        isOver = isOver || cost.seconds > limit.seconds * Double(hours)
        isOver = isOver || (hours == 1 && cost.mebibytes > limit.mebibytes)
      }
    }
    Measure.table(rows)
    print("One trial, its record in the page cache.")
    if isOver {
      throw HarnessError(
        .expectation, "records",
        "took more than \(limit.seconds) s an hour, or \(limit.mebibytes) MiB for one hour")
    }
  }

  private static func measure(
    _ command: Command, _ directory: String
  ) throws -> (seconds: Double, mebibytes: Double) {
    let result = directory + "/cost"
    let process = try Process(
      ["/proc/self/exe", child, command.rawValue, directory, result], environment: [],
      descriptors: [-1, -1, 2])
    guard process.wait(timeout: 3600 * 1_000_000_000) == .status(0),
      let cost = try? JSON(parsing: File.read(result)), let seconds = cost["seconds"]?.double,
      let memory = cost["mebibytes"]?.double
    else { throw HarnessError(.harness, command.rawValue, "failed") }
    return (seconds, memory)
  }

  /// A campaign's directory with one trial.
  private static func campaign(hours: Int) throws -> String {
    var template = Array("/tmp/wbstress-bench-XXXXXX".utf8CString)
    guard mkdtemp(&template) != nil else { throw HarnessError(.environment, "/tmp", "mkdtemp") }
    let directory = template.withUnsafeBufferPointer { String(cString: $0.baseAddress!) }
    let choice = try ProfileCatalog().find("oracle-backup")
    let profile = try choice.file.profile(variant: nil, overrides: [])
    let axes = [Profile.Setting("kernel", "debian:6.12")]
    try CampaignFile(
      label: profile.name, cells: [.init(axes: axes, profile: profile)], identity: [], trials: 1,
      seed: 1
    ).write(to: directory)
    let trial = CampaignFile.trialDirectory(in: directory, cell: 0, number: 1)
    try File.makeDirectory(trial)
    let plan = TrialPlan(profile: profile, label: profile.name, axes: axes, number: 1, seed: 1)
    try SyntheticRecord.write(trial + "/" + RecordFile.name, plan, hours: hours)
    return directory
  }

  /// In the process that is measured: does what the command does, and writes down what it took.
  static func read(_ command: String, _ directory: String, to result: String) throws {
    let style = TerminalReport.Style(colour: false)
    let text: String
    switch Command(rawValue: command) {
    case .report:
      text = TerminalReport(try CampaignSummary(directory: directory), style: style).text
    case .why:
      let campaign = try CampaignFile(directory: directory)
      let cell = try CellDiagnosis(campaign, in: directory, cell: 0)
      text = WhyReport(campaign.label, [cell], told: 3, style: style).text
    case nil: throw HarnessError(.usage, command, "is not measured")
    }
    guard text.contains("completed 1") else {
      throw HarnessError(.harness, directory, "\(command) does not have the trial")
    }
    let cost: JSON = [
      "seconds": .double(Measure.processTime / 1e9), "mebibytes": .double(Measure.peakMemory),
    ]
    try File.write(result, Array(cost.text.utf8))
  }
}
