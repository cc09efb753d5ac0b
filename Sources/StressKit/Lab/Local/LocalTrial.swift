// SPDX-License-Identifier: Apache-2.0
import CLinux
import Glibc
import StressCore
import StressMachine
import StressRecord

/// One trial on this very machine, on loop devices or a device that the user named: what a guest does, without the
/// guest.
package struct LocalTrial {
  package var plan: TrialPlan
  /// Where the record goes.
  package var directory: String
  /// Where the images go; for a file system that has room, and that nobody misses. nil: none are needed.
  package var images: String?
  /// What is wiped for the scratch disk; nil: it is an image, too.
  package var device: NamedDevice?
  /// Where the cgroups go.
  package var place: CgroupPlace
  /// What aborts it for the sake of the machine, as far as the user says.
  package var limits = MachineLimits()

  package static let scratchName = "wbstress-scratch"
  /// Beside the workers' `wbstress`.
  static let supervisorGroup = "wbstress-supervisor"

  package var recordPath: String { directory + "/" + RecordFile.name }

  package init(
    plan: TrialPlan, directory: String, images: String?, device: NamedDevice? = nil,
    place: CgroupPlace
  ) {
    self.plan = plan
    self.directory = directory
    self.images = images
    self.device = device
    self.place = place
  }

  /// The release of the kernel that runs.
  package static var release: String { File.line("/proc/sys/kernel/osrelease") ?? "?" }

  /// Carries the trial out, and leaves the machine as it was. Whatever happens is an ending, with the record
  /// kept; what is thrown is a machine that lacks something, or on which an earlier trial's remains are.
  ///
  /// A bandwidth or a number of operations is io.max of the limited cgroup (Documentation/admin-guide/
  /// cgroup-v2.rst): what the kernel writes on its own account, a journal for one, it does not hold back.
  package func run(
    _ interrupt: Interrupt, progress: @escaping (String) -> Void = { _ in }
  ) throws(HarnessError) -> Ending {
    // Of one that lives: a watch, which disturbs nobody.
    if let left = try LeftJournal.all().first(where: { $0.owner?.isAlive != true }) {
      throw left.refusal
    }
    try File.makeDirectory(directory)
    File.remove(recordPath, .nothingToRemove)
    let sink = try RecordSink(recordPath)
    let started = cl_monotonic()
    let journal = try CleanupJournal("trial")
    journal.patience = Patience { interrupt.requests > 1 }
    let ending: Ending
    do throws(HarnessError) {
      ending = try carryOut(journal, sink, interrupt, progress)
    } catch {
      // What is left then is told by the guards of the next run.
      _ = journal.finish()
      throw error
    }
    sink.emit(HostLine.self) { $0.seconds = Double(cl_monotonic() - started) / 1e9 }
    sink.emit(EndLine(ending))
    try sink.finish()
    return ending
  }

  private static func attach(
    _ image: String, _ journal: CleanupJournal
  ) throws(HarnessError) -> LoopDevice {
    let device = try journal.make(try MadeLoopDevice(of: image)) { () throws(HarnessError) in
      try LoopDevice(image)
    }
    journal.own { device.letGo() }
    return device
  }

  private func header(
    _ plan: TrialPlan, mkfs: MadeFilesystem, cache: String
  ) throws(HarnessError) -> TrialHeader {
    var header = TrialHeader(
      plan: plan, kernel: KernelSpec.running.description, release: Self.release,
      accelerator: "none", diskCache: cache, mkfs: mkfs)
    header.disk = device
    header.daemons = try MemoryDaemon.alive().map(\.name)
    return header
  }

  private func carryOut(
    _ journal: CleanupJournal, _ sink: RecordSink, _ interrupt: Interrupt,
    _ progress: @escaping (String) -> Void
  ) throws(HarnessError) -> Ending {
    let profile = plan.profile
    let scratch = try Scratch("\(images ?? directory)/\(Self.scratchName)", journal)
    progress("mkfs")
    let disk = try LocalDisk(device, image: scratch.disk, profile, results: directory)
    let mkfs: MadeFilesystem
    do throws(HarnessError) {
      try scratch.makeOthers(profile)
      if device == nil { try scratch.makeDisk(profile) }
      mkfs = try disk.makeFilesystem(profile)
    } catch {
      let ending = try refuse(error, sink, journal)
      // A tool that was under way was killed for it.
      return interrupt.isRequested ? .interrupted : ending
    }
    let isWhole = try scratch.allocate(profile)
    var plan = plan
    var isDirect = true
    if let device {
      plan.device = device.path
    } else {
      let loop = try Self.attach(scratch.disk, journal)
      plan.device = loop.path
      isDirect = loop.isDirect
    }
    if profile.cache > 0 { plan.cacheDevice = try Self.attach(scratch.cache, journal).path }
    if profile.machine.swap > 0 { plan.swapDevice = try Self.attach(scratch.swap, journal).path }
    var header = try header(plan, mkfs: mkfs, cache: isDirect ? "none" : "writeback")
    header.isWhole = isWhole
    header.write(sink)

    let record = RecordWriter(sink)
    let supervisor = try Supervisor(plan, in: place, group: Self.supervisorGroup, journal)
    try record.start()
    var ending = carryOut(plan, supervisor, record, journal, interrupt, progress)
    supervisor.report(record)
    journal.finish(record, &ending)
    return ending
  }

  private func carryOut(
    _ plan: TrialPlan, _ supervisor: Supervisor, _ record: RecordWriter,
    _ journal: CleanupJournal, _ interrupt: Interrupt, _ progress: @escaping (String) -> Void
  ) -> Ending {
    do throws(HarnessError) {
      try Supervisor.protect(journal)
      let throttle = { (throttle: Throttle) throws(HarnessError) in
        try Self.set(throttle, device: plan.device, of: supervisor.cgroups.group(Trial.root))
      }
      var venue = Trial.Venue(
        awaitDevices: {},
        awaitGo: { () throws(HarnessError) in try throttle(Throttle(plan.profile.device)) },
        throttle: throttle)
      venue.isInterrupted = { interrupt.isRequested }
      venue.onPhase = { progress($0.rawValue) }
      venue.machineLimits = limits.completed(for: plan.profile, total: MachineLimits.memTotal())
      let trial = try Trial(
        plan, record: record, journal: journal, cgroups: supervisor.cgroups,
        tracing: supervisor.tracing, in: venue)
      var ending = trial.run()
      if ending == .interrupted, let unit = supervisor.unit, DelegatedUnit.isStopping(unit.name) {
        ending.message = "its unit \(unit.name) was stopped: systemctl stop, or a shutdown"
      }
      return ending
    } catch {
      return Ending(.invalid, reason: "set-up", message: error.description)
    }
  }

  /// The record of a trial whose file system could not be made.
  private func refuse(
    _ error: HarnessError, _ sink: RecordSink, _ journal: CleanupJournal
  ) throws(HarnessError) -> Ending {
    if let failure = journal.finish().first { throw failure }
    try header(plan, mkfs: MadeFilesystem(), cache: "writeback").write(sink)
    return TrialHeader.refused(error)
  }

  private static func set(
    _ throttle: Throttle, device: String, of group: Cgroup
  ) throws(HarnessError) {
    guard let number = BlockDevice.diskNumber(device), File.exists(group.file("io.max")) else {
      if throttle.isNone { return }
      throw HarnessError(
        .environment, "cgroup \(group.location)", "has no io.max",
        remedy: "the kernel needs CONFIG_BLK_DEV_THROTTLING")
    }
    func text(_ value: UInt64?) -> String { value.map { "\($0)" } ?? "max" }
    let (bytes, operations) = (text(throttle.bandwidth), text(throttle.iops))
    try CgroupTree.set(
      group,
      Profile.Setting(
        "io.max",
        "\(number) rbps=\(bytes) wbps=\(bytes) riops=\(operations) wiops=\(operations)"))
  }
}

extension CleanupJournal {
  /// Undoes all that a run on this machine has made, and ends its record; what could not be undone is told.
  func finish(_ record: RecordWriter, _ ending: inout Ending) {
    for failure in finish() {
      record.emit(NoteLine(failure.description))
      if ending.outcome == .completed {
        ending = Ending(.invalid, reason: "take-down", message: failure.description)
      }
    }
    record.emitCount()
    record.finish()
  }
}
