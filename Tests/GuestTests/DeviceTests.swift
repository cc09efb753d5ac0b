// SPDX-License-Identifier: Apache-2.0
import Foundation
import Testing

@testable import StressCore
@testable import StressMachine
@testable import StressRecord

/// Slow disks, and what changes of them while the streams run.
@Suite(.serialized, .enabled(if: GuestLab.binary != nil, "WBSTRESS_BINARY is not set; see ci/test"))
struct DeviceTests {
  private static let second: Int64 = 1_000_000_000

  private func run(_ kernel: String, _ profile: String) throws -> RecordReader {
    try GuestLab.withDirectory { directory in
      let record = try GuestLab.record(of: profile, kernel: kernel, in: directory, seed: 3)
      GuestLab.expectNothingLeft(of: directory)
      return record
    }
  }

  /// When the streams began, CLOCK_BOOTTIME in ns.
  private func start(_ record: RecordReader) throws -> Int64 {
    try #require(record.lines("phase").first { $0["name"] == "stream" }?["t"]?.int)
  }

  /// Data and journal wait for one another, and each is held back: an fsync takes a few delays.
  @Test(arguments: [("debian:6.1", "xfs"), ("debian:6.12", "ext4"), ("debian:6.12", "btrfs")])
  func delayChangesWhileTheStreamRuns(_ kernel: String, _ filesystem: String) throws {
    let record = try run(
      kernel,
      """
      streams: [{engine: pwrite, block: 64KiB, fsync: 256KiB, rate: 512KiB/s}]
      filesystem: {type: \(filesystem)}
      device: {delay: 100ms}
      timeline: [{at: 4s, delay: 400ms}, {at: 9s, delay: 0ms}]
      duration: 12s
      """)
    let start = try start(record)
    let taken = record.lines("moment-end").compactMap { $0["t"]?.int }
    try #require(taken.count == 2)
    // The long ones have a line each; the one under way at a change knows both delays.
    func fsyncs(from: Int64, to: Int64) -> [Int64] {
      record.lines("slow").filter {
        $0["kind"] == "fsync" && ($0["start"]?.int ?? 0) > from && ($0["t"]?.int ?? .max) < to
      }.compactMap { $0["latency"]?.int }
    }
    let before = fsyncs(from: start, to: start + 4 * Self.second)
    let after = fsyncs(from: taken[0], to: start + 9 * Self.second)
    let last = fsyncs(from: taken[1], to: .max)
    print("\(kernel) \(filesystem): fsync in ms, before, after, last:")
    for part in [before, after, last] { print(part.map { $0 / 1_000_000 }) }
    #expect(before.count > 1 && before.allSatisfy { $0 >= 100_000_000 })
    #expect(after.count > 1 && after.allSatisfy { $0 >= 400_000_000 })
    // Several requests one after another, of which each waits four times as long.
    #expect(Double(after.min() ?? 0) > 3 * Double(before.min() ?? .max))
    // While a delay lasts none is shorter than it. How long one takes without has no bound on a host whose CPUs are
    // taken: at a load of ten, 106 ms were seen. On an idle one all are too short to have a line each: they are
    // counted by what they wrote.
    let progress = record.lines("progress")
    let written = try #require(progress.last?["bytes"]?.int)
    let earlier = try #require(progress.last { ($0["t"]?.int ?? .max) < taken[1] }?["bytes"]?.int)
    let ended = (written - earlier) / (256 << 10)
    #expect(ended > 1 && 2 * last.count { $0 >= 100_000_000 } < ended, "\(last) of \(ended)")
    // The disk below is as fast as ever: its requests begin when they are let through.
    let block = record.lines(LatencyLine.self, of: TraceSpan.blockWrite.label)
    let count = block.compactMap(\.count).reduce(0, +)
    #expect(count > 10 && block.compactMap(\.sum).reduce(0, +) / max(1, count) < 100_000_000)
    let mount = try #require(record.first("environment")?["mount"]?.string)
    #expect(mount.hasPrefix("/dev/dm-0 "))
    let columns = record.lines("columns").flatMap { $0["names"]?.array ?? [] }.compactMap(\.string)
    #expect(columns.contains("disk:write_ios") && columns.contains("bdi:BdiWritten"))
    #expect(record.lines("note").isEmpty)
  }

  @Test func bandwidthAndLimitsChangeWhileTheStreamRuns() throws {
    let record = try run(
      "debian:6.12",
      """
      limits: {memory.max: 64MiB, cpuset.cpus: 0-1}
      streams: [{engine: pwrite, block: 64KiB, fsync: 256KiB}]
      device: {bandwidth: 1MiB/s, iops: 1000}
      timeline:
        - at: 6s
          bandwidth: 8MiB/s
          limits: {memory.max: 32MiB, cpuset.cpus: 1}
          sysctl: {vm.dirty_background_ratio: 5}
      duration: 12s
      """)
    let start = try start(record)
    let bytes = record.lines("progress").compactMap { line -> (t: Double, bytes: Double)? in
      guard let t = line["t"]?.int, let bytes = line["bytes"]?.double else { return nil }
      return (Double(t - start) / 1e9, bytes / Double(1 << 20))
    }
    func rate(_ range: ClosedRange<Double>) throws -> Double {
      let part = bytes.filter { range.contains($0.t) }
      let (first, last) = (try #require(part.first), try #require(part.last))
      return (last.bytes - first.bytes) / (last.t - first.t)
    }
    let (before, after) = (try rate(1...5.9), try rate(7...12))
    print("MiB/s before and after: \(before), \(after)")
    #expect(before < 1.2 && after > 3 * before)
    #expect(
      try record.lines(DeviceLine.self).map { try Throttle($0) }.map { [$0.bandwidth, $0.iops] }
        == [[8 << 20, 1000], [nil, nil]])
    let moment = try #require(record.first("moment"))
    #expect(
      moment["what"]
        == "bandwidth=8388608, vm.dirty_background_ratio=5, memory.max=33554432, cpuset.cpus=1")
    #expect(abs(try #require(moment["t"]?.int) - start - 6 * Self.second) < 100_000_000)
    // Each write by itself, with its time.
    let ends = record.lines("moment-end")
    #expect(
      ends.map { $0["what"] } == [
        "vm.dirty_background_ratio=5", "memory.max=33554432", "cpuset.cpus=1",
      ])
    #expect(ends.allSatisfy { ($0["start"]?.int ?? .max) <= ($0["t"]?.int ?? 0) })
  }
}
