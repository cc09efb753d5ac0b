// SPDX-License-Identifier: Apache-2.0
import CLinux
import StressCore
import StressRecord

/// Tells what the processes of cgroups have and have done, by files of proc(5), none of which takes a lock that they
/// wait for.
///
/// Runs on the record's thread, which may allocate.
final class ProcessTotals: RecordSource, @unchecked Sendable {
  /// Between two looks, ns.
  private static let interval: UInt64 = 5_000_000_000

  /// Bytes that a process has read and written.
  private struct Work {
    var read: UInt64
    var written: UInt64
  }

  private struct Group {
    var cgroup: Cgroup
    /// Since the watching began.
    var sum = Work(read: 0, written: 0)
    /// By pid; nil: nobody has looked yet.
    var known: [Int32: Work]?
  }

  private let record: RecordWriter
  private var groups: [Group]
  private var due: UInt64 = 0

  init(_ groups: [Cgroup], _ record: RecordWriter) {
    self.groups = groups.map { Group(cgroup: $0) }
    self.record = record
  }

  func tell(last: Bool) {
    let now = cl_boottime()
    guard now >= due || last else { return }
    due = now + Self.interval
    for i in groups.indices { tell(&groups[i]) }
  }

  private func tell(_ group: inout Group) {
    var line = ProcessesLine()
    var known: [Int32: Work] = [:]
    var (count, anon, swap, locked, shmem) = (0, UInt64(0), UInt64(0), UInt64(0), UInt64(0))
    for one in [group.cgroup] + CgroupTree.below(group.cgroup) {
      let text = (try? File.text(one.file("cgroup.procs"))) ?? ""
      for pid in text.lines.compactMap({ Int32($0) }) {
        guard let status = try? File.text("/proc/\(pid)/status") else { continue }
        count += 1
        anon += Self.bytes("RssAnon:", in: status)
        swap += Self.bytes("VmSwap:", in: status)
        locked += Self.bytes("VmLck:", in: status)
        shmem = max(shmem, Self.bytes("RssShmem:", in: status))
        if let work = Self.work(pid) { known[pid] = work }
      }
    }
    // One that is gone, or never was, tells nothing.
    if count == 0, !File.exists(group.cgroup.directory) { return }
    if let before = group.known {
      for (pid, work) in known {
        // Of a pid that another process has now, all of it is new.
        let old = before[pid].flatMap {
          $0.read <= work.read && $0.written <= work.written ? $0 : nil
        }
        group.sum.read += work.read - (old?.read ?? 0)
        group.sum.written += work.written - (old?.written ?? 0)
      }
    }
    group.known = known
    line.cgroup = group.cgroup.path
    line.processes = Int64(count)
    line.anon = Int64(clamping: anon)
    line.swap = Int64(clamping: swap)
    line.locked = Int64(clamping: locked)
    line.shmem = Int64(clamping: shmem)
    line.read = Int64(clamping: group.sum.read)
    line.written = Int64(clamping: group.sum.written)
    record.emit(line)
  }

  /// Of a line as `VmLck:       64 kB`; 0: a kernel thread has no such line.
  static func bytes(_ name: String, in status: String) -> UInt64 {
    guard let line = status.lines.first(where: { $0.hasPrefix(name) }) else { return 0 }
    let words = line.split { " \t".contains($0) }
    return words.count > 1 ? (UInt64(words[1]) ?? 0) << 10 : 0
  }

  /// nil: it has ended.
  private static func work(_ pid: Int32) -> Work? {
    guard let text = try? File.text("/proc/\(pid)/io") else { return nil }
    func value(_ name: String) -> UInt64 {
      text.lines.first { $0.hasPrefix(name) }.flatMap { UInt64($0.dropFirst(name.count)) } ?? 0
    }
    return Work(read: value("read_bytes: "), written: value("write_bytes: "))
  }
}
