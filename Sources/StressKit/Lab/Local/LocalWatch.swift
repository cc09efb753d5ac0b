// SPDX-License-Identifier: Apache-2.0
import CLinux
import Glibc
import StressCore
import StressMachine
import StressRecord

/// Cgroups of others on this machine that are looked at, into a directory that reads as a campaign of one trial.
package struct LocalWatch {
  package static let longest = "24h"
  static let label = "watch"

  package let profile: Profile
  package let directory: String

  init(_ profile: Profile, _ directory: String) {
    self.profile = profile
    self.directory = directory
  }

  /// Finds the cgroups, and makes the directory.
  ///
  /// - Parameters:
  ///   - observe: keys of `observe` and their values.
  ///   - duration: at most, as in `10m`.
  /// - Throws: every reason not to begin.
  package static func prepare(
    _ targets: [WatchTarget], observe: [Profile.Setting], duration: String, directory: String
  ) throws(HarnessErrors) -> LocalWatch {
    try demand()
    let groups = try WatchTarget.find(targets)
    let profile = try Watch.profile(groups, targets, observe: observe, duration: duration)
    do throws(HarnessError) {
      try File.makeDirectory(directory)
      if try !File.list(directory).isEmpty {
        throw HarnessError(
          .usage, directory, "is not empty", remedy: "name a new --output directory")
      }
    } catch {
      throw HarnessErrors([error])
    }
    return LocalWatch(profile, directory)
  }

  /// What a machine must have.
  static func demand() throws(HarnessErrors) {
    do throws(HarnessError) {
      if geteuid() != 0 {
        throw HarnessError(
          .refused, "watch", "needs root: the kernel's log and trace are not for everybody",
          remedy: "sudo")
      }
      try CgroupTree.check(["memory"])
    } catch {
      throw HarnessErrors([error])
    }
  }

  /// nil: the profile wants none.
  static func tracing(_ profile: Profile, _ journal: CleanupJournal) -> Tracing? {
    let observe = profile.observe
    if !observe.trace { return nil }
    return Tracing(observe, threads: Watch.threads(profile), hasProbes: false, journal)
  }

  /// Makes a record, with its header, and makes the campaign have it.
  ///
  /// - Parameter number: of the record, from 1.
  func begin(_ number: Int) throws(HarnessError) -> RecordSink {
    let plan = plan(number)
    let trial = CampaignFile.trialDirectory(in: directory, cell: 0, number: number)
    try File.makeDirectory(CampaignFile.trialsDirectory(in: directory))
    try File.makeDirectory(trial)
    let sink = try RecordSink(trial + "/" + RecordFile.name)
    var header = TrialHeader(
      plan: plan, kernel: KernelSpec.running.description, release: LocalTrial.release,
      accelerator: "none", diskCache: "none", mkfs: MadeFilesystem())
    header.daemons = try MemoryDaemon.alive().map(\.name)
    header.write(sink)
    try CampaignFile(
      label: Self.label, cells: [CampaignFile.Cell(axes: plan.axes, profile: profile)],
      identity: Preflight.identity(nil), trials: number, seed: 0
    ).write(to: directory)
    return sink
  }

  private func plan(_ number: Int) -> TrialPlan {
    TrialPlan(
      profile: profile, label: Self.label,
      axes: [Profile.Setting(CampaignFile.kernelKey, KernelSpec.running.description)],
      number: number, seed: 0)
  }

  /// Watches, and leaves the machine as it was. Whatever happens is an ending, with the record kept.
  package func run(_ interrupt: Interrupt) throws(HarnessError) -> Ending {
    let sink = try begin(1)
    let started = cl_monotonic()
    let journal = try CleanupJournal("watch")
    let record = RecordWriter(sink)
    try record.start()
    var ending: Ending
    do throws(HarnessError) {
      try Supervisor.protect(journal)
      let tracing = Self.tracing(profile, journal)
      ending = try Watch(profile, record: record, tracing: tracing) { interrupt.isRequested }.run()
    } catch {
      ending = Ending(.invalid, reason: "set-up", message: error.description)
    }
    journal.finish(record, &ending)
    sink.emit(HostLine.self) { $0.seconds = Double(cl_monotonic() - started) / 1e9 }
    sink.emit(EndLine(ending))
    try sink.finish()
    return ending
  }
}
