// SPDX-License-Identifier: Apache-2.0
import StressAnalysis
import StressCore
import StressRecord

/// The same as JSON: docs/autopsy.md has every member. What the log does not tell is null.
extension LogReport {
  package static let schema: Int64 = 1

  package static func json(_ name: String, _ autopsy: LogAutopsy) -> JSON {
    .object([
      ("schema", .int(schema)), ("wbstress", .string(Version.text)), ("log", .string(name)),
      ("releases", .array(autopsy.releases.map { .string($0) })),
      ("messages", .number(autopsy.messages)), ("kernel_messages", .number(autopsy.kernelMessages)),
      ("first", autopsy.first.map(json) ?? .null), ("last", autopsy.last.map(json) ?? .null),
      ("kills", .array(autopsy.kills.map(json))), ("blocked", .array(autopsy.blocked.map(json))),
      ("allocations", .array(autopsy.failures.map(json))),
    ])
  }

  private static func json(_ place: LogAutopsy.Place) -> JSON {
    [
      "line": .number(place.line), "uptime": place.stamp.uptime.map { .uint($0) } ?? .null,
      "wall": .optional(place.stamp.wall),
      "epoch_us": place.stamp.epoch.map { .int($0) } ?? .null, "host": .optional(place.host),
    ]
  }

  private static func json(_ kill: LogAutopsy.Kill) -> JSON {
    let report = kill.autopsy.report
    return .object([
      ("at", json(kill.place)), ("last_line", .number(kill.lines.upperBound)),
      ("kernel", .optional(kill.release)), ("kill", JSONReport.autopsy(kill.autopsy)),
      ("without_kill", .optional(kill.withoutKill?.rawValue)),
      ("task_cgroup", .optional(report.taskCgroup)),
      ("usage", report.usage.map { .uint($0) } ?? .null),
      ("failcnt", report.failcnt.map { .uint($0) } ?? .null),
      ("page_size", report.pageSize.map { .uint($0) } ?? .null),
      (
        "memory",
        .object(report.memory.map { (key: $0.key, value: JSON.uint($0.value)) })
      ),
      ("stack", .array(kill.stack.map { .string($0) })),
      ("missing", .array(kill.missing.map { .string($0) })),
    ])
  }

  private static func json(_ task: LogAutopsy.Task) -> JSON {
    let report = task.report
    var members: [(String, JSON)] = [
      ("at", json(task.place)), ("last_line", .number(task.lines.upperBound)),
      ("comm", .string(report.comm)), ("pid", .number(report.pid.map(Int.init))),
    ]
    switch report.kind {
    case .blocked(let seconds):
      members.append(("blocked_s", seconds.map { .uint($0) } ?? .null))
      members.append(("waits_for", .optional(task.cause?.label)))
      members.append(("workqueue", .optional(report.workqueue)))
      members.append(("same_lock", .array(task.holders.map { .string($0) })))
    case .failedAllocation(let order, let flags):
      members.append(("order", .number(order.map(Int.init))))
      members.append(("gfp_flags", .optional(flags)))
      members.append(("took_ms", .null))
    case .slowAllocation(let milliseconds, let order):
      members.append(("order", .number(order.map(Int.init))))
      members.append(("gfp_flags", .null))
      members.append(("took_ms", milliseconds.map { .uint($0) } ?? .null))
    case .invokedOOM: break
    }
    members.append(("kernel", .optional(report.release)))
    members.append(("stack", .array(report.frames.map { .string($0) })))
    return .object(members.map { (key: $0.0, value: $0.1) })
  }
}
