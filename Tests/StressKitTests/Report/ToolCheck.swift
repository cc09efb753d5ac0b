// SPDX-License-Identifier: Apache-2.0
import Foundation
import Testing

@testable import StressAnalysis
@testable import StressCore
@testable import StressMachine
@testable import StressReport

/// Runs a script of Tests/Tools, with the Python packages of ci/requirements.txt: what a format is held against
/// is somebody else's reader, not ours.
struct ToolCheck {
  static let root = URL(filePath: #filePath).appending(path: "../../../..").standardized

  /// What the script printed; a failure if it found something, or if there is no Python to run it.
  ///
  /// - Parameter arguments: below the repository's root where they begin with `docs/`.
  static func run(
    _ script: String, _ arguments: String..., sourceLocation: SourceLocation = #_sourceLocation
  ) throws -> String {
    let answer = try answer(script, arguments)
    #expect(answer.status == 0, "\(script): \(answer.text)", sourceLocation: sourceLocation)
    return answer.text
  }

  static func answer(_ script: String, _ arguments: [String]) throws -> (
    status: Int32, text: String
  ) {
    let python = root.appending(path: ".build/python/bin/python").path
    try #require(File.exists(python), "\(python) is missing: ci/install test")
    let process = Process()
    process.executableURL = URL(filePath: python)
    process.arguments =
      [root.appending(path: "Tests/Tools/\(script)").path]
      + arguments.map { $0.hasPrefix("docs/") ? root.appending(path: $0).path : $0 }
    let pipe = Pipe()
    process.standardOutput = pipe
    process.standardError = pipe
    try process.run()
    let output = pipe.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    return (process.terminationStatus, String(decoding: output, as: UTF8.self))
  }
}

extension CampaignFixture {
  static let traced = "traced-612-ext4.jsonl"
  /// What a name can do to a format that is not careful.
  static let hostile =
    "=cmd|' /C calc'!A0, \"a\"; <b>&amp;]]># SKIP\r\nok 1 x\u{0}\u{1b}[31m\u{fffe}\u{2028}é"

  /// Trials of every status, one of them not run yet, of a profile that expects no kill.
  func mixedResults(label: String = "oracle-backup", fs: String = "xfs") throws {
    try plan(
      [["kernel": "debian:6.1", "fs": fs], ["kernel": "debian:6.12", "fs": fs]], trials: 4,
      label: label)
    try trial(1, 1, from: RecordFixture.completed)
    try trial(
      1, 2, from: RecordFixture.completed,
      replacing: ["\"outcome\":\"completed\"": "\"outcome\":\"skipped\""])
    try directory.write("trials/1-3/record.jsonl", "{\"type\":\"note\"}\n")
    try trial(2, 1, from: RecordFixture.killed)
    try trial(2, 2, from: RecordFixture.completed)
    let end = "{\"type\":\"end\",\"outcome\":\"oom\",\"reason\":null,\"message\":null}"
    try trial(
      2, 3, from: RecordFixture.killed,
      replacing: [
        end: "{\"type\":\"end\",\"outcome\":\"invalid\",\"reason\":\"boot-failure\",\"message\":"
          + "\"the kernel had not reached the harness\\nconsole\"}"
      ])
    try trial(
      2, 4, from: RecordFixture.completed,
      replacing: ["\"outcome\":\"completed\"": "\"outcome\":\"hang\""])
  }

  func analysis() throws -> CampaignAnalysis { try CampaignAnalysis(directory: directory.root) }

  /// A report in a file, and its text.
  func write(
    _ format: ReportFormat, cell: Int? = nil, trial: Int? = nil
  ) throws -> (path: String, text: String) {
    let bytes = try format.render(analysis(), .init(cell: cell, trial: trial))
    let path = try directory.write("report.\(format.rawValue)", bytes)
    return (path, String(decoding: bytes, as: UTF8.self))
  }
}

/// As `expectGolden`, of a report that ends with a newline and names the program's version.
func expectGolden(
  report: String, _ name: String, sourceLocation: SourceLocation = #_sourceLocation
) throws {
  let text = report.replacing(Version.text, with: "VERSION")
  #expect(text.utf8.last == 0x0a, sourceLocation: sourceLocation)
  let unended = String(decoding: text.utf8.dropLast(), as: UTF8.self)
  try expectGolden(unended, name, sourceLocation: sourceLocation)
}
