// SPDX-License-Identifier: Apache-2.0
import Glibc
import StressCore
import StressRecord

/// What stays the same from a trial's first phase to its last.
struct TrialContext {
  let plan: TrialPlan
  let record: RecordWriter
  let journal: CleanupJournal
  /// nil: none.
  let tracing: Tracing?
  let venue: Trial.Venue

  var profile: Profile { plan.profile }
  /// Nothing is read while the streams run.
  var isBare: Bool { profile.observe.level == .bare }
  /// How long a killed worker may take to die.
  var killTime: UInt64 { (journal.patience.isHurried() ? 1 : 60) * Trial.second }

  func phase(_ name: PhaseLine.Name, at time: UInt64? = nil, delay: UInt64? = nil) {
    record.emit(PhaseLine.self, at: time) {
      $0.name = name
      $0.delay = delay.map { Int64(clamping: $0) }
    }
    venue.onPhase(name)
  }

  /// Limits as the kernel takes them; io files name a disk, whose number a profile cannot know.
  func complete(_ limits: [Profile.Setting]) throws(HarnessError) -> [Profile.Setting] {
    func lacksDevice(_ limit: Profile.Setting) -> Bool {
      ["io.max", "io.latency"].contains(limit.key) && !limit.value.contains(":")
    }
    guard limits.contains(where: lacksDevice) else { return limits }
    try venue.awaitDevices()
    guard let number = BlockDevice.diskNumber(plan.device) else {
      throw HarnessError(.environment, plan.device, "is not a block device")
    }
    return limits.map { limit in
      lacksDevice(limit) ? Profile.Setting(limit.key, "\(number) \(limit.value)") : limit
    }
  }

  /// Lets the disk take what it can. Only to save time: without it what is dirty trickles.
  func quicken() {
    guard profile.throttlesDevice else { return }
    noting { () throws(HarnessError) in try venue.throttle(Throttle(Profile.Device())) }
  }

  /// Takes a step without which the trial's outcome is the same; what goes wrong is told.
  @discardableResult
  func noting<T>(_ step: () throws(HarnessError) -> T) -> T? {
    do throws(HarnessError) {
      return try step()
    } catch {
      note(error)
      return nil
    }
  }

  func note(_ failure: HarnessError) {
    record.emit(NoteLine(failure.description))
  }

  func recordEnd(_ worker: WorkerProcess) {
    record.emit(WorkerLine.self) {
      $0.name = worker.name
      $0.event =
        switch worker.exit {
        case .status(0): .done
        case .status: .failed
        case .signal(SIGKILL): worker.wasStopped ? .stopped : .killed
        case .signal: .crashed
        case nil: .unkillable
        }
      $0.exit = worker.exit?.description
      $0.message = worker.failure?.description
    }
  }
}

/// What a trial has on its machine. The set-up makes it part by part and may fail at any, the run adds what it starts,
/// and the take-down ends what there is by then.
struct TrialParts {
  var cgroups: CgroupTree
  /// Of the journal, before the first cgroup; nil: the set-up has not come to them.
  var cgroupsMark: Int?
  /// Has the profile's limits; nil: as above.
  var limited: Cgroup?
  /// The profile's own groups below it.
  var tree: [Cgroup] = []
  var workers: [WorkerProcess] = []
  var streams: [OperationRecorder] = []
  var tasks: [OperationRecorder] = []
  /// nil: the profile has none, or the set-up has not come to them.
  var commands: Commands?
  /// Of the commands, in the profile's order.
  var commandGroups: [Cgroup] = []
  /// In the profile's order.
  var pins: [OperationRecorder] = []
  let disk: ScratchDisk
  var lanes: Lanes
  let kernelLog: KernelLogFollower
  /// nil: of a bare trial.
  var announcements: Announcements?
  /// nil: the machine has a host to watch it.
  var watchdog: Watchdog?
  /// nil: the streams have not come to their start.
  var timeline: TimelineRunner?
  /// Memory that the profile takes as page cache; nil: none.
  var pageCache: PageCache?

  /// All that have something to do from the streams' start on.
  var actors: [OperationRecorder] {
    pins.filter { $0.worker.isLate || $0.worker.isHot } + streams + tasks
  }

  /// The workers' and commands' own cgroups; the jobs of a stream share one.
  var workerGroups: [Cgroup] {
    workers.compactMap(\.group).reduce(into: []) { if $0.last != $1 { $0.append($1) } }
      + commandGroups
  }

  /// How the watchdog has ended the trial; nil: it has not.
  var aborted: Ending? {
    switch watchdog?.verdict {
    case .stuck(let message): Ending(.harnessLost, reason: "stuck", message: message)
    case .machine(let message): Ending(.invalid, reason: Ending.machine, message: message)
    case nil: nil
    }
  }
}
