// SPDX-License-Identifier: Apache-2.0
import CLinux
import Glibc
import Testing

@testable import StressCore
@testable import StressMachine
@testable import StressRecord

/// The executable that the package builds with its tests, beside them.
enum Executable {
  static let path =
    (ProfileCatalog.executable() ?? "").split(separator: "/").dropLast()
    .reduce("") { "\($0)/\($1)" } + "/wbstress"
}

/// Workers as in a trial, but in the tests' cgroup, and the record that is made of them.
final class WorkerFixture: TemporaryDirectory, @unchecked Sendable {
  private let record: RecordWriter
  /// The file that the record is written to, which has no name.
  private let file: Int32

  override init() throws {
    file = try check(cl_memfd("record", 0), "record", "memfd_create")
    record = RecordWriter(Descriptor(owning: file))
    try super.init()
    try record.start()
  }

  /// Waits until a worker is ready; cancels the test where a worker cannot run at all.
  func ready(_ worker: WorkerProcess) throws -> OperationRecorder {
    let recorder = OperationRecorder(worker, slow: .max, record)
    _ = eventually { worker.isReady || worker.hasEnded() }
    if worker.failure?.operation == SharedBlock.Step.oomScore.label {
      try Test.cancel("this session may not set its oom_score_adj to 0")
    }
    return recorder
  }

  /// Lets a ready worker begin and looks on until a condition is met or it has ended; then ends it as a trial
  /// does.
  func run(_ recorder: OperationRecorder, until isOver: () -> Bool = { false }) throws {
    let worker = recorder.worker
    try #require(worker.isReady, "\(worker.failure?.description ?? "not ready")")
    try worker.start(at: cl_boottime())
    #expect(
      eventually {
        recorder.collect()
        return worker.hasEnded() || isOver()
      })
    let stop = cl_boottime()
    worker.requestStop()
    recorder.recordInFlight(at: stop)
    WorkerProcess.kill([worker], timeout: 10_000_000_000)
    recorder.collect()
  }

  /// What the record has; nothing comes to it afterwards.
  func lines() throws -> RecordReader {
    record.finish()
    return try RecordReader("/proc/self/fd/\(file)")
  }

  /// A line of a process's status, in its unit.
  static func status(_ pid: Int32, _ key: String, file: String = "status") throws -> Int? {
    try File.text("/proc/\(pid)/\(file)").split(separator: "\n")
      .first { $0.hasPrefix(key + ":") }?
      .split { $0 == " " || $0 == "\t" }.dropFirst().first.flatMap { Int($0) }
  }
}

/// Whether a file system may be mounted here.
func canPlaceMounts() -> Bool { geteuid() == 0 && File.exists("/dev/loop-control") }
