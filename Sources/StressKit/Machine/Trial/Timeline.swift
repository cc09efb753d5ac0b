// SPDX-License-Identifier: Apache-2.0
import CLinux
import StressCore
import StressRecord
import SystemPackage

/// What the scratch disk lets through, bytes and operations per second; nil: all.
package struct Throttle: Equatable, Sendable {
  package var bandwidth: UInt64?
  package var iops: UInt64?

  package init(_ device: Profile.Device) {
    bandwidth = device.bandwidth
    iops = device.iops
  }

  package var isNone: Bool { bandwidth == nil && iops == nil }

  /// Changes what a moment names; false when it names neither.
  mutating func change(_ moment: Profile.Moment) -> Bool {
    if let new = moment.bandwidth { bandwidth = new }
    if let new = moment.iops { iops = new }
    return moment.bandwidth != nil || moment.iops != nil
  }

  /// By which a guest tells its host.
  package var line: DeviceLine {
    var line = DeviceLine()
    line.bandwidth = bandwidth.map { Int64(clamping: $0) }
    line.iops = iops.map { Int64(clamping: $0) }
    return line
  }

  /// - Throws: for a line that no harness has written: a kernel that damages memory is what is under test.
  package init(_ line: DeviceLine) throws(HarnessError) {
    func limit(_ value: Int64?) throws(HarnessError) -> UInt64? {
      guard let value else { return nil }
      if let limit = UInt64(exactly: value) { return limit }
      throw HarnessError(
        .harness, "the guest", "sent an impossible limit for its disk: \(value)")
    }
    bandwidth = try limit(line.bandwidth)
    iops = try limit(line.iops)
  }
}

/// Carries out a profile's timeline while the streams run: each moment when `advance` first comes after it is
/// due.
///
/// A moment has a `moment` line when it begins. What may take long has a `moment-end` when the kernel has
/// taken it, each value by itself.
final class TimelineRunner {
  /// What is done by those who own it.
  struct Actions {
    /// Starts or stops a stream or a task by its name.
    var start: (String) throws(HarnessError) -> Void
    var stop: (String) throws(HarnessError) -> Void
    var throttle: (Throttle) throws(HarnessError) -> Void
  }

  private var moments: ArraySlice<Profile.Moment>
  private let begin: UInt64
  private var throttle: Throttle
  private let limited: Cgroup
  private let delayed: DelayedDevice?
  private let record: RecordWriter
  private let actions: Actions
  private let files = KernelWrites()
  /// Apart: a new delay can wait for seconds where the disk is slow, and a limit must not come late for it.
  private let delays = KernelWrites()

  /// - Parameters:
  ///   - profile: its limits complete: io files with their device.
  ///   - begin: the streams' start, CLOCK_BOOTTIME in ns.
  ///   - limited: the cgroup that the profile's groups are below.
  ///   - delayed: nil: there is nothing to hold back.
  init(
    _ profile: Profile, begin: UInt64, limited: Cgroup, delayed: DelayedDevice?,
    record: RecordWriter, _ actions: Actions
  ) throws(HarnessError) {
    moments = profile.timeline[...]
    throttle = Throttle(profile.device)
    self.begin = begin
    self.limited = limited
    self.delayed = delayed
    self.record = record
    self.actions = actions
    if !moments.isEmpty { for writes in [files, delays] { try writes.start() } }
  }

  /// When `advance` is to be called next, CLOCK_BOOTTIME in ns; nil: all is carried out.
  var next: UInt64? { moments.first.map { begin + $0.at } }

  /// Begins what is due.
  func advance(to now: UInt64) throws(HarnessError) {
    try fail()
    while let moment = moments.first, begin + moment.at <= now {
      moments.removeFirst()
      record.emit(MomentLine.self) {
        $0.at = Int64(clamping: moment.at)
        $0.what = Self.all(moment).joined(separator: ", ")
      }
      for name in moment.stop { try actions.stop(name) }
      if throttle.change(moment) { try actions.throttle(throttle) }
      write(moment)
      for name in moment.start { try actions.start(name) }
    }
  }

  /// Waits until the kernel has taken what it was told; moments that were not due yet are none.
  func finish() throws(HarnessError) {
    for writes in [files, delays] { writes.finish() }
    try fail()
  }

  private func fail() throws(HarnessError) {
    if let failure = files.failure ?? delays.failure { throw failure }
  }

