// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import StressAnalysis
@testable import StressCore
@testable import StressLab
@testable import StressMachine

struct SupervisorMemoryTests {
  private static let mib: UInt128 = 1 << 20

  private func profile(_ change: (inout Profile) -> Void = { _ in }) -> Profile {
    var profile = Profile(name: "p")
    profile.streams = [Profile.Stream(name: "backup")]
    change(&profile)
    return profile
  }

  /// A block for each write in flight, and one to read back into, of each job.
  @Test(
    arguments: [
      (.ioUring, 64, 1, false, 64 * 16), (.ioUring, 64, 3, true, 3 * 65 * 16),
      (.pwrite, 1, 2, false, 2 * 16), (.mmap, 1, 1, true, 2 * 16),
    ] as [(Profile.Stream.Engine, Int, Int, Bool, Int)])
  func buffersOfAStream(
    _ engine: Profile.Stream.Engine, _ depth: Int, _ jobs: Int, _ readsBack: Bool, _ expected: Int
  ) throws {
    func memory(block: UInt64) throws -> UInt128 {
      let profile = profile {
        $0.streams[0].engine = engine
        $0.streams[0].depth = depth
        $0.streams[0].jobs = jobs
        $0.streams[0].block = block
        $0.streams[0].readBack = readsBack ? 1 << 30 : nil
      }
      return SupervisorMemory(profile, cpus: 2).total
    }
    let small = try memory(block: 512)
    let large = try memory(block: 16 << 20)
    #expect((large - small) / Self.mib + 1 >= UInt128(expected))
    #expect((large - small) / Self.mib <= UInt128(expected))
  }

