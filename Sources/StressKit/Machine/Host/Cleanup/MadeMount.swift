// SPDX-License-Identifier: Apache-2.0
import Glibc
import StressCore

/// A mount where nothing was mounted before.
package struct MadeMount: Undoable {
  package static let kind = "mount"
  package static let endsWithBoot = true
  /// The files of a killed io_uring process are closed some time after it is gone, and io_uring's workers end
  /// with what they have under way.
  private static let busyTime: UInt64 = 10_000_000_000
  let source: String
  let path: String

  package init(_ source: String, at path: String) {
    self.source = source
    self.path = path
  }

  package init?(_ json: JSON) {
    guard let source = json["source"]?.string, let path = json["path"]?.string else { return nil }
    self.init(source, at: path)
  }
  package var members: [(key: String, value: JSON)] {
    [("source", .string(source)), ("path", .string(path))]
  }
  package var description: String { "mount of \(source) at \(path)" }
  package var exists: Bool { get throws(HarnessError) { try MountTable.entry(at: path) != nil } }
  package var identity: JSON? {
    get throws(HarnessError) {
      guard let entry = try MountTable.entry(at: path) else { return nil }
      return ["id": .string(entry.id), "superblock": .string(entry.superblock)]
    }
  }

  package func undo(
    _ identity: JSON?, _ patience: Patience
  ) throws(HarnessError) -> Undoing {
    guard let found = try MountTable.entry(at: path) else { return .absent }
    let now = try self.identity
    let isOurs = found.source == source && (identity == nil || identity == now)
    if !isOurs { return .left("\(found.source) is mounted there, by somebody else") }
    try Mount.unmount(path, patience, atMost: Self.busyTime)
    return .undone
  }
}
