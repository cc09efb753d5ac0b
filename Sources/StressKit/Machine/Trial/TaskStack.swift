// SPDX-License-Identifier: Apache-2.0
import Glibc
import StressCore
import StressRecord

/// What a task waits for: proc(5), /proc/PID/stat, wchan and stack.
package struct TaskStack: Equatable {
  /// Of the process, and of the thread.
  var pid: Int32
  var tid: Int32
  var comm: String
  /// As in ps(1): `D` is uninterruptible sleep.
  var state: Character
  /// The kernel function that it sleeps in, schedulers passed over; nil: it does not sleep, or none is told.
  var wchan: String?
  /// Kernel functions as /proc/PID/stack has them (`folio_wait_bit_common+0x13d/0x350`), innermost first.
  var frames: [String]

  /// More tell no more.
  private static let most = 100

  /// Those of some processes, all their threads, and of all tasks in uninterruptible sleep.
  static func collect(of processes: [Int32], in proc: String = "/proc") -> [TaskStack] {
    var stacks: [TaskStack] = []
    let pids = File.names(in: proc).compactMap { Int32($0) }
    for pid in processes + pids.filter({ !processes.contains($0) }) {
      let directory = "\(proc)/\(pid)/task"
      for tid in File.names(in: directory).compactMap({ Int32($0) }) where stacks.count < most {
        guard let (comm, state) = status(File.line("\(directory)/\(tid)/stat") ?? ""),
          state == "D" || processes.contains(pid)
        else { continue }
        let wchan = File.line("\(directory)/\(tid)/wchan")
        stacks.append(
          TaskStack(
            pid: pid, tid: tid, comm: comm, state: state, wchan: wchan == "0" ? nil : wchan,
            frames: frames((try? File.text("\(directory)/\(tid)/stack")) ?? "")))
      }
    }
    return stacks
  }

  /// `153 (wb-stream) D 1 ...`: a name may have parentheses and blanks of its own.
  package static func status(_ line: String) -> (comm: String, state: Character)? {
    guard let open = line.firstIndex(of: "("), let close = line.lastIndex(of: ")"), open < close,
      let state = line[line.index(after: close)...].first(where: { $0 != " " })
    else { return nil }
    return (String(line[line.index(after: open)..<close]), state)
  }

  /// Lines such as `[<0>] folio_wait_bit_common+0x13d/0x350`.
  static func frames(_ text: String) -> [String] {
    text.split(separator: "\n").map { line in
      String(line.split(separator: " ").dropFirst().joined(separator: " "))
    }
  }

  /// For the record.
  ///
  /// - Parameter worker: its name, where it is one of the trial's.
  func line(worker: String?) -> TaskStackLine {
    var line = TaskStackLine()
    line.pid = Int64(pid)
    line.tid = Int64(tid)
    line.comm = comm
    line.state = String(state)
    line.wchan = wchan
    line.worker = worker
    line.frames = frames
    return line
  }
}
