// SPDX-License-Identifier: Apache-2.0
import CLinux
import Glibc
import StressCore
import StressRecord

/// When the workload and the storage last moved, as the supervisor sees it while streams run. That it sees anything
/// is the kernel's own heartbeat.
///
/// A trial is stalled when for all of its patience no operation has ended, the oldest in flight is as old, and no
/// disk has completed a request. A disk that goes on, however slowly, is slow: a result like any other.
struct Heartbeats: Sendable {
  /// Between two looks at the disks, ns.
  static let interval: UInt64 = 1_000_000_000
  private static let second: UInt64 = 1_000_000_000

  /// What the operations of workers tell; times are CLOCK_BOOTTIME in ns, here and below.
  struct Workload: Equatable, Sendable {
    /// When one last ended; 0: none has.
    var lastEnd: UInt64 = 0
    /// When the oldest in flight began; nil: none is.
    var oldest: UInt64?
  }

  let patience: UInt64
  private let begin: UInt64
  private var workload = Workload()
  private let disks: [BlockStatistics]
  private var completed: UInt64 = 0
  private var storageMoved: UInt64

  /// - Parameters:
  ///   - disks: the block devices of the trial: the scratch disk, and the swap.
  ///   - begin: the streams' start.
  init(disks: [String], patience: UInt64, begin: UInt64) {
    self.disks = disks.compactMap(BlockDevice.number).compactMap {
      BlockStatistics("/sys/dev/block/\($0)/stat")
    }
    self.patience = patience
    self.begin = begin
    storageMoved = begin
  }

  /// Of a trial's scratch disk and its swap.
  init(_ plan: TrialPlan, begin: UInt64) {
    self.init(
      disks: [plan.device, plan.swapDevice].compactMap(\.self), patience: Self.patience(plan),
      begin: begin)
  }

  /// How long neither may move: what the plan says, and on a disk that is meant to be slow several times what it
  /// needs for one large request.
  static func patience(_ plan: TrialPlan) -> UInt64 {
    let device = plan.profile.device
    let moments = plan.profile.timeline
    let bandwidth = ([device.bandwidth] + moments.map { $0.bandwidth ?? nil }).compactMap(\.self)
      .min()
    let iops = ([device.iops] + moments.map { $0.iops ?? nil }).compactMap(\.self).min()
    let delay = ([device.delay] + moments.map { $0.delay ?? 0 }).max() ?? 0
    // Bios are larger than max_sectors_kb, and io.max holds back a whole one (block/blk-throttle.c).
    let request: UInt64 = 4 << 20
    let longest =
      (bandwidth.map { request * second / max($0, 1) } ?? 0)
      + (iops.map { second / max($0, 1) } ?? 0)
      + delay
    return max(plan.stallTime, 3 * longest)
  }

  /// Takes note of what the workers tell, and of the disks.
  mutating func look(_ workload: Workload, at now: UInt64) {
    self.workload = workload
    let completed = disks.reduce(UInt64(0)) { $0 &+ ($1.completed ?? 0) }
    if completed != self.completed {
      self.completed = completed
      storageMoved = now
    }
  }

  private func age(_ time: UInt64, _ now: UInt64) -> UInt64 { now - min(max(time, begin), now) }

  /// Since an operation last ended, or the streams began, ns.
  func workloadAge(at now: UInt64) -> UInt64 { age(workload.lastEnd, now) }
  /// Of the oldest operation in flight; nil: none is.
  func oldestAge(at now: UInt64) -> UInt64? { workload.oldest.map { age($0, now) } }
  /// Since a disk was last seen to complete a request; nil: there is none to be seen.
  func storageAge(at now: UInt64) -> UInt64? { disks.isEmpty ? nil : age(storageMoved, now) }

  func isStalled(at now: UInt64) -> Bool {
    workloadAge(at: now) > patience && oldestAge(at: now) ?? 0 > patience
      && storageAge(at: now) ?? .max > patience
  }

  /// The storage's, in a message.
  func storage(at now: UInt64) -> String {
    storageAge(at: now).map { "its disks completed no request for \($0 / Self.second) s" }
      ?? "no disk tells what it completes"
  }

  /// For the record.
  func line(at now: UInt64) -> HeartbeatsLine {
    var line = HeartbeatsLine()
    line.workload = Int64(clamping: workloadAge(at: now))
    line.oldest = oldestAge(at: now).map { Int64(clamping: $0) }
    line.storage = storageAge(at: now).map { Int64(clamping: $0) }
    line.patience = Int64(clamping: patience)
    return line
  }
}

/// A block device's counters, kept open: Documentation/admin-guide/iostats.rst.
final class BlockStatistics: Sendable {
  private let descriptor: Descriptor

  /// nil: there is no such file.
  init?(_ path: String) {
    guard let descriptor = try? Descriptor(open: path) else { return nil }
    self.descriptor = descriptor
  }

  /// Requests completed so far: reads, writes, discards and flushes; nil: it cannot be read. Allocates nothing.
  var completed: UInt64? {
    var text = InlineArray<256, UInt8>(repeating: 0)
    var span = text.mutableSpan
    let got = span.withUnsafeMutableBytes { pread(descriptor.raw, $0.baseAddress, $0.count, 0) }
    guard got > 0 else { return nil }
    var (sum, value, field) = (UInt64(0), UInt64(0), 0)
    var isNumber = false
    for i in 0..<got {
      let byte = text[i]
      if byte >= 0x30, byte <= 0x39 {
        value = value &* 10 &+ UInt64(byte - 0x30)
        isNumber = true
      } else if isNumber {
        if field == 0 || field == 4 || field == 11 || field == 15 { sum &+= value }
        field += 1
        value = 0
        isNumber = false
      }
    }
    return sum
  }
}
