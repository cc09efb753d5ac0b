// SPDX-License-Identifier: Apache-2.0
@testable import StressCore
@testable import StressRecord

extension SavedLog {
  /// A fixture's messages.
  static func records(_ name: String) throws -> [KernelLogRecord] {
    messages(try File.read(Fixtures.path(name))).map(\.record)
  }

  /// The stacks of a fixture's blocked tasks, innermost first, by the task's name and pid.
  static func stacks(_ name: String) throws -> [(task: String, frames: [String])] {
    var parser = TaskReportParser()
    var reports = try records(name).flatMap { parser.feed($0) }
    reports += parser.finish()
    return reports.filter { !$0.frames.isEmpty }
      .map { ("\($0.comm):\($0.pid ?? -1)", $0.frames) }
  }
}
