// SPDX-License-Identifier: Apache-2.0
import StressCore
import StressRecord

/// What a worker costs its cgroup beyond what the profile pins: read once, before the delay.
enum WorkerCost {
  /// Tells the record's `cost` line. A kernel without these counters has none.
  static func tell(_ worker: WorkerProcess, _ record: RecordWriter) {
    guard let group = worker.group else { return }
    let stat = Dictionary(
      CounterFile.snapshot((try? File.text(group.file("memory.stat"))) ?? ""),
      uniquingKeysWith: { first, _ in first })
    guard let anon = stat["anon"], let kernel = stat["kernel"], let file = stat["file"] else {
      return
    }
    let subject = worker.role == .pinned ? Int64(worker.reach.reached) : 0
    record.emit(CostLine.self) {
      $0.worker = worker.name
      $0.pinned = subject
      $0.anon = anon
      $0.kernel = kernel
      $0.file = file
      $0.overhead = anon + kernel + file - subject
      $0.mapped = rollup(worker.pid)
    }
  }

  /// What a process has of each kind of memory, by its page tables: proc(5), /proc/PID/smaps_rollup, in bytes.
  /// Beside the cgroup's accounting another one, of another part of the kernel.
  private static func rollup(_ pid: Int32) -> Keyed<Int64> {
    let lines = ((try? File.text("/proc/\(pid)/smaps_rollup")) ?? "").split(separator: "\n")
    return Keyed(
      lines.compactMap { line in
        let words = line.split(separator: " ")
        guard words.count == 3, words[2] == "kB", let value = Int64(words[1]),
          ["Rss:", "Locked:", "Shared_Dirty:", "AnonHugePages:"].contains(words[0])
        else { return nil }
        return (key: String(words[0].dropLast()), value: value << 10)
      })
  }
}
