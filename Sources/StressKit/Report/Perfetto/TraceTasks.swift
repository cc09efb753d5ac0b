// SPDX-License-Identifier: Apache-2.0
import StressRecord

/// The tasks that a record names, as Perfetto's processes and threads.
struct TraceTasks {
  private struct Task {
    var comm: String?
    var cgroup: String?
    /// The trial's name for it.
    var worker: String?
  }

  private var tasks: [Int64: Task] = [:]
  private var workers: [String: Int64] = [:]
  private var processes: [Int64: UInt64] = [:]
  private var threads: [Int64: UInt64] = [:]
  private let unknown: UInt64

  /// - Parameter unknown: the track of what no task is known of.
  init(_ record: RecordReader, unknown: UInt64) {
    self.unknown = unknown
    for line in record.lines(WorkerLine.self) where line.event == .start {
      guard let pid = line.pid, let name = line.name else { continue }
      tasks[pid] = Task(comm: nil, cgroup: line.cgroup, worker: name)
      workers[name] = pid
    }
    for line in record.lines(TaskLine.self) {
      guard let pid = line.pid else { continue }
      tasks[pid, default: Task()].comm = line.comm
      if let cgroup = line.cgroup { tasks[pid]?.cgroup = cgroup }
    }
  }

  /// The pid of a stream, a task or a pinned worker by its name.
  func pid(of worker: String) -> Int64? { workers[worker] }

  /// The process that a thread belongs to. A record tells that of io_uring's workers only, by their names.
  private func process(of tid: Int64) -> Int64 {
    tasks[tid]?.comm.flatMap { IOWorker.owner(of: $0) }.map(Int64.init) ?? tid
  }

  /// The track of a thread, described with its process when it is first asked for.
  mutating func thread(_ tid: Int64?, _ trace: inout TraceEventWriter) -> UInt64 {
    guard let tid, tid > 0 else { return unknown }
    if let known = threads[tid] { return known }
    let pid = process(of: tid)
    if processes[pid] == nil {
      let task = tasks[pid]
      let comm = task?.comm ?? "pid \(pid)"
      let name = task?.worker.map { "\($0) (\(comm))" } ?? comm
      processes[pid] = trace.process(pid, name, task?.cgroup.map { "cgroup \($0)" })
    }
    let track = trace.thread(tid, of: pid, tasks[tid]?.comm ?? "tid \(tid)")
    threads[tid] = track
    return track
  }
}
