// SPDX-License-Identifier: Apache-2.0
import StressCore
import StressRecord

/// What is told of each type of line. Members are asked for as they stand: a word that only a later version knows is
/// shown, too.
extension RecordText {
  enum Telling: Sendable {
    /// It stands above the lines.
    case above
    /// Only counted: what is asked of such lines takes jq or a report's tables.
    case counted
    /// Each member and its value.
    case whole
    /// nil: this one is only counted.
    case text(@Sendable (RecordText, RecordLine) -> String?)
  }

  /// By the name of the type. One that is not among them is told whole.
  static let tellings: [String: Telling] = Dictionary(
    uniqueKeysWithValues: ([
      (HeaderLine.self, .above),
      (ReadingLine.self, .counted), (KmsgLine.self, .counted), (LatencyLine.self, .counted),
      (ProgressLine.self, .counted), (SnapshotLine.self, .counted), (ColumnsLine.self, .counted),
      (ClockLine.self, .counted), (TaskLine.self, .counted), (StackLine.self, .counted),
      (UnlistedLine.self, .counted), (AliveLine.self, .counted), (MemcgEventLine.self, .counted),
      (CgroupEventLine.self, .counted), (PressureLine.self, .counted),
      (EnvironmentLine.self, .counted), (TraceStartLine.self, .counted),
      (GuestLine.self, .whole), (ModulesLine.self, .whole), (MomentEndLine.self, .whole),
      (ExitLine.self, .whole), (HeartbeatsLine.self, .whole), (MirrorLine.self, .whole),
      (SupervisorLine.self, .whole), (WatchdogLine.self, .whole), (TaskStackLine.self, .whole),
      (OpenLine.self, .whole), (WrittenLine.self, .whole), (OutageLine.self, .whole),
      (GuestEndLine.self, .whole), (SilenceLine.self, .whole), (HostLine.self, .whole),
      (CommandEndLine.self, .text { $0.command($1) }),
      (PhaseLine.self, .text { $0.phase($1) }), (WorkerLine.self, .text { $0.worker($1) }),
      (CostLine.self, .text { $0.cost($1) }), (SlowLine.self, .text { $0.slow($1) }),
      (InFlightLine.self, .text { $0.inFlight($1) }), (PinLine.self, .text { $0.pin($1) }),
      (TouchesLine.self, .text { $0.touches($1) }), (RoundsLine.self, .text { $0.rounds($1) }),
      (StateLine.self, .text { $0.state($1) }), (MomentLine.self, .text { $0.moment($1) }),
      (DeviceLine.self, .text { $0.device($1) }), (OOMLine.self, .text { $0.oom($1) }),
      (OOMGroupKillLine.self, .text { $0.groupKill($1) }),
      (OOMWithoutKillLine.self, .text { $0.withoutKill($1) }),
      (StreamLine.self, .text { $0.stream($1) }), (KillsLine.self, .text { $0.kills($1) }),
      (LaneLine.self, .text { $0.lane($1) }), (SpanLine.self, .text { $0.span($1) }),
      (EventLine.self, .text { $0.event($1) }), (TraceLine.self, .text { $0.trace($1) }),
      (ProcessesLine.self, .text { $0.processes($1) }),
      (EndLine.self, .text { $0.end($1) }), (NoteLine.self, .text { $0.note($1) }),
    ] as [(any Line.Type, Telling)]).map { ($0.0.typeName, $0.1) })

  // MARK: Values

  private func text(_ value: JSON?) -> String { value?.string ?? "?" }
  private func seconds(_ value: JSON?) -> String { Format.seconds(value?.double) + " s" }
  private func mebibytes(_ value: JSON?) -> String { Format.mebibytes(value?.double) + " MiB" }
  private func count(_ value: JSON?) -> String { value?.int.map { "\($0)" } ?? "?" }
  private func number(_ value: JSON?) -> Int64 { value?.int ?? 0 }
  private func longest(_ value: JSON?) -> String {
    value?.double.map { ", the longest \(Format.seconds($0)) s" } ?? ""
  }

  /// Whose line it is.
  private func worker<L: WorkersLine>(_: L.Type, of line: RecordLine) -> String {
    text(line[\L.stream] ?? line[\L.pinned] ?? line[\L.task])
  }

  // MARK: Workers

  private func worker(_ line: RecordLine) -> String {
    let more =
      line[\WorkerLine.message]?.string ?? line[\WorkerLine.exit]?.string
      ?? line[\WorkerLine.cgroup]?.string ?? ""
    return "worker \(text(line[\WorkerLine.name])): \(text(line[\WorkerLine.event]))"
      + (more.isEmpty ? "" : " " + more)
  }