  /// What is said is what the block of the worker takes.
  @Test func aWorkersShareIsItsBlock() throws {
    let one = profile { $0.streams[0].block = 1 << 20 }
    let control = StreamRunner.control(one.streams[0])
    let block = try SharedBlock(name: "backup", control, path: "/x")
    #expect(SharedBlock.length(control) == UInt128(block.length))
    let part = try #require(
      SupervisorMemory(one, cpus: 2).parts.first { $0.name.hasPrefix("stream backup") })
    #expect(part.bytes == UInt128(block.length + 2 * OperationRecorder.Latencies.memory))
  }

  /// The largest of everything that a profile may say overflows nothing.
  @Test func theLargestProfile() {
    let all = profile {
      $0.streams[0].block = 64 << 20
      $0.streams[0].depth = 4096
      $0.streams[0].jobs = 64
      $0.streams[0].files = 1024
      $0.streams[0].size = Units.largest
      $0.streams[0].fsync = .every(1)
      $0.streams[0].readBack = Units.largest
      $0.streams = Array(repeating: $0.streams[0], count: 8)
      var task = Profile.Task(name: "probe", action: .probe)
      task.size = Units.largest
      $0.tasks = Array(repeating: task, count: 8)
      $0.pinned = Array(repeating: .init(name: "db", size: Units.largest), count: 8)
      $0.machine.memory = Units.largest
      $0.machine.cpus = 255
      $0.machine.zram = Units.largest
      $0.machine.swap = Units.largest
      $0.cache = Units.largest
      $0.device.size = Units.largest
      $0.observe.traceBuffer = 4 << 30
      $0.observe.fast = 1_000_000
      $0.observe.rstat = 1_000_000
      var group = Profile.Group(name: "g")
      group.limits = [.init("memory.max", "\(Units.largest)")]
      $0.cgroups = Array(repeating: group, count: 8)
    }
    let memory = SupervisorMemory(all, cpus: 255)
    #expect(memory.total > 8 * UInt128(Units.largest))
    #expect(SupervisorMemory.refusal(inGuest: all) != nil)
    #expect(Guards.memory(of: all) > 8 * UInt128(Units.largest))
  }

  /// The situation that this is for: 1 GiB of buffers in a guest of 1 GiB.
  @Test func whatFindsNoRoomIsRefused() throws {
    let smoke = try ProfileCatalog().find("smoke").file
    let refused = try smoke.profile(
      variant: nil,
      overrides: [
        (key: "streams.engine", value: "io_uring", origin: "--vary"),
        (key: "streams.block", value: "16MiB", origin: "--vary"),
        (key: "streams.depth", value: "64", origin: "--vary"),
      ])
    let error = try #require(SupervisorMemory.refusal(inGuest: refused))
    #expect(error.code == .usage && error.object == "smoke")
    let stream = try #require(refused.streams.first?.name)
    #expect(
      error.operation.contains("of 1GiB (machine.memory)")
        && error.operation.contains("stream \(stream) (block 16MiB x depth 64)"),
      "\(error)")
    #expect(
      error.operation.firstMatch(of: /takes 1\d\d\d MiB, of it stream .* 10[23]\d MiB/) != nil,
      "\(error)")
    #expect(
      error.remedy == "lower block, depth or jobs of \(stream), or raise machine.memory")
    let larger = try smoke.profile(
      variant: nil,
      overrides: [
        (key: "streams.engine", value: "io_uring", origin: "--vary"),
        (key: "streams.block", value: "16MiB", origin: "--vary"),
        (key: "streams.depth", value: "64", origin: "--vary"),
        (key: "machine.memory", value: "2GiB", origin: "--vary"),
      ])
    #expect(SupervisorMemory.refusal(inGuest: larger) == nil)
  }

  /// The least guests for smoke (docs/findings.md); of 116 and 100 MiB, with a pin that is not locked, it completed.
  @Test(arguments: [
    ([("observe.trace_buffer", "2MiB")], 116),
    ([("observe.trace", "off"), ("machine.cpus", "1")], 102),
  ])
  func theLeastGuest(_ overrides: [(String, String)], _ least: Int) throws {
    let smoke = try ProfileCatalog().find("smoke").file
    func isRefused(_ mebibytes: Int) throws -> Bool {
      let all = overrides + [("machine.memory", "\(mebibytes)MiB")]
      let profile = try smoke.profile(
        variant: nil, overrides: all.map { (key: $0.0, value: $0.1, origin: "--vary") })
      return SupervisorMemory.refusal(inGuest: profile) != nil
    }
    #expect(try (64...160).first { try !isRefused($0) } == least)
  }

  /// The trace's ring, the samples' and the pins count as well.
  @Test func everyPartCounts() throws {
    for (what, change) in [
      ("observe.trace_buffer 600MiB x 2 CPUs", { $0.observe.traceBuffer = 600 << 20 }),
      (
        "observe.fast 1ms",
        { profile in
          profile.observe.fast = 1_000_000
          profile.cgroups = (0..<400).map { Profile.Group(name: "g\($0)") }
        }
      ),
      (
        "task probe (size 1GiB)",
        {
          var task = Profile.Task(name: "probe", action: .probe)
          task.size = 1 << 30
          $0.tasks = [task]
        }
      ),
      ("locked pins 1000 MiB", { $0.pinned = [.init(name: "db", size: 1000 << 20)] }),
    ] as [(String, (inout Profile) -> Void)] {
      let error = try #require(SupervisorMemory.refusal(inGuest: profile(change)), "\(what)")
      #expect(error.operation.contains(what), "\(error)")
    }
    var growing = Profile.Pinned(name: "db", size: 1000 << 20)
    growing.growth = 1 << 20
    #expect(SupervisorMemory.refusal(inGuest: profile { $0.pinned = [growing] }) == nil)
  }

  /// Those that come with it run.
  @Test func everyShippedProfileFindsRoom() throws {
    for entry in ProfileCatalog().list() {
      let file = try ProfileCatalog().find(entry.name).file
      for variant in [nil] + file.variants.map(Optional.some) {
        let profile = try file.profile(variant: variant)
        #expect(
          SupervisorMemory.refusal(inGuest: profile) == nil, "\(entry.name):\(variant ?? "")")
      }
    }
  }

  // MARK: A guest that panics all the same

  private static let panic =
    "[   12.345678] Kernel panic - not syncing: System is deadlocked on memory"

  /// The harness is PID 1, which the OOM killer never takes.
  @Test func aDeadlockOfItsOwnIsNotTheKernels() throws {
    let large = profile {
      $0.streams[0].block = 16 << 20
      $0.streams[0].depth = 40
    }
    let ending = try #require(GuestTrial.exhausted(large, Self.panic))
    #expect(ending.outcome == .invalid && ending.reason == "harness-memory")
    #expect(!ending.outcome.counts)
    let message = try #require(ending.message)
    #expect(message.contains("stream backup (block 16MiB x depth 40) 64"), "\(message)")
    #expect(message.contains("System is deadlocked on memory"))
    // Of a kernel that leaks, or that has panicked for something else.
    #expect(GuestTrial.exhausted(profile(), Self.panic) == nil)
    #expect(
      GuestTrial.exhausted(large, "Kernel panic - not syncing: Fatal exception") == nil)
    #expect(
      GuestTrial.exhausted(
        large, "Kernel panic - not syncing: Out of memory: system-wide panic_on_oom is enabled")
        == nil)
  }
}
