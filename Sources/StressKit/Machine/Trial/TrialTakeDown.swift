// SPDX-License-Identifier: Apache-2.0
import Glibc
import StressCore
import StressRecord

/// A trial's last phase: what it says of its workers, what it undoes, and how it is told.
struct TrialTakeDown {
  private let context: TrialContext
  private let parts: TrialParts

  private var record: RecordWriter { context.record }

  init(_ context: TrialContext, _ parts: TrialParts) {
    self.context = context
    self.parts = parts
  }

  /// Ends a trial whose set-up or run has failed: its workers are still alive.
  func end(after error: HarnessError) -> Ending {
    let failure =
      parts.aborted
      ?? (context.venue.isInterrupted()
        ? .interrupted : Ending(.invalid, reason: "set-up", message: error.description))
    parts.lanes.stop()
    parts.watchdog?.rest()
    parts.commands?.end(gently: false, timeout: context.killTime)
    WorkerProcess.kill(parts.workers, timeout: context.killTime)
    for worker in parts.workers where !worker.hasEnded() { context.recordEnd(worker) }
    return settle(failure)
  }

  /// Ends a trial that has run.
  ///
  /// - Parameter stalled: how it ended when nothing moved any more; nil: by itself, or when its time was up.
  func end(_ stalled: Ending?) -> Ending {
    if context.venue.isInterrupted() { return settle(.interrupted) }
    if let aborted = parts.aborted { return settle(aborted) }
    if let stalled { return settle(stalled) }
    if let failed = parts.workers.lazy.compactMap(\.failure).first {
      return settle(Ending(.invalid, reason: "worker", message: failed.description))
    }
    // The kernel kills with SIGKILL only: any other signal is a fault of the harness.
    for worker in parts.workers {
      if case .signal(let number) = worker.exit, number != SIGKILL {
        let why =
          number == SIGBUS
          ? " (SIGBUS: no block for a page of a mapped file; is the disk full? raise device.size)"
          : ""
        return settle(
          Ending(
            .invalid, reason: "worker",
            message: "worker \(worker.name) died of signal \(number)\(why)"))
      }
    }
    if let failed = parts.commands?.failure {
      return settle(Ending(.invalid, reason: "command", message: failed.description))
    }
    return settle(Ending(.completed))
  }

  /// Unmounts, stops watching and says how it ended.
  private func settle(_ sofar: Ending) -> Ending {
    var ending = sofar
    context.phase(.unmount)
    context.quicken()
    if ending.outcome != .stalled {
      do throws(HarnessError) {
        try parts.timeline?.finish()
      } catch {
        ending = Ending(.invalid, reason: "timeline", message: error.description)
      }
    }
    if ending.outcome != .stalled {
      let watch = context.noting { () throws(HarnessError) in
        try StorageWatch(context.plan, record, context.venue.onStall)
      }
      context.noting { () throws(HarnessError) in try parts.disk.endDelay() }
      let (wasMounted, failures) = parts.disk.unmount()
      watch?.finish()
      if let failure = failures.first {
        ending = Ending(.invalid, reason: "take-down", message: failure.description)
      } else if wasMounted {
        context.phase(.unmounted)
      }
    }
    context.tracing?.stop(
      record,
      streams: Dictionary(
        parts.streams.map { ($0.worker.pid, $0.worker.name) },
        uniquingKeysWith: { first, _ in first }))
    parts.lanes.finish()
    if let watchdog = parts.watchdog { record.emit(watchdog.line) }
    parts.announcements?.stop()
    parts.kernelLog.stop()
    if let failure = parts.kernelLog.failure { context.note(failure) }
    let kills = recordKills()
    // A kill is a kill, whatever went wrong beside it or because of it; but where the machine suffered, it need not
    // be the profile's.
    if [.completed, .invalid].contains(ending.outcome), kills > 0, parts.aborted == nil {
      ending = Ending(.oom, reason: ending.reason, message: ending.message)
    } else if [.completed, .invalid].contains(ending.outcome), parts.aborted == nil,
      let other = killedByOther()
    {
      ending = other
    }
    if ending.outcome != .stalled, let mark = parts.cgroupsMark {
      // What could not be removed is a note, not the trial's outcome: a machine that is not thrown away tries
      // again.
      for failure in context.journal.undo(to: mark) { context.note(failure) }
    }
    return ending
  }

  /// The ending of a trial that somebody in user space has shortened: a worker died of a SIGKILL that is neither the
  /// kernel's nor ours. nil: nobody has.
  private func killedByOther() -> Ending? {
    let victims =
      parts.workers.filter { $0.exit == .signal(SIGKILL) && !$0.wasStopped }
      .map { (name: $0.name, pid: $0.pid) } + (parts.commands?.killedByOthers ?? [])
    if victims.isEmpty { return nil }
    let names = victims.map { name, pid in
      "\(name) (pid \(pid))" + (context.tracing?.killer(of: pid).map { " by \($0)" } ?? "")
    }
    let daemons = (try? MemoryDaemon.alive())?.map { "\($0.name) (pid \($0.pid))" } ?? ["unknown"]
    return Ending(
      .invalid, reason: "killed-by-other",
      message:
        "SIGKILL, and no OOM kill of the kernel's: \(names.joined(separator: ", ")); daemons alive that"
        + " kill: \(daemons.isEmpty ? "none" : daemons.joined(separator: ", "))")
  }

  /// What memory.events and the kernel log say of kills: two accounts that must agree.
  private func recordKills() -> Int64 {
    let account = parts.kernelLog.account
    if let note = account.note { record.emit(note) }
    guard let limited = parts.limited else { return 0 }
    let events = CounterFile.snapshot((try? File.text(limited.file("memory.events"))) ?? "")
    let counts = Dictionary(events, uniquingKeysWith: { first, _ in first })
    record.emit(KillsLine.self) {
      $0.memoryEvents = Keyed(events)
      $0.killLines = Int64(account.killLines)
      $0.incidents = Int64(account.incidents)
      $0.kmsgGaps = Int64(parts.kernelLog.gaps)
    }
    return max(counts["oom_kill"] ?? 0, Int64(account.killLines))
  }
}
