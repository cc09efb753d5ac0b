// SPDX-License-Identifier: Apache-2.0
import StressRecord

/// A value that a moment of the timeline wrote, and how long the kernel took for it: a smaller memory.max is reclaimed
/// for, or killed for, before write(2) returns. Or a group that it removed.
package struct TimelineWrite: Sendable, Equatable {
  /// From the streams' start to the moment, ns, as the profile has it.
  package var at: Int64
  /// As in `memory.max=50331648`, after its group where that is not the limited one.
  package var what: String
  /// ns.
  package var duration: Double
  /// The errno's name where it is no failure: EAGAIN of memory.reclaim, EBUSY of rmdir.
  package var errno: String?

  /// Those that have a line of their own, in the order of the record; older records have none.
  static func all(in record: RecordReader) -> [TimelineWrite] {
    record.lines(MomentEndLine.self).compactMap { line in
      guard let at = line.at, let what = line.what, let start = line.start, let end = line.t,
        end >= start
      else { return nil }
      return TimelineWrite(
        at: at, what: what, duration: Double(end) - Double(start), errno: line.errno)
    }
  }
}
