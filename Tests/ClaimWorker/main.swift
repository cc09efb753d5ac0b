// SPDX-License-Identifier: Apache-2.0
// claim-worker DIR MILLISECONDS LEASE: one of several programs that work in a shared campaign, as 'wbstress work' does, but
// its trials do nothing for that time. Each that comes to its end adds a line to DIR/done.
import CLinux
import Glibc
import StressCore
import StressLab
import StressMachine
import StressRecord

struct Idle: Venue {
  let directory: String
  let time: UInt64

  var jobs: Int { 1 }
  var place: String { "nowhere" }
  var identity: [Profile.Setting] { [] }
  var lookInterval: UInt64 { 0 }
  var warnings: [String] { [] }
  var remains: String? { nil }
  func refusal(of cell: Matrix.Cell, after ending: Ending) -> HarnessError? { nil }

  func run(
    _ plan: TrialPlan, of cell: Matrix.Cell, directory: String, _ interrupt: Interrupt,
    progress: @escaping (String) -> Void
  ) throws(HarnessError) -> Ending {
    try File.makeDirectory(directory)
    let sink = try RecordSink(directory + "/" + RecordFile.name)
    sink.emit(NoteLine("pid \(getpid())"))
    cl_sleep_until(cl_boottime() + time)
    let ending = Ending(.completed)
    sink.emit(EndLine(ending))
    try sink.finish()
    let done = try Descriptor(
      open: self.directory + "/done", O_WRONLY | O_CREAT | O_APPEND, code: .environment)
    try done.writeAll(Array((directory + "\n").utf8), "done")
    return ending
  }
}

let arguments = CommandLine.arguments
guard arguments.count == 4, let time = UInt64(arguments[2]), let lease = Int64(arguments[3]) else {
  fatalError("claim-worker DIR MILLISECONDS LEASE")
}
let file = try CampaignFile(directory: arguments[1])
let campaign = try Campaign(
  directory: arguments[1], matrix: try Matrix(file), identity: [], trials: file.trials, seed: nil,
  isShared: true)
let venue = Idle(directory: arguments[1], time: time * 1_000_000)
let runner = try CampaignRunner(campaign, venue, lease: lease, interrupt: Interrupt())
try runner.run { _ in }