  private func command(_ line: RecordLine) -> String {
    let printed = [line[\CommandEndLine.output]?.string, line[\CommandEndLine.outputEnd]?.string]
      .compactMap(\.self).last.flatMap { $0.split(separator: "\n").last }
    let words = printed.map { ": \($0)" } ?? ""
    return "command \(text(line[\CommandEndLine.command])): "
      + "\(text(line[\CommandEndLine.exit])), printed \(count(line[\CommandEndLine.printed])) bytes\(words)"
  }

  private func cost(_ line: RecordLine) -> String {
    let overhead = Format.fixed((line[\CostLine.overhead]?.double ?? 0) / 1024, 0)
    return "worker \(text(line[\CostLine.worker])) costs its cgroup \(overhead) KiB"
  }

  private func slow(_ line: RecordLine) -> String {
    "\(worker(SlowLine.self, of: line)): \(text(line[\SlowLine.kind])) took "
      + seconds(line[\SlowLine.latency])
  }

  private func inFlight(_ line: RecordLine) -> String {
    "\(worker(InFlightLine.self, of: line)): \(text(line[\InFlightLine.kind])) in flight for "
      + seconds(line[\InFlightLine.age])
  }

  private func pin(_ line: RecordLine) -> String {
    let name = "pin \(worker(PinLine.self, of: line))"
    let count = line[\PinLine.touches]
    let touches = "\(self.count(count)) first touches\(longest(line[\PinLine.touchMax]))"
    // Older records tell of the touches only.
    guard let reached = line[\PinLine.reached] else { return "\(name): \(touches)" }
    let size = line[\PinLine.size]
    let all = reached == size ? "" : " of \(mebibytes(size))"
    let errno = line[\PinLine.errno]?.string.map { " (\($0))" } ?? ""
    return "\(name) has \(mebibytes(reached))\(all)\(errno)" + (count == nil ? "" : "; \(touches)")
  }

  private func touches(_ line: RecordLine) -> String {
    let totals = TouchesLine(line).operations(of: "touch")
    let count = totals?.count.map { "\($0)" } ?? "?"
    let longest = longest(totals?.max.map { .int($0) })
    let behind = line[\TouchesLine.behind]?.int.map { ", \($0) behind" } ?? ""
    return "pin \(worker(TouchesLine.self, of: line)): \(count) touches\(longest)\(behind)"
  }

  private func rounds(_ line: RecordLine) -> String {
    "task \(worker(RoundsLine.self, of: line)): \(count(line[\RoundsLine.rounds])) rounds, ended by "
      + text(line[\RoundsLine.ended])
  }

  private func state(_ line: RecordLine) -> String {
    let pages = [
      (line[\StateLine.dirtyPages], "dirty"), (line[\StateLine.writebackPages], "under writeback"),
    ].compactMap { value, words in value?.int.map { "\($0) pages \(words)" } }
    let bytes = [
      (line[\StateLine.delallocBytes], "not allocated"),
      (line[\StateLine.unwrittenBytes], "unwritten"),
    ].compactMap { value, words in value?.double.map { "\(Format.mebibytes($0)) MiB \(words)" } }
    let extents = line[\StateLine.extents]?.int.map { ["\($0) extents"] } ?? []
    return "\(worker(StateLine.self, of: line)) round \(count(line[\StateLine.round])): "
      + (pages + bytes + extents).joined(separator: ", ")
  }

  private func stream(_ line: RecordLine) -> String {
    let bytes = line[\StreamLine.bytes]?.double ?? 0
    let time =
      (line[\StreamLine.lastEnd]?.double ?? 0) - (line[\StreamLine.firstStart]?.double ?? 0)
    let speed = time > 0 ? Format.mebibytes(bytes / (time / 1e9)) : "-"
    let (inline, punted) = (number(line[\StreamLine.inline]), number(line[\StreamLine.punted]))
    // Of io_uring's writes alone.
    let ways = inline + punted > 0 ? ", \(inline) inline, \(punted) punted" : ""
    return "stream \(text(line[\StreamLine.stream])): \(Format.mebibytes(bytes)) MiB, "
      + "\(speed) MiB/s\(ways)"
  }

  // MARK: The trial

  private func phase(_ line: RecordLine) -> String {
    let delay = line[\PhaseLine.delay].map { " of \(seconds($0))" } ?? ""
    return "phase \(text(line[\PhaseLine.name]))\(delay)"
  }

  private func moment(_ line: RecordLine) -> String {
    "at \(seconds(line[\MomentLine.at])): \(text(line[\MomentLine.what]))"
  }

  private func device(_ line: RecordLine) -> String {
    let speed = line[\DeviceLine.bandwidth]?.double.map { Format.mebibytes($0) + " MiB/s" }
    let iops = line[\DeviceLine.iops]?.int.map { "\($0) IOPS" }
    let limits = [speed, iops].compactMap(\.self)
    return "device: " + (limits.isEmpty ? "unthrottled" : limits.joined(separator: ", "))
  }

