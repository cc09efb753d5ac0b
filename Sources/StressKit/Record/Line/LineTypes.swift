// SPDX-License-Identifier: Apache-2.0

/// All types of lines, in the order in which docs/record.md has them.
package enum LineTypes {
  package static let all: [any Line.Type] = [
    HeaderLine.self, GuestLine.self, PhaseLine.self, ModulesLine.self, EnvironmentLine.self,
    ColumnsLine.self, ReadingLine.self, LaneLine.self, SnapshotLine.self,
    WorkerLine.self, CostLine.self, PinLine.self, ProgressLine.self, StateLine.self,
    SlowLine.self, InFlightLine.self, StreamLine.self, TouchesLine.self, RoundsLine.self,
    LatencyLine.self, ExitLine.self, CommandEndLine.self,
    MomentLine.self, MomentEndLine.self, DeviceLine.self,
    KmsgLine.self, ClockLine.self, OOMLine.self, OOMGroupKillLine.self, OOMWithoutKillLine.self,
    KillsLine.self, MemcgEventLine.self, CgroupEventLine.self, PressureLine.self,
    ProcessesLine.self,
    TraceStartLine.self, SpanLine.self, EventLine.self, TaskLine.self, StackLine.self,
    UnlistedLine.self, OpenLine.self, TraceLine.self,
    HeartbeatsLine.self, MirrorLine.self, SupervisorLine.self, WatchdogLine.self,
    TaskStackLine.self, NoteLine.self, AliveLine.self, WrittenLine.self, GuestEndLine.self,
    SilenceLine.self, OutageLine.self, HostLine.self, EndLine.self,
  ]

  /// Their names.
  package static let names = Set(all.map { $0.typeName })

  /// Those that the count of `written` leaves out.
  package static let uncounted = names(.uncounted)
  /// Those of which a record may have two that are the same: kinds of latency that come in jiffies are alike in two
  /// parts of a second, and two notices of one moment may tell of the same growth.
  package static let repeatable = names(.repeatable)
  static let bulk = names(.bulk)
  static let synced = names(.synced)

  private static func names(_ trait: LineTraits) -> Set<String> {
    Set(all.filter { $0.traits.contains(trait) }.map { $0.typeName })
  }
}
