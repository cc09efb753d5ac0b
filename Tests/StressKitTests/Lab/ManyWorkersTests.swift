// SPDX-License-Identifier: Apache-2.0
import CLinux
import Foundation
import Glibc
import Testing

@testable import StressCore
@testable import StressLab
@testable import StressMachine
@testable import StressRecord

/// Eight programs in one campaign's directory, of which one after the other is killed.
struct ManyWorkersTests {
  private static let workers = 8
  private static let environment = ProcessInfo.processInfo.environment

  /// `WBSTRESS_WORKERS=200` for as many trials of a second each.
  @Test func eachTrialIsCarriedOutOnce() throws {
    let many = Self.environment["WBSTRESS_WORKERS"].flatMap(Int.init)
    let (trials, time, lease) = (many ?? 64, many == nil ? 200 : 1000, 5)
    let fixture = try RecordFixture()
    try CampaignFixture(fixture).plan(
      [
        ["kernel": "debian:6.1", "fs": "ext4"], ["kernel": "debian:6.1", "fs": "xfs"],
        ["kernel": "debian:6.12", "fs": "ext4"], ["kernel": "debian:6.12", "fs": "xfs"],
      ], trials: trials / 4)
    let tool = try BuiltTool.path()
    let program = tool.prefix(upTo: try #require(tool.lastIndex(of: "/"))) + "/claim-worker"
    func worker() throws -> Foundation.Process {
      let worker = Foundation.Process()
      worker.executableURL = URL(filePath: String(program))
      worker.arguments = [fixture.root, "\(time)", "\(lease)"]
      try worker.run()
      return worker
    }
    var running: [Foundation.Process] = []
    for _ in 0..<Self.workers { running.append(try worker()) }
    var random = SystemRandomNumberGenerator()
    var killed = 0
    let deadline = cl_monotonic() + 300_000_000_000
    while !running.isEmpty, cl_monotonic() < deadline {
      usleep(UInt32(time) * 1000)
      for ended in running where !ended.isRunning { #expect(ended.terminationStatus == 0) }
      running.removeAll { !$0.isRunning }
      // Not to the end: who is left has to wait for the claims of the dead.
      if killed < trials / 8, let index = running.indices.randomElement(using: &random) {
        kill(running[index].processIdentifier, SIGKILL)
        running[index].waitUntilExit()
        running[index] = try worker()
        killed += 1
      }
    }
    #expect(running.isEmpty && killed > 0)
    let done = try File.text(fixture.root + "/done").split(separator: "\n")
    #expect(done.count == trials && Set(done).count == trials, "\(done.count) of \(trials)")
    let records = File.names(in: fixture.root + "/trials").filter { !$0.contains(".lost-") }
    #expect(records.count == trials)
    #expect(
      records.allSatisfy {
        RecordReader.ending("\(fixture.root)/trials/\($0)/\(RecordFile.name)") == Ending(.completed)
      })
    // What is left of the dead is no claim.
    let claims = File.names(in: fixture.root + "/claims").filter { !$0.hasPrefix("clock.") }
    #expect(claims.isEmpty, "\(claims)")
    print("\(trials) trials, \(killed) of the workers killed")
  }
}
