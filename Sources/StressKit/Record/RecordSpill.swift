// SPDX-License-Identifier: Apache-2.0
import Glibc
import StressCore
import SystemPackage

/// The second place for what a record's own file did not take to the end.
package enum RecordSpill {
  /// WBSTRESS_SPILL, or else TMPDIR, /run and /tmp: the first that takes it.
  package static var directories: [String] {
    func variable(_ name: String) -> String? { getenv(name).map { String(cString: $0) } }
    return variable("WBSTRESS_SPILL").map { [$0] }
      ?? [variable("TMPDIR"), "/run", "/tmp"].compactMap(\.self)
  }

  /// Writes what waits, and the line that says what is lost, to `wbstress-TRIAL-PID.jsonl`.
  ///
  /// - Parameters:
  ///   - path: of the record; its directory's name is the trial's.
  ///   - bytes: as they belong behind what the record has.
  ///   - isUnsynced: the record's disk answered fdatasync(2) with an error.
  /// - Returns: what is wrong, where the lines are, and how they get back.
  static func error(
    _ path: String, _ errno: Errno?, _ outage: RecordOutage, bytes: [UInt8],
    isUnsynced: Bool, _ directories: [String]
  ) -> HarnessError {
    let trial = path.split(separator: "/").dropLast().last.map(String.init) ?? "record"
    let name = "wbstress-\(trial)-\(getpid()).jsonl"
    let all = bytes + outage.line
    let place = directories.lazy.map { "\($0)/\(name)" }.first { write($0, all) }
    let lost = outage.losses > 0 ? "; lost: \(outage.lostText)" : ""
    let unsure = isUnsynced ? "; others may have gone with the error of fdatasync" : ""
    let how =
      place.map { "free space, then: cat \($0) >> \(path)" }
      ?? "and none of \(directories.joined(separator: ", ")) took them: name a WBSTRESS_SPILL"
    return HarnessError(
      .environment, path, "write: \(outage.kept) lines are not in it\(lost)\(unsure)", errno: errno,
      remedy: how)
  }

  /// A new file only: in /tmp anybody may have put a link of that name.
  private static func write(_ path: String, _ bytes: [UInt8]) -> Bool {
    guard
      let file = try? Descriptor(open: path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, mode: 0o600)
    else { return false }
    do throws(HarnessError) {
      try file.writeAll(bytes, path)
      try file.sync(path)
      return true
    } catch {
      File.remove(path)
      return false
    }
  }
}
