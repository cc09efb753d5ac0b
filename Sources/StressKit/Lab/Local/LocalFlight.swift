// SPDX-License-Identifier: Apache-2.0
import CLinux
import Glibc
import StressCore
import StressMachine
import StressRecord

/// A flight recorder of cgroups on this machine: a watch whose lines stay in memory until something happens. It goes on
/// when a unit is restarted, and into a directory that has records already.
package struct LocalFlight {
  /// When there is a record, and of how much.
  package struct Rules: Sendable, Equatable {
    package var ring: FlightRing.Limits
    /// Share of a second that `full` of a pressure file grew in, 0 to 1; nil: no trigger.
    package var psi: Double?
    /// Between the beginnings of two records at least, ns.
    package var every: UInt64
    /// Of all records, bytes: no new one is begun beyond.
    package var disk: UInt64
    package init(ring: FlightRing.Limits, psi: Double?, every: UInt64, disk: UInt64) {
      (self.ring, self.psi, self.every, self.disk) = (ring, psi, every, disk)
    }
  }

  /// Between two looks for a cgroup that is not there, ns.
  private static let pause: UInt64 = 1_000_000_000

  private let targets: [WatchTarget]
  private let observe: [Profile.Setting]
  private let rules: Rules
  private let directory: String
  private let lock: FileLock

  private init(
    _ targets: [WatchTarget], _ observe: [Profile.Setting], _ rules: Rules, _ directory: String,
    _ lock: FileLock
  ) {
    (self.targets, self.observe, self.rules) = (targets, observe, rules)
    (self.directory, self.lock) = (directory, lock)
  }

  /// - Throws: every reason not to begin. That a unit does not run yet is none.
  package static func prepare(
    _ targets: [WatchTarget], observe: [Profile.Setting], _ rules: Rules, directory: String
  ) throws(HarnessErrors) -> LocalFlight {
    try LocalWatch.demand()
    // Of whatever cgroup: the keys are to be refused now, not when a unit is started.
    _ = try Watch.profile(
      [Cgroup(path: "any")], targets, observe: observe, duration: LocalWatch.longest)
    do throws(HarnessError) {
      try File.makeDirectory(directory)
      if try !File.list(directory).isEmpty,
        try CampaignFile(directory: directory).label != LocalWatch.label
      {
        throw HarnessError(
          .usage, directory, "holds a campaign that is no watch",
          remedy: "name another --output directory")
      }
      guard let lock = try File.lock(directory) else {
        throw HarnessError(
          .usage, directory, "is in use by another run", remedy: "name another --output directory")
      }
      return LocalFlight(targets, observe, rules, directory, lock)
    } catch {
      throw HarnessErrors([error])
    }
  }

  /// Records until the user ends it, or the time is over.
  ///
  /// - Parameters:
  ///   - deadline: CLOCK_BOOTTIME, ns; nil: none.
  ///   - say: told what happens, a line each; from several threads.
  package func run(
    _ interrupt: Interrupt, until deadline: UInt64?, _ say: @escaping @Sendable (String) -> Void
  ) throws(HarnessErrors) {
    let records = FlightRecords(directory, rules, say)
    var trouble = ""
    func isOver() -> Bool { interrupt.isRequested || cl_boottime() >= deadline ?? .max }
    while !isOver() {
      do throws(HarnessErrors) {
        let groups = try WatchTarget.find(targets)
        let profile = try Watch.profile(
          groups, targets, observe: observe, duration: LocalWatch.longest)
        say("watching \(profile.watched.joined(separator: ", "))")
        trouble = ""
        try watch(profile, records, isOver)
        if !isOver() { say("the cgroup is gone; waiting for it") }
      } catch {
        // A unit that is not running, or not any more.
        if error.description != trouble { say(error.description) }
        trouble = error.description
      }
      if !isOver() { cl_sleep_until(cl_boottime() + Self.pause) }
    }
  }

  private func watch(
    _ profile: Profile, _ records: FlightRecords, _ isOver: @escaping () -> Bool
  ) throws(HarnessErrors) {
    do throws(HarnessError) {
      let ring = FlightRing(rules.ring) { trigger in
        records.begin(profile, trigger)
      } closed: { ending, failure in
        records.end(ending, failure)
      }
      let record = RecordWriter(ring)
      let journal = try CleanupJournal("watch")
      defer {
        for failure in journal.finish() { records.say(failure.description) }
      }
      try Supervisor.protect(journal)
      try record.start()
      defer {
        record.finish()
        ring.finish()
      }
      let watch = Watch(
        profile, record: record, tracing: LocalWatch.tracing(profile, journal),
        flight: FlightRecorder(ring, psi: rules.psi), isInterrupted: isOver)
      _ = try watch.run()
    } catch {
      throw HarnessErrors([error])
    }
  }
}

/// The records of a flight recorder, one after the other. Used by the record's thread alone, once it runs.
private final class FlightRecords: @unchecked Sendable {
  private let directory: String
  private let rules: LocalFlight.Rules
  let say: @Sendable (String) -> Void
  private var number: Int
  private var begun: UInt64?
  private var passed = 0
  private var isFull = false

  init(
    _ directory: String, _ rules: LocalFlight.Rules, _ say: @escaping @Sendable (String) -> Void
  ) {
    self.directory = directory
    self.rules = rules
    self.say = say
    let names = File.names(in: CampaignFile.trialsDirectory(in: directory))
    number = names.compactMap { $0.hasPrefix("1-") ? Int($0.dropFirst(2)) : nil }.max() ?? 0
  }

  /// nil: it is too early for another, or there is no room.
  func begin(_ profile: Profile, _ trigger: FlightRing.Trigger) -> RecordSink? {
    let now = cl_boottime()
    if let begun, now - begun < rules.every {
      if passed == 0 {
        say(
          "\(trigger.reason): \(trigger.message); no record, as the last began less than"
            + " \(Units.durationText(rules.every)) ago")
      }
      passed += 1
      return nil
    }
    guard used < rules.disk, number < CampaignFile.mostTrials else {
      if !isFull {
        say(
          "\(trigger.reason): \(trigger.message); no record, as \(directory) has its"
            + " \(Units.sizeText(rules.disk)); remove records from it, or raise --disk")
      }
      isFull = true
      return nil
    }
    isFull = false
    do throws(HarnessError) {
      number += 1
      let sink = try LocalWatch(profile, directory).begin(number)
      if passed > 0 {
        var note = NoteLine("\(passed) triggers since the record before were passed over")
        note.t = Int64(clamping: now)
        sink.emit(note)
      }
      say("\(trigger.reason): \(trigger.message); record \(number)")
      (begun, passed) = (now, 0)
      return sink
    } catch {
      say(error.description)
      return nil
    }
  }

  func end(_ ending: Ending, _ failure: HarnessError?) {
    if let failure {
      say("record \(number) is not whole: \(failure.description)")
    } else {
      say("record \(number) is whole: \(ending.outcome.rawValue)")
    }
  }

  /// Of all records, bytes.
  private var used: UInt64 {
    let trials = CampaignFile.trialsDirectory(in: directory)
    return File.names(in: trials).reduce(0) {
      $0 + (File.size("\(trials)/\($1)/\(RecordFile.name)") ?? 0)
    }
  }
}
