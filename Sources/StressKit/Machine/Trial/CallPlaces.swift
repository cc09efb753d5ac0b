// SPDX-License-Identifier: Apache-2.0
import CLinux
import Glibc
import StressCore
import StressRecord

/// Whose a system call is and what it goes to: by the cgroup of the task and by its descriptor, which proc(5) is asked
/// about when the trace tells of the call.
///
/// That is a tenth of a second later, so what is told is what is behind the descriptor now. An answer stands for calls
/// that begin within a second of it: descriptors are used again for other files. Runs on the record's thread, which may
/// allocate.
final class CallPlaces {
  struct Place: Equatable {
    /// nil: not known, since the task has ended.
    var command: String?
    /// Where its file system is mounted, a path; or one of those below.
    var mount: String
  }

  /// The file system under test.
  static let scratch = "scratch"
  static let pipe = "pipe"
  static let socket = "socket"
  /// Of no mount: memfd_create(2), anonymous inodes; or of one that cannot be seen from here.
  static let other = "other"
  /// Nobody could be asked.
  static let unknown = "unknown"

  /// For how long an answer stands, and one that is none, ns.
  private static let validity: UInt64 = 1_000_000_000
  private static let retry: UInt64 = 100_000_000
  /// Answers that are kept.
  private static let most = 4096
  /// What they take with their texts, bytes at most in the order of magnitude.
  static let memory = most * 256

  private struct Key: Hashable {
    var task: Int32
    var descriptor: Int64
  }
  private struct Answer {
    /// nil: the task is of none of the trial's commands.
    var place: Place?
    /// CLOCK_BOOTTIME, ns.
    var time: UInt64
    var validity: UInt64
  }

  private let groups: [(command: String, location: String)]
  private let superblocks: Set<String>
  private let root: String
  private var answers: [Key: Answer] = [:]
  private var mounts: [Substring: MountEntry] = [:]
  private var mountsDue: UInt64 = 0

  /// - Parameters:
  ///   - commands: with the cgroups that they are in.
  ///   - scratch: `MAJ:MIN` of the superblocks under test.
  ///   - root: where the commands have their root directory, as a mount's path is told without it.
  init(_ commands: [(name: String, group: Cgroup)], scratch: [String], root: String) {
    groups = commands.map { ($0.name, $0.group.location) }
    superblocks = Set(scratch)
    self.root = root
  }

  /// nil: the task is of none of the trial's commands.
  ///
  /// - Parameter row: of a call: the first of its values is the descriptor.
  func place(of row: borrowing TraceRow) -> Place? {
    place(task: row.pid, descriptor: row.values[0], began: row.start, now: cl_boottime())
  }

  /// - Parameters:
  ///   - descriptor: `SampleLine.unknown`: the call has none.
  ///   - began, now: CLOCK_BOOTTIME, ns.
  func place(task: Int32, descriptor: Int64, began: UInt64, now: UInt64) -> Place? {
    let key = Key(task: task, descriptor: descriptor)
    let known = answers[key]
    if let known, began < known.time + known.validity { return known.place }
    if answers.count >= Self.most { answers.removeAll(keepingCapacity: true) }
    let nothing = Answer(place: Place(mount: Self.unknown), time: now, validity: Self.retry)
    // Of one that has ended nothing better will be known.
    var answer = ask(key, now) ?? known ?? nothing
    answer.time = now
    answers[key] = answer
    return answer.place
  }

  /// nil: the task has ended.
  private func ask(_ key: Key, _ now: UInt64) -> Answer? {
    guard let location = try? CgroupTree.location(of: "\(key.task)") else { return nil }
    let group = groups.first {
      location == $0.location || location.hasPrefix($0.location + "/")
    }
    guard let group else { return Answer(place: nil, time: now, validity: Self.validity) }
    var place = Place(command: group.command, mount: Self.unknown)
    if key.descriptor == SampleLine.unknown {
      return Answer(place: place, time: now, validity: Self.validity)
    }
    guard let mount = mount(behind: key, now) else {
      if hasExited(key.task) { return nil }
      // Closed, as before an exit: nothing better than the last answer will be known.
      if let last = answers[key]?.place, last.command == group.command { place.mount = last.mount }
      return Answer(place: place, time: now, validity: Self.retry)
    }
    place.mount = mount
    return Answer(place: place, time: now, validity: Self.validity)
  }

  /// Whether it is a zombie, which has no descriptors any more: proc(5), /proc/PID/stat.
  private func hasExited(_ task: Int32) -> Bool {
    guard let stat = File.line("/proc/\(task)/stat"), let name = stat.lastIndex(of: ")") else {
      return true
    }
    return ["Z", "X"].contains(stat[name...].dropFirst(2).first)
  }

  /// nil: it is closed, or cannot be seen.
  private func mount(behind key: Key, _ now: UInt64) -> String? {
    let directory = "/proc/\(key.task)"
    guard let link = File.link("\(directory)/fd/\(key.descriptor)", .unknown) else { return nil }
    if !link.hasPrefix("/") {
      // As in `pipe:[4711]`.
      let kind = String(link.prefix { $0 != ":" })
      return [Self.pipe, Self.socket].contains(kind) ? kind : Self.other
    }
    guard let text = try? File.text("\(directory)/fdinfo/\(key.descriptor)"),
      let line = text.split(separator: "\n").first(where: { $0.hasPrefix(Self.mountName) })
    else { return nil }
    let id = line.dropFirst(Self.mountName.count).drop { $0 == " " || $0 == "\t" }
    if now >= mountsDue {
      mountsDue = now + Self.validity
      mounts = Dictionary(
        MountTable.entries().map { ($0.id[...], $0) }, uniquingKeysWith: { first, _ in first })
      if mounts.isEmpty { return nil }
    }
    guard let entry = mounts[id] else { return Self.other }
    if superblocks.contains(entry.superblock) { return Self.scratch }
    if entry.point == root { return "/" }
    return entry.point.hasPrefix(root + "/")
      ? String(entry.point.dropFirst(root.count)) : entry.point
  }

  private static let mountName = "mnt_id:"
}