  private func lane(_ line: RecordLine) -> String {
    let lateness = line[\LaneLine.lateness]?[\LaneLine.Lateness.max]
    return "lane \(text(line[\LaneLine.lane])): \(number(line[\LaneLine.samples])) samples, "
      + "\(number(line[\LaneLine.missed])) ticks missed, \(number(line[\LaneLine.dropped])) dropped, "
      + "worst lateness \(seconds(lateness ?? line[\LaneLine.worstLateness]))"
  }

  private func end(_ line: RecordLine) -> String {
    let reason = line[\EndLine.reason]?.string.map { " (\($0))" } ?? ""
    let message = line[\EndLine.message]?.string.map { ": \($0)" } ?? ""
    return "end: \(text(line[\EndLine.outcome]))\(reason)\(message)"
  }

  private func note(_ line: RecordLine) -> String { "note: \(text(line[\NoteLine.message]))" }

  // MARK: OOM kills

  private func oom(_ line: RecordLine) -> String {
    OOMLine(line).report.map(Self.describe) ?? Self.members(line, OOMLine.typeName)
  }

  private static func describe(_ report: OOMReport) -> String {
    func kib(_ value: UInt64?) -> String { value.map { "\($0 >> 10)" } ?? "?" }
    let victims = report.victims.map { "\($0.comm) (\($0.pid))" }.joined(separator: ", ")
    return "OOM kill of \(victims), invoked by \(report.invoker ?? "?") at the limit of "
      + "\(report.oomCgroup ?? "the machine"); KiB: file \(kib(report.file)), dirty "
      + "\(kib(report.fileDirty)), writeback \(kib(report.fileWriteback)), anon "
      + "\(kib(report.anon)), unevictable \(kib(report.unevictable))"
  }

  private func groupKill(_ line: RecordLine) -> String {
    "OOM group kill: pid \(OOMReport.Victim.pid(of: line[\OOMGroupKillLine.victim]) ?? 0)"
  }

  private func withoutKill(_ line: RecordLine) -> String {
    "OOM without a kill: \(text(line[\OOMWithoutKillLine.reason]))"
  }

  private func kills(_ line: RecordLine) -> String {
    let events = (line[\KillsLine.memoryEvents]?.members ?? [])
      .map { "\($0.key) \(number($0.value))" }
    return "memory.events: \(events.isEmpty ? "not told" : events.joined(separator: ", ")); "
      + "\(count(line[\KillsLine.killLines])) kill lines in the kernel log"
  }

  private func processes(_ line: RecordLine) -> String {
    "\(text(line[\ProcessesLine.cgroup])): \(count(line[\ProcessesLine.processes])) processes, anon"
      + " \(mebibytes(line[\ProcessesLine.anon])), \(mebibytes(line[\ProcessesLine.written])) written so far"
  }

  // MARK: The kernel's trace

  /// Intervals of the kernel's that are shorter are left to jq, ns.
  private static let shortest: Int64 = 10_000_000
  private static let length = SpanLine.name(\.length)
  /// include/linux/backing-dev-defs.h, enum wb_reason.
  private static let reasons = [
    "background", "vmscan", "sync", "periodic", "laptop_timer", "fs_free_space", "forker_thread",
    "foreign_flush",
  ]

  private func span(_ line: RecordLine) -> String? {
    let length = line[Self.length]
    guard let ns = length?.int, ns >= Self.shortest else { return nil }
    return "\(text(line[\SpanLine.of])) of \(seconds(length))\(task(line[\SpanLine.pid]))"
      + place(line[\SpanLine.state], line[\SpanLine.stack])
  }

  private static let kind = EventLine.name(\.of)

  private func event(_ line: RecordLine) -> String? {
    switch line.string(Self.kind) {
    case TraceEvent.markVictim.definition.name:
      return
        "OOM victim marked: \(text(line[\EventLine.text])) (\(number(line[\EventLine.victim])))"
        + task(line[\EventLine.pid])
    case TraceEvent.workStart.definition.name:
      // A field of the kernel's event.
      let reason = Int(line["reason"]?.int ?? -1)
      let name = Self.reasons.indices.contains(reason) ? Self.reasons[reason] : "\(reason)"
      return "writeback starts for reason \(name)\(task(line[\EventLine.pid]))"
    default: return nil
    }
  }

  private func trace(_ line: RecordLine) -> String {
    if let failed = line[\TraceLine.failed]?.string { return "no trace: \(failed)" }
    let lost = (line[\TraceLine.lost]?.array ?? []).flatMap { cpu in
      [
        cpu[\TraceLine.Loss.overrun], cpu[\TraceLine.Loss.commitOverrun],
        cpu[\TraceLine.Loss.dropped],
      ].compactMap { $0?.count }
    }.reduce(0, +)
    return "trace: \(number(line[\TraceLine.decoded])) records, \(lost) lost"
  }
}
