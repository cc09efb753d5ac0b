// SPDX-License-Identifier: Apache-2.0
import StressCore
import StressRecord

/// What is put into the record of a trial that makes no progress any more.
enum StallEvidence {
  /// Tells the stacks of workers and of all tasks in uninterruptible sleep, and has the kernel log its own account:
  /// blocked tasks (w) and memory (m), Documentation/admin-guide/sysrq.rst.
  ///
  /// - Returns: where the first worker in uninterruptible sleep waits, for a message; empty: none does.
  static func tell(_ workers: [WorkerProcess], _ record: RecordWriter) -> String {
    let stacks = TaskStack.collect(of: workers.map(\.pid))
    for stack in stacks {
      record.emit(stack.line(worker: workers.first { $0.pid == stack.pid }?.name))
    }
    for key in ["w", "m"] {
      do throws(HarnessError) {
        try File.set("/proc/sysrq-trigger", key)
      } catch {
        record.emit(NoteLine(error.description))
      }
    }
    let pids = workers.map(\.pid)
    let waiting =
      stacks.first { $0.state == "D" && pids.contains($0.pid) }
      ?? stacks.first { $0.state == "D" }
    guard let waiting else { return "" }
    return "; \(waiting.comm) (pid \(waiting.tid)) waits in \(waiting.wchan ?? "?")"
  }
}
