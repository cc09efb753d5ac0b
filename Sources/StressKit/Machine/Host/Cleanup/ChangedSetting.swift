// SPDX-License-Identifier: Apache-2.0
import Glibc
import StressCore

/// A kernel setting that a run writes: a file below /proc/sys or /sys, or two where writing one changes the
/// other.
package struct ChangedSetting: Undoable {
  package static let kind = "setting"
  /// A reboot has set it as it is set at every boot; what it said before is of no concern then.
  package static let endsWithBoot = true

  /// Writing one of a pair zeroes the other (Documentation/admin-guide/sysctl/vm.rst), and the first of each
  /// takes no 0.
  private static let pairs = [
    ("/proc/sys/vm/dirty_bytes", "/proc/sys/vm/dirty_ratio"),
    ("/proc/sys/vm/dirty_background_bytes", "/proc/sys/vm/dirty_background_ratio"),
    ("/proc/sys/vm/overcommit_kbytes", "/proc/sys/vm/overcommit_ratio"),
  ]
  /// Writing these does something, and leaves nothing to put back.
  private static let triggers = ["/proc/sys/vm/drop_caches", "/proc/sys/vm/compact_memory"]

  /// Paths, and what they said before.
  let before: [Profile.Setting]
  /// Paths, and what the run writes at any time.
  let writes: [Profile.Setting]

  /// One for each file or pair that is written; files that are there for writing only have none.
  package static func all(
    of writes: [Profile.Setting]
  ) throws(HarnessError) -> [ChangedSetting] {
    var all: [ChangedSetting] = []
    for write in writes where !triggers.contains(write.key) {
      if all.contains(where: { $0.before.contains { $0.key == write.key } }) { continue }
      let pair = pairs.first { $0.0 == write.key || $0.1 == write.key }
      let paths = pair.map { [$0.0, $0.1] } ?? [write.key]
      var before: [Profile.Setting] = []
      for path in paths where try File.isReadable(path) {
        before.append(Profile.Setting(path, try File.lineIfThere(path) ?? ""))
      }
      if before.count < paths.count { continue }
      all.append(
        ChangedSetting(before: before, writes: writes.filter { paths.contains($0.key) }))
    }
    return all
  }

  private init(before: [Profile.Setting], writes: [Profile.Setting]) {
    self.before = before
    self.writes = writes
  }

  package init?(_ json: JSON) {
    func settings(_ key: String) -> [Profile.Setting]? {
      json[key]?.members?.compactMap { member in
        member.value.string.map { Profile.Setting(member.key, $0) }
      }
    }
    guard let before = settings("before"), !before.isEmpty,
      let writes = json["writes"]?.array
    else { return nil }
    self.before = before
    self.writes = writes.compactMap { write in
      guard let path = write["path"]?.string, let value = write["value"]?.string else { return nil }
      return Profile.Setting(path, value)
    }
  }

  package var members: [(key: String, value: JSON)] {
    [
      ("before", .object(before.map { ($0.key, .string($0.value)) })),
      // More than one may be for the same file.
      (
        "writes",
        .array(writes.map { ["path": .string($0.key), "value": .string($0.value)] })
      ),
    ]
  }

  package var description: String {
    before.map { "\($0.key) (\($0.value) before)" }.joined(separator: ", ")
  }
  package var exists: Bool { false }
  /// What the files say when they have been written: the kernel may round, or say it in other words.
  package var identity: JSON? {
    get throws(HarnessError) { .array(try now.map { .optional($0) }) }
  }
  package func isThere(_ identity: JSON?) throws(HarnessError) -> Bool { try !isAsBefore }

  private var now: [String?] {
    get throws(HarnessError) {
      var now: [String?] = []
      for file in before { now.append(try File.lineIfThere(file.key)) }
      return now
    }
  }
  private var isAsBefore: Bool { get throws(HarnessError) { try now == before.map(\.value) } }

  package func undo(
    _ identity: JSON?, _ patience: Patience
  ) throws(HarnessError) -> Undoing {
    let now = try now
    // It went with its device.
    if now.allSatisfy({ $0 == nil }) || now == before.map(\.value) { return .absent }
    let written = identity?.array ?? []
    for (i, file) in before.enumerated() {
      let says = now[i] ?? ""
      let isRead = i < written.count && says == written[i].string
      if says != file.value, !isRead, !isWritten(says, to: file.key) {
        let values = writes.map(\.value).joined(separator: ", ")
        return .left(
          "\(file.key) says \(says), neither \(file.value) as before nor \(values) as written:"
            + " somebody else has changed it")
      }
    }
    // Of a pair the one that is not 0, which zeroes the other.
    let back = before.first { before.count == 1 || $0.value != "0" } ?? before[before.count - 1]
    try File.set(back.key, KernelSetting.present(in: back.value))
    if try !isAsBefore {
      throw HarnessError(
        .harness, back.key, "reads \(File.line(back.key) ?? "nothing") after writing \(back.value)",
        remedy: "set it by hand, then wbstress clean")
    }
    return .undone
  }

  /// The run may have made a file say so.
  private func isWritten(_ says: String, to path: String) -> Bool {
    if before.count > 1, says == "0", writes.contains(where: { $0.key != path }) { return true }
    return writes.contains { $0.key == path && Self.isSame(says, $0.value) }
  }

  /// A file says what was written to it, if in other words: `[always] madvise never`, `0x0007` for `y`.
  static func isSame(_ says: String, _ written: String) -> Bool {
    func words(_ text: String) -> [Substring] { text.split { " \t\n".contains($0) } }
    if words(says) == words(written) || KernelSetting.present(in: says) == written { return true }
    guard let number = number(says) else { return false }
    switch written.lowercased() {
    case "y", "on": return number != 0
    case "n", "off": return number == 0
    default: return number == Self.number(written)
    }
  }

  private static func number(_ text: String) -> Int64? {
    text.hasPrefix("0x") ? Int64(text.dropFirst(2), radix: 16) : Int64(text)
  }
}
