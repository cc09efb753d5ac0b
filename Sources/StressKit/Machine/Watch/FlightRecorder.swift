// SPDX-License-Identifier: Apache-2.0
import StressCore
import StressRecord

/// Looks for what is worth a record while cgroups are watched, and says when a record's time is over. What shows in the
/// record's own lines, the ring sees for itself.
package final class FlightRecorder {
  /// Over which PSI's growth is taken, ns.
  private static let window: UInt64 = 1_000_000_000

  private typealias Reading = (time: UInt64, total: UInt64)

  private let ring: FlightRing
  private let share: Double?
  /// By file; the first is at least `window` old, if any is.
  private var readings: [String: [Reading]] = [:]
  /// Of the record that is being ended.
  private var ending: UInt64?

  /// - Parameter share: of the time that `full` of memory or io pressure grew in, over a second, 0 to 1; nil: no trigger.
  package init(_ ring: FlightRing, psi share: Double?) {
    self.ring = ring
    self.share = share
  }

  /// - Parameter now: CLOCK_BOOTTIME, ns.
  /// - Returns: whether the record that is being written is to be ended now; once for each.
  func look(_ groups: [Cgroup], at now: UInt64) -> Bool {
    if let share {
      for group in groups {
        for file in ["memory.pressure", "io.pressure"] { look(group, file, share, at: now) }
      }
    }
    guard let deadline = ring.deadline, now >= deadline, ending != deadline else { return false }
    ending = deadline
    return true
  }

  private func look(_ group: Cgroup, _ file: String, _ share: Double, at now: UInt64) {
    guard let text = try? File.text(group.file(file)), let total = Self.full(text) else { return }
    var known = readings[file + group.path] ?? []
    known.append((now, total))
    while known.count > 1, now - known[1].time >= Self.window { known.removeFirst() }
    readings[file + group.path] = known
    let first = known[0]
    guard now - first.time >= Self.window, first.total <= total else { return }
    // us in ns.
    let grown = Double(total - first.total) * 1000 / Double(now - first.time)
    guard grown >= share else { return }
    let percent = Int((min(grown, 1) * 100).rounded())
    ring.ask(.init("psi", "full of \(group.path)/\(file) grew in \(percent) % of a second"))
  }

  /// `total` of the line `full`, us: Documentation/accounting/psi.rst.
  static func full(_ text: String) -> UInt64? {
    guard let line = text.lines.first(where: { $0.hasPrefix("full ") }) else { return nil }
    return line.split(separator: " ").last { $0.hasPrefix("total=") }
      .flatMap { UInt64($0.dropFirst("total=".count)) }
  }
}