  private func write(_ moment: Profile.Moment) {
    let group = group(moment.cgroup)
    for (what, write) in zip(Self.settings(moment), writes(moment)) {
      files.add { [record, at = moment.at] () throws(HarnessError) in
        let start = cl_boottime()
        let errno = try Self.carryOut(write, group, record)
        Self.tellEnd(at, what, from: start, errno, record)
      }
    }
    if let delay = moment.delay, let delayed {
      delays.add { [record, delayed, at = moment.at] () throws(HarnessError) in
        let start = cl_boottime()
        try delayed.setDelay(delay)
        Self.tellEnd(at, Self.delay(delay), from: start, nil, record)
      }
    }
  }

  /// What a moment writes to a file.
  private enum Write: Sendable {
    case sysctl(Profile.Setting)
    case file(Profile.Setting)
    case reclaim(UInt64)
    case remove(Cgroup)
  }

  private func writes(_ moment: Profile.Moment) -> [Write] {
    moment.sysctl.map { .sysctl($0) } + (moment.limits + moment.files).map { .file($0) }
      + (moment.reclaim.map { [.reclaim($0)] } ?? [])
      + (moment.removed.map { [.remove(group($0))] } ?? [])
  }

  private func group(_ name: String?) -> Cgroup {
    Cgroup(path: limited.path + (name.map { "/" + $0 } ?? ""), base: limited.base)
  }

  /// - Returns: an errno that is no failure.
  private static func carryOut(
    _ write: Write, _ group: Cgroup, _ record: RecordWriter
  ) throws(HarnessError) -> Errno? {
    switch write {
    case .sysctl(let setting): try KernelSettings.setSysctl(setting)
    case .file(let setting): try CgroupTree.set(group, setting)
    case .reclaim(let bytes): return try CgroupTree.reclaim(bytes, in: group)
    case .remove(let removed):
      return try CgroupTree.removeAll(removed) { record.emit(NoteLine($0)) }
    }
    return nil
  }

  // MARK: The record

  private static func tellEnd(
    _ at: UInt64, _ what: String, from start: UInt64, _ errno: Errno?, _ record: RecordWriter
  ) {
    record.emit(MomentEndLine.self) {
      $0.at = Int64(clamping: at)
      $0.what = what
      $0.start = Int64(clamping: start)
      $0.errno = errno?.name
    }
  }

  private static func settings(_ moment: Profile.Moment) -> [String] {
    let group = moment.cgroup.map { $0 + " " } ?? ""
    return moment.sysctl.map { "\($0.key)=\($0.value)" }
      + (moment.limits + moment.files).map { "\(group)\($0.key)=\($0.value)" }
      + (moment.reclaim.map { ["\(group)memory.reclaim=\($0)"] } ?? [])
      + (moment.removed.map { ["rmdir \($0)"] } ?? [])
  }

  private static func delay(_ nanoseconds: UInt64) -> String { "delay=\(nanoseconds)" }

  /// All that happens, with sizes in bytes and times in ns.
  private static func all(_ moment: Profile.Moment) -> [String] {
    func throttle(_ name: String, _ value: UInt64??) -> [String] {
      value.map { ["\(name)=\($0.map { "\($0)" } ?? "unlimited")"] } ?? []
    }
    return moment.stop.map { "stop \($0)" } + throttle("bandwidth", moment.bandwidth)
      + throttle("iops", moment.iops) + (moment.delay.map { [delay($0)] } ?? [])
      + settings(moment)
      + moment.start.map { "start \($0)" }
  }
}

extension TimelineRunner.Actions {
  /// Starts and stops workers and commands. It holds these and nothing that holds the timeline.
  ///
  /// - Parameter profile: knows their names.
  init(
    on workers: [WorkerProcess], _ commands: Commands?, of profile: Profile,
    throttle: @escaping (Throttle) throws(HarnessError) -> Void
  ) {
    start = { name throws(HarnessError) in
      if try commands?.start(name) == true { return }
      for worker in workers.called(name, in: profile) {
        do throws(HarnessError) {
          try worker.start(at: cl_boottime())
        } catch  where error.errno == .brokenPipe {
          // Its end is told by who looks after it: the OOM killer may take one that waits for its start.
        }
      }
    }
    stop = { name in
      if commands?.stop(name) == true { return }
      for worker in workers.called(name, in: profile) { worker.requestStop() }
    }
    self.throttle = throttle
  }
}

extension [WorkerProcess] {
  /// The workers that a profile means by a name: a stream has one for each of its jobs.
  func called(_ name: String, in profile: Profile) -> [WorkerProcess] {
    let names = profile.streams.first { $0.name == name }?.each.map(\.name) ?? [name]
    return filter { names.contains($0.name) }
  }
}
