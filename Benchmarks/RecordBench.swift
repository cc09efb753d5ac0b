import Glibc
import StressKit

/// What reading records back costs: CPU time and peak memory of report and why over a campaign of one trial
/// of so many hours, each in a process of its own.
enum RecordBench {
  /// Of CPU, for each hour of the record; of memory, for a record of an hour.
  private static let limit = (seconds: 3.0, mebibytes: 300.0)
  static let child = "record-report"

  /// - Parameter hours: one record each.
  static func run(_ hours: [Int]) throws {
    var rows = [["hours", "record MiB", "CPU s", "s an hour", "peak MiB"]]
    var isOver = false
    for hours in hours.isEmpty ? [1, 4, 16] : hours {
      let (row, cost) = try measure(hours)
      rows.append(row)
      isOver = isOver || cost.seconds > limit.seconds * Double(hours)
      isOver = isOver || (hours == 1 && cost.mebibytes > limit.mebibytes)
    }
    Measure.table(rows)
    print("One trial's report and why together, its record in the page cache.")
    if isOver {
      throw HarnessError(
        .expectation, "report",
        "took more than \(limit.seconds) s an hour, or \(limit.mebibytes) MiB for one hour")
    }
  }

  private static func measure(
    _ hours: Int
  ) throws -> (row: [String], cost: (seconds: Double, mebibytes: Double)) {
    var template = Array("/tmp/wbstress-bench-XXXXXX".utf8CString)
    guard mkdtemp(&template) != nil else { throw HarnessError(.environment, "/tmp", "mkdtemp") }
    let directory = template.withUnsafeBufferPointer { String(cString: $0.baseAddress!) }
    defer { File.remove(directory) }
    let record = try campaign(in: directory, hours: hours)
    let result = directory + "/cost"
    let process = try Process(
      ["/proc/self/exe", child, directory, result], environment: [], descriptors: [-1, -1, 2])
    guard process.wait(timeout: 3600 * 1_000_000_000) == .status(0),
      let cost = try? JSON(parsing: File.read(result)), let seconds = cost["seconds"]?.double,
      let memory = cost["mebibytes"]?.double
    else { throw HarnessError(.harness, "report", "of \(hours) hours failed") }
    let row = [
      "\(hours)", "\((File.size(record) ?? 0) >> 20)", Measure.fixed(seconds, 2),
      Measure.fixed(seconds / Double(hours), 2), Measure.fixed(memory, 0),
    ]
    return (row, (seconds, memory))
  }

  /// A campaign's directory with one trial; its record.
  private static func campaign(in directory: String, hours: Int) throws -> String {
    let choice = try ProfileCatalog().find("oracle-backup")
    let profile = try choice.file.profile(variant: nil, overrides: [])
    let axes = [Profile.Setting("kernel", "debian:6.12")]
    try CampaignFile(
      label: profile.name, cells: [.init(axes: axes, profile: profile)], identity: [], trials: 1,
      seed: 1
    ).write(to: directory)
    let trial = CampaignFile.trialDirectory(in: directory, cell: 0, number: 1)
    try File.makeDirectory(trial)
    let record = trial + "/" + RecordFile.name
    let plan = TrialPlan(profile: profile, label: profile.name, axes: axes, number: 1, seed: 1)
    try SyntheticRecord.write(record, plan, hours: hours)
    return record
  }

  /// In the process that is measured: reports, and writes down what it took.
  static func report(_ directory: String, to result: String) throws {
    let summary = try CampaignSummary(directory: directory)
    guard summary.cells.first?.counted.count == 1 else {
      throw HarnessError(.harness, directory, "the trial is not in the report")
    }
    let style = TerminalReport.Style(colour: false)
    let why = try CellDiagnosis(CampaignFile(directory: directory), in: directory, cell: 0)
    let text =
      TerminalReport(summary, style: style).text
      + WhyReport(summary.label, [why], told: 3, style: style).text
    let cost: JSON = [
      "seconds": .double(Measure.processTime / 1e9), "mebibytes": .double(Measure.peakMemory),
      "lines": .int(Int64(text.split(separator: "\n").count)),
    ]
    try File.write(result, Array(cost.text.utf8))
  }
}
