// SPDX-License-Identifier: Apache-2.0
import StressRecord

/// A time in which a cgroup was stalled for one resource: readings of the fast lane, one after the other, in
/// each of which PSI's `full` grew by much. The kernel counts `full` on each CPU, of the tasks that ran there
/// last, and weighs the CPUs (kernel/sched/psi.c, collect_percpu_times).
package struct PressureStall: Sendable, Equatable {
  package enum Resource: String, CaseIterable, Sendable {
    case memory, io
    /// The cgroup's file.
    package var file: String { rawValue + ".pressure" }
  }

  /// Of an interval, by how much `full` has to grow in it.
  package static let share = 0.1

  package var resource: Resource
  package var group: String
  /// Of the first and the last reading, CLOCK_BOOTTIME, ns.
  package var start: Int64
  package var end: Int64
  /// By how much `full` grew, ns.
  package var full: Int64

  /// Whether a task of a cgroup is one of those.
  func covers(_ group: String) -> Bool { group == self.group || group.hasPrefix(self.group + "/") }

  /// Those of the limited cgroup while the streams ran that are worth at least `threshold` ns, by resource and
  /// then by time.
  package static func all(in record: RecordReader, threshold: Int64) -> [PressureStall] {
    let group = record.limitedGroup
    guard let window = record.streamTime else { return [] }
    return Resource.allCases.flatMap { resource -> [PressureStall] in
      let readings = readings(record, "\(group)/\(resource.file):full")
        .filter { window.contains($0.time) }
      var stalls: [PressureStall] = []
      var open: PressureStall?
      for (before, after) in zip(readings, readings.dropFirst()) {
        if let growth = growth(before, after),
          Double(growth) > share * Double(after.time - before.time)
        {
          open =
            open
            ?? PressureStall(
              resource: resource, group: group, start: before.time, end: before.time, full: 0)
          open?.end = after.time
          open?.full += growth
        } else if let stall = open {
          stalls.append(stall)
          open = nil
        }
      }
      return (stalls + [open].compactMap(\.self)).filter { $0.full >= threshold }
    }
  }

  private typealias Reading = (time: Int64, value: Int64?)

  /// ns, of a file that counts in us; nil: not known. No more than the time allows: a reading is not taken in
  /// the very moment of its time.
  private static func growth(_ before: Reading, _ after: Reading) -> Int64? {
    guard let a = before.value, let b = after.value, 0 <= a, a <= b, 0 <= before.time,
      before.time < after.time
    else { return nil }
    return min((b - a).multipliedReportingOverflow(by: 1000).partialValue, after.time - before.time)
  }

  /// A column's values over time; nil: missing from that reading.
  private static func readings(_ record: RecordReader, _ column: String) -> [Reading] {
    for lane in record.lanes {
      if let values = lane.column(column)?.values {
        return zip(lane.times, values).map { (time: $0, value: $1) }
      }
    }
    return []
  }
}
