// SPDX-License-Identifier: Apache-2.0
import Glibc
import StressCore
import StressRecord

/// How a trial ends: what it says of its workers, what it undoes, and how it is told.
extension Trial {
  func takeDown(_ stalled: Ending?) -> Ending {
    if isInterrupted() { return settle(.interrupted) }
    if let aborted { return settle(aborted) }
    if let stalled { return settle(stalled) }
    if let failed = workers.lazy.compactMap(\.failure).first {
      return settle(Ending(.invalid, reason: "worker", message: failed.description))
    }
    // The kernel kills with SIGKILL only: any other signal is a fault of the harness.
    for worker in workers {
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
    return settle(Ending(.completed))
  }

  /// Unmounts, stops watching and says how it ended.
  func settle(_ sofar: Ending) -> Ending {
    var ending = sofar
    phase(.unmount)
    quicken()
    if ending.outcome != .stalled {
      do throws(HarnessError) {
        try timeline?.finish()
      } catch {
        ending = Ending(.invalid, reason: "timeline", message: error.description)
      }
    }
    if ending.outcome != .stalled {
      let watch = noting { () throws(HarnessError) in try StorageWatch(plan, record, onStall) }
      noting { () throws(HarnessError) in try disk.endDelay() }
      let (wasMounted, failures) = disk.unmount()
      watch?.finish()
      if let failure = failures.first {
        ending = Ending(.invalid, reason: "take-down", message: failure.description)
      } else if wasMounted {
        phase(.unmounted)
      }
    }
    tracing?.stop(
      record,
      streams: Dictionary(
        streams.map { ($0.worker.pid, $0.worker.name) }, uniquingKeysWith: { first, _ in first }))
    lanes.finish()
    if let watchdog { record.emit(watchdog.line) }
    announcements?.stop()
    kernelLog.stop()
    if let failure = kernelLog.failure { note(failure) }
    let kills = recordKills()
    // A kill is a kill, whatever went wrong beside it or because of it; but where the machine suffered, it need not
    // be the profile's.
    if [.completed, .invalid].contains(ending.outcome), kills > 0, aborted == nil {
      ending = Ending(.oom, reason: ending.reason, message: ending.message)
    } else if [.completed, .invalid].contains(ending.outcome), aborted == nil,
      let other = killedByOther()
    {
      ending = other
    }
    if ending.outcome != .stalled, let cgroupsMark {
      // What could not be removed is a note, not the trial's outcome: a machine that is not thrown away tries
      // again.
      for failure in journal.undo(to: cgroupsMark) { note(failure) }
    }
    return ending
  }

  /// Lets the disk take what it can. Only to save time: without it what is dirty trickles.
  func quicken() {
    guard profile.throttlesDevice else { return }
    noting { () throws(HarnessError) in try throttle(Throttle(Profile.Device())) }
  }

  /// Takes a step without which the trial's outcome is the same; what goes wrong is told.
  @discardableResult
  private func noting<T>(_ step: () throws(HarnessError) -> T) -> T? {
    do throws(HarnessError) {
      return try step()
    } catch {
      note(error)
      return nil
    }
  }

  private func note(_ failure: HarnessError) {
    record.emit(NoteLine(failure.description))
  }

  /// The ending of a trial that somebody in user space has shortened: a worker died of a SIGKILL that is neither the
  /// kernel's nor ours. nil: nobody has.
  private func killedByOther() -> Ending? {
    let victims = workers.filter { $0.exit == .signal(SIGKILL) && !$0.wasStopped }
    if victims.isEmpty { return nil }
    let names = victims.map { worker in
      "\(worker.name) (pid \(worker.pid))"
        + (tracing?.killer(of: worker.pid).map { " by \($0)" } ?? "")
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
    let account = kernelLog.account
    if let note = account.note { record.emit(note) }
    guard let limited else { return 0 }
    let events = CounterFile.snapshot((try? File.text(limited.file("memory.events"))) ?? "")
    let counts = Dictionary(events, uniquingKeysWith: { first, _ in first })
    record.emit(KillsLine.self) {
      $0.memoryEvents = Keyed(events)
      $0.killLines = Int64(account.killLines)
      $0.incidents = Int64(account.incidents)
      $0.kmsgGaps = Int64(kernelLog.gaps)
    }
    return max(counts["oom_kill"] ?? 0, Int64(account.killLines))
  }
}
