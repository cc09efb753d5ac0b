// SPDX-License-Identifier: Apache-2.0
import Glibc
import StressCore

/// A mount: one line of proc(5), /proc/PID/mountinfo.
package struct MountEntry: Equatable, Sendable {
  /// As the kernel has it.
  package var line: String
  /// Unique among the mounts there are.
  package var id: String
  /// `MAJ:MIN`, which for btrfs is no block device's.
  package var superblock: String
  package var point: String
  package var options: [Substring]
  package var type: String
  package var source: String

  /// - Parameter line: `36 35 98:0 /root /point rw,noatime shared:1 - ext4 /dev/sda1 rw`.
  init?(_ line: Substring) {
    guard let halves = line.parted(by: " - ") else { return nil }
    let (head, tail) = (halves.before.split(separator: " "), halves.after.split(separator: " "))
    guard head.count > 5, tail.count > 1 else { return nil }
    self.line = String(line)
    id = String(head[0])
    superblock = String(head[2])
    point = Self.unescaped(head[4])
    options = head[5].split(separator: ",")
    type = String(tail[0])
    source = Self.unescaped(tail[1])
  }

  /// Blanks, tabs, line ends and backslashes are octal there.
  private static func unescaped(_ text: Substring) -> String {
    var bytes: [UInt8] = []
    var rest = Array(text.utf8)[...]
    while let byte = rest.popFirst() {
      let digits = rest.prefix(3)
      if byte == UInt8(ascii: "\\"), digits.count == 3,
        let value = UInt8(String(decoding: digits, as: UTF8.self), radix: 8)
      {
        bytes.append(value)
        rest = rest.dropFirst(3)
      } else {
        bytes.append(byte)
      }
    }
    return String(decoding: bytes, as: UTF8.self)
  }

  /// `MAJ:MIN` of the block device that it was mounted of; nil: there is none.
  package var device: String? {
    if File.exists("/sys/dev/block/\(superblock)") { return superblock }
    return source.hasPrefix("/") ? DeviceNumber(block: source)?.description : nil
  }
}

/// What is mounted.
package enum MountTable {
  private static let own = "/proc/self/mountinfo"

  /// None where they cannot be read.
  package static func entries(_ path: String = own) -> [MountEntry] {
    (try? all(path)) ?? []
  }

  private static func all(_ path: String) throws(HarnessError) -> [MountEntry] {
    try File.text(path).split(separator: "\n").compactMap { MountEntry($0) }
  }

  /// What is mounted at a path, the uppermost; nil: nothing.
  static func entry(
    at point: String, mountinfo: String = own
  ) throws(HarnessError) -> MountEntry? {
    try all(mountinfo).last { $0.point == point }
  }

  /// The mount that a path, which need not be there yet, lies on: of those that have it below them the deepest, and
  /// of several at one place the last.
  package static func entry(
    holding path: String, among entries: [MountEntry] = entries()
  ) -> MountEntry? {
    var existing = path
    while realPath(existing) == nil, let slash = existing.lastIndex(of: "/") {
      existing = slash == existing.startIndex ? "/" : String(existing[..<slash])
    }
    guard let real = realPath(existing.contains("/") ? existing : ".") else { return nil }
    return entries.enumerated().filter { real == $1.point || isBelow(real, $1.point) }
      .max { ($0.element.point.utf8.count, $0.offset) < ($1.element.point.utf8.count, $1.offset) }?
      .element
  }

  private static func isBelow(_ path: String, _ point: String) -> Bool {
    path.hasPrefix(point.hasSuffix("/") ? point : point + "/")
  }

  /// The corresponding C function is `realpath`.
  static func realPath(_ path: String) -> String? {
    guard let real = realpath(path, nil) else { return nil }
    defer { free(real) }
    return String(cString: real)
  }

  /// Every process with a mount namespace that none before it has, this one's first.
  package static func namespaces() throws(HarnessError) -> [(
    process: RunningProcess?, entries: [MountEntry]
  )] {
    var seen: Set<String> = []
    func isNew(_ pid: String) -> Bool {
      File.link("/proc/\(pid)/ns/mnt").map { seen.insert($0).inserted } ?? false
    }
    _ = isNew("self")
    var all: [(process: RunningProcess?, entries: [MountEntry])] = [(nil, entries())]
    for process in try RunningProcess.all() where isNew("\(process.pid)") {
      all.append((process, entries("/proc/\(process.pid)/mountinfo")))
    }
    return all
  }
}

/// A process by its number and name: proc(5), /proc/PID/comm.
package struct RunningProcess: Equatable, Sendable, CustomStringConvertible {
  package var pid: Int32
  package var comm: String
  package var description: String { "\(comm) (pid \(pid))" }

  /// All that run now: what cannot be seen may be there, and so is an error.
  package static func all(in proc: String = "/proc") throws(HarnessError) -> [RunningProcess] {
    try File.list(proc).compactMap { name in
      guard let pid = Int32(name), let comm = File.line("\(proc)/\(name)/comm") else { return nil }
      return RunningProcess(pid: pid, comm: comm)
    }
  }
}
