// SPDX-License-Identifier: Apache-2.0
import Glibc
import Testing

@testable import StressCore
@testable import StressMachine

struct HeartbeatsTests: ProfileSuite {
  private let second: UInt64 = 1_000_000_000

  private func plan(_ lines: String) throws -> TrialPlan {
    TrialPlan(
      profile: try profile(minimal + "\n" + lines), label: "p", axes: [], number: 1, seed: 1)
  }

  private func beats(patience: UInt64 = 60) -> Heartbeats {
    Heartbeats(disks: [], patience: patience * second, begin: 100 * second)
  }

  @Test func nothingMoves() {
    var beats = beats()
    beats.look(.init(lastEnd: 110 * second, oldest: 105 * second), at: 170 * second)
    #expect(!beats.isStalled(at: 170 * second))
    #expect(beats.workloadAge(at: 170 * second) == 60 * second)
    #expect(beats.oldestAge(at: 170 * second) == 65 * second)
    #expect(beats.storageAge(at: 170 * second) == nil)
    #expect(beats.isStalled(at: 171 * second))
  }

  /// A stream that was not asked for anything waits for its rate, not for the kernel.
  @Test func nothingInFlight() {
    var beats = beats()
    beats.look(.init(lastEnd: 110 * second), at: 300 * second)
    #expect(!beats.isStalled(at: 300 * second))
    beats.look(.init(lastEnd: 110 * second, oldest: 290 * second), at: 300 * second)
    #expect(!beats.isStalled(at: 300 * second))
    beats.look(.init(lastEnd: 0, oldest: 90 * second), at: 300 * second)
    #expect(
      beats.isStalled(at: 300 * second) && beats.workloadAge(at: 300 * second) == 200 * second)
  }

  /// Of a real disk: what it has done before the first look counts as movement, and nothing later does.
  @Test func aDiskThatMovedIsSlow() throws {
    func stat(_ disk: String) -> BlockStatistics? {
      BlockDevice.number(disk).flatMap { BlockStatistics("/sys/dev/block/\($0)/stat") }
    }
    let disks = File.names(in: "/sys/class/block").map { "/dev/" + $0 }
    guard let disk = disks.first(where: { stat($0)?.completed ?? 0 > 0 }) else {
      try Test.cancel("no block device here has ever done anything")
    }
    var beats = Heartbeats(disks: [disk], patience: 60 * second, begin: 100 * second)
    beats.look(.init(lastEnd: 0, oldest: 100 * second), at: 150 * second)
    #expect(beats.storageAge(at: 160 * second) == 10 * second)
    #expect(!beats.isStalled(at: 165 * second) && beats.isStalled(at: 211 * second))
  }

  @Test func countsReadsWritesDiscardsAndFlushes() throws {
    let directory = try TemporaryDirectory()
    let path = try directory.write(
      "stat",
      "     100      2     3     4     2000     6     7     8     0     1     2     30000    5     6     7     400000    9\n"
    )
    #expect(BlockStatistics(path)?.completed == 432_100)
    #expect(BlockStatistics(try directory.write("old", "1 0 0 0 2 0 0 0 0 0 0\n"))?.completed == 3)
    #expect(BlockStatistics(directory.path("none")) == nil)
  }

  @Test func aSlowDiskHasMorePatience() throws {
    #expect(Heartbeats.patience(try plan("device: {bandwidth: 1MiB/s}")) == 60 * second)
    // 4 MiB at 4 KiB/s take 1024 s.
    #expect(Heartbeats.patience(try plan("device: {bandwidth: 4KiB/s}")) == 3072 * second)
    #expect(Heartbeats.patience(try plan("device: {delay: 30s}")) == 90 * second)
    var quick = try plan("device: {size: 512MiB}")
    quick.stallTime = 5 * second
    #expect(Heartbeats.patience(quick) == 5 * second)
    #expect(
      Heartbeats.patience(
        try TrialPlan(parsing: Array(quick.line.json.text.utf8), name: "plan")) == 5 * second)
  }
}

struct TaskStackTests {
  @Test func status() {
    #expect(TaskStack.status("153 (wb-stream) D 1 2") ?? ("", "?") == ("wb-stream", "D"))
    #expect(TaskStack.status("7 (a) b) ( c) S 1") ?? ("", "?") == ("a) b) ( c", "S"))
    #expect(TaskStack.status("") == nil && TaskStack.status("7 (cut") == nil)
  }

  @Test func frames() {
    #expect(
      TaskStack.frames(
        "[<0>] folio_wait_bit_common+0x13d/0x350\n[<0>] ext4_writepages+0x1/0x2 [ext4]\n")
        == ["folio_wait_bit_common+0x13d/0x350", "ext4_writepages+0x1/0x2 [ext4]"])
  }

  /// This process's own threads are told, whatever they do.
  @Test func ownThreads() {
    let stacks = TaskStack.collect(of: [getpid()])
    #expect(stacks.contains { $0.pid == getpid() && $0.tid == getpid() && !$0.comm.isEmpty })
    #expect(stacks.allSatisfy { $0.pid == getpid() || $0.state == "D" })
  }
}
