// SPDX-License-Identifier: Apache-2.0
import CLinux
import Glibc
import SystemPackage
import Testing

@testable import StressAnalysis
@testable import StressCore
@testable import StressMachine

@Suite(
  .serialized,
  .enabled(if: File.exists(Executable.path), "wbstress is not built beside the tests"))
struct PinnedMemoryTests {
  private static let mebibyte: UInt64 = 1 << 20
  private let fixture: WorkerFixture

  init() throws { fixture = try WorkerFixture() }

  private func pin(
    _ mode: Profile.Pinned.Mode, _ size: UInt64 = 8 * mebibyte,
    _ change: (inout Profile.Pinned) -> Void = { _ in }
  ) -> Profile.Pinned {
    var pinned = Profile.Pinned(name: "db", size: size)
    pinned.mode = mode
    change(&pinned)
    return pinned
  }

  private func start(
    _ pinned: Profile.Pinned, slow: UInt64 = .max, executable: String = Executable.path
  ) throws -> OperationRecorder {
    try fixture.ready(
      WorkerProcess.pinning(
        pinned, cgroup: nil, seed: 1, slow: slow, executable: executable))
  }

  /// mlock needs CAP_IPC_LOCK or a limit that is large enough.
  private func requireLocked(_ worker: WorkerProcess) throws {
    if worker.failure?.errno == .notPermitted || worker.failure?.errno == .noMemory {
      try Test.cancel("this session may not lock as much")
    }
    try #require(worker.isReady, "\(worker.failure?.description ?? "not ready")")
  }

  // MARK: Filling

  /// Ready when every byte is there, and then nothing but there until it is killed.
  ///
  /// - Parameter threshold: 0: every touch is slow; else none is.
  @Test(arguments: [0, .max] as [UInt64])
  func touches(_ threshold: UInt64) throws {
    let recorder = try start(pin(.touched, 32 * Self.mebibyte), slow: threshold)
    let worker = recorder.worker
    #expect(worker.isReady && worker.reach.reached == 32 << 20)
    // Every touch is in the histogram; in the log are the slow ones, as far as it goes.
    let touches = try #require(worker.touches)
    #expect(touches.count == 8192 && touches.histogram.reduce(0) { $0 + $1.count } == 8192)
    #expect(touches.histogram.last?.value == LatencyBucket.lowest(LatencyBucket.of(touches.max)))
    #expect(worker.totals.logLost == (threshold == 0 ? 4096 : 0) && worker.inFlight().isEmpty)
    var operations: [SharedBlock.Operation] = []
    worker.drain { operations.append($0) }
    #expect(operations.map(\.offset) == (0..<(threshold == 0 ? 4096 : 0)).map { $0 * 4096 })
    #expect(
      operations.allSatisfy {
        $0.kind == SharedBlock.Kind.populate.rawValue && $0.bytes == 4096
      })
    #expect(try File.text("/proc/\(worker.pid)/status").hasPrefix("Name:\twb-pinned\n"))
    let resident = try WorkerFixture.status(worker.pid, "RssAnon")
    #expect((32_768..<40_960).contains(resident ?? 0))
    recorder.finishPinning()
    WorkerProcess.kill([worker], timeout: 10_000_000_000)
    #expect(worker.exit == .signal(SIGKILL))
    // What it measured survives it.
    #expect(worker.isReady && worker.reach.reached == 32 << 20)
    let line = try #require(try fixture.lines().last("pin"))
    #expect(line["size"] == line["reached"] && line["reached"]?.int == 32 << 20)
    #expect(line["errno"] == .null && line["touches"]?.int == 8192)
  }

  /// The kernel's own account is the same to the byte, whatever the steps were.
  @Test(arguments: [nil, false, true] as [Bool?], [8 << 20, 5_246_976] as [UInt64])
  func locks(_ huge: Bool?, _ size: UInt64) throws {
    let recorder = try start(pin(.locked, size) { $0.huge = huge })
    let worker = recorder.worker
    try requireLocked(worker)
    #expect(worker.reach.reached == size && worker.reach.refusal == nil)
    #expect(try WorkerFixture.status(worker.pid, "VmLck") == Int(size) >> 10)
    #expect(
      try WorkerFixture.status(worker.pid, "Locked", file: "smaps_rollup") == Int(size) >> 10)
    let large = try WorkerFixture.status(worker.pid, "AnonHugePages", file: "smaps_rollup")
    if huge == false { #expect(large == 0) }
    if huge == true, try File.text("/sys/kernel/mm/transparent_hugepage/enabled") != "never" {
      #expect(large == (Int(size) >> 21) << 11)
    }
    recorder.finishPinning()
    let line = try #require(try fixture.lines().last("pin"))
    #expect(line["reached"]?.int == Int64(size) && line["touches"] == nil)
  }

  @Test func sharesMemory() throws {
    let worker = try start(pin(.shmem)).worker
    #expect(worker.isReady && worker.reach.reached == 8 << 20 && worker.touches?.count == 2048)
    let shared = try WorkerFixture.status(worker.pid, "RssShmem")
    // The shared block with its log is some more.
    #expect((8192..<12_288).contains(shared ?? 0))
  }

  /// A worker that may not lock more than so much.
  private func limited(_ kibibytes: Int) throws -> String {
    let drop =
      geteuid() == 0 ? "/usr/bin/setpriv --bounding-set=-ipc_lock -- " : ""
    let script = try fixture.write(
      "limited", "#!/bin/sh\nulimit -l \(kibibytes)\nexec \(drop)\(Executable.path) \"$@\"\n")
    #expect(chmod(script, 0o755) == 0)
    return script
  }

  /// Kept and admitted, to the last page that was given.
  @Test func admitsWhatItCouldNotLock() throws {
    let recorder = try start(pin(.locked), executable: limited(5000))
    let worker = recorder.worker
    #expect(worker.isReady, "\(worker.failure?.description ?? "not ready")")
    #expect(worker.reach.reached == 5000 << 10 && worker.reach.refusal == .noMemory)
    #expect(try WorkerFixture.status(worker.pid, "VmLck") == 5000)
    recorder.finishPinning()
    let line = try #require(try fixture.lines().last("pin"))
    #expect(line["size"]?.int == 8 << 20 && line["reached"]?.int == 5000 << 10)
    #expect(line["errno"] == "ENOMEM")
  }

  @Test func failsWhereItMayLockNothing() throws {
    let worker = try start(pin(.locked), executable: limited(0)).worker
    #expect(eventually { worker.hasEnded() } && worker.exit == .status(1))
    #expect(worker.failure?.operation == "mlock" && worker.reach.reached == 0)
    #expect(worker.failure?.remedy?.contains("RLIMIT_MEMLOCK") == true)
  }

  /// Its time is over before all is there: what is there is kept.
  @Test(arguments: [Profile.Pinned.Mode.touched, .shmem])
  func givesUpInTime(_ mode: Profile.Pinned.Mode) throws {
    let worker = try start(pin(mode, 2048 * Self.mebibyte) { $0.within = 5_000_000 }).worker
    #expect(worker.isReady && worker.reach.refusal == nil)
    #expect((1..<2048 << 20).contains(Int(worker.reach.reached)))
    #expect(worker.reach.reached / 4096 == worker.touches?.count)
  }

  /// How far it came outlives it.
  @Test func diesWhilePinning() throws {
    let recorder = try fixture.ready(
      WorkerProcess.pinning(
        pin(.touched, 100 * Self.mebibyte) { $0.growth = Self.mebibyte }, cgroup: nil, seed: 1,
        slow: .max, executable: Executable.path))
    let worker = recorder.worker
    #expect(worker.isReady && worker.reach.reached == 0)
    try worker.start(at: cl_boottime())
    #expect(eventually { worker.reach.reached > 100_000 })
    WorkerProcess.kill([worker], timeout: 10_000_000_000)
    recorder.finishPinning()
    let line = try #require(try fixture.lines().last("pin"))
    #expect(line["size"]?.int == 100 << 20 && (line["reached"]?.int ?? 0) > 100_000)
    #expect(line["reached"]?.int.map { $0 / 4096 } == line["touches"]?.int)
  }

  @Test func saysHowFarItIs() {
    func text(_ reached: UInt64) -> String {
      WorkerProcess.Reach(size: 60 << 20, reached: reached, refusal: nil).description
    }
    #expect(text(0) == "0.0 MiB of 60MiB" && text(60 << 20) == "60.0 MiB of 60MiB")
    #expect(text((41 << 20) + 300_000) == "41.2 MiB of 60MiB")
  }

  // MARK: Growing

  /// Neither before the start, nor faster than asked for.
  @Test(arguments: [Profile.Pinned.Mode.touched, .locked, .shmem], [nil, true] as [Bool?])
  func grows(_ mode: Profile.Pinned.Mode, _ huge: Bool?) throws {
    let recorder = try start(
      pin(mode, 12 * Self.mebibyte) {
        $0.growth = 40 * Self.mebibyte
        $0.huge = mode == .shmem ? nil : huge
      })
    let worker = recorder.worker
    #expect(worker.isReady && worker.reach.reached == 0)
    let start = cl_boottime()
    var full: UInt64 = 0
    try fixture.run(recorder) {
      if worker.failure != nil || worker.reach.reached == worker.reach.size { full = cl_boottime() }
      return full > 0
    }
    if mode == .locked, worker.failure?.errno == .noMemory { try Test.cancel("may not lock") }
    // The last step begins when all but its bytes are due.
    let step: UInt64 = mode != .locked ? 4096 : huge == true ? 2 << 20 : 65_536
    let least = (12 * Self.mebibyte - step) * 1_000_000_000 / (40 * Self.mebibyte)
    #expect(full - start >= least && full - start < least + 300_000_000)
    #expect(worker.exit == .signal(SIGKILL))
  }

  /// Each further pass writes every page again: in the histogram, and not in what is there.
  @Test(arguments: [Profile.Pinned.Mode.touched, .shmem])
  func writesAllAgain(_ mode: Profile.Pinned.Mode) throws {
    let recorder = try start(pin(mode) { $0.passes = 3 }, slow: 0)
    let worker = recorder.worker
    #expect(worker.isReady && worker.reach.reached == 8 << 20)
    #expect(worker.touches?.count == 3 * 2048)
    var offsets: [UInt64] = []
    worker.drain { offsets.append($0.offset) }
    let pass = (0..<2048).map { UInt64($0) * 4096 }
    #expect(offsets == Array((pass + pass + pass).prefix(4096)))
  }

  /// Freed after its last pass only, and told to stop in the middle of one.
  @Test func churnsAfterItsPasses() throws {
    let recorder = try start(pin(.churn) { $0.passes = 2 })
    let worker = recorder.worker
    try worker.start(at: cl_boottime())
    #expect(eventually { worker.totals.rounds >= 2 })
    worker.requestStop()
    #expect(eventually { worker.isDone })
    let (rounds, count) = (worker.totals.rounds, worker.touches?.count ?? 0)
    #expect(count >= rounds * 2 * 2048 && count <= (rounds + 1) * 2 * 2048, "\(rounds), \(count)")
  }

  @Test func stopsGrowing() throws {
    let recorder = try start(
      pin(.touched, 100 * Self.mebibyte) { $0.growth = 10 * Self.mebibyte })
    let worker = recorder.worker
    try worker.start(at: cl_boottime())
    #expect(eventually { worker.reach.reached > 0 })
    worker.requestStop()
    #expect(eventually { worker.isDone })
    let reached = worker.reach.reached
    #expect(reached < 100 << 20 && !worker.hasEnded())
    cl_sleep_until(cl_boottime() + 20_000_000)
    #expect(worker.reach.reached == reached)
  }

  // MARK: Touching again

  /// As many as are due, within 1 %, each of them in the record, and none where there is no hot page.
  @Test(
    arguments: [(1000, .uniform), (5000, .sequential), (50_000, .zipf)]
      as [(UInt64, Profile.Pinned.Distribution)])
  func keepsToItsRate(_ rate: UInt64, _ distribution: Profile.Pinned.Distribution) throws {
    let recorder = try start(
      pin(.hot) {
        $0.rate = rate
        $0.distribution = distribution
        $0.workingSet = 2 * Self.mebibyte
      })
    let worker = recorder.worker
    #expect(worker.isReady && worker.reach.reached == 8 << 20)
    var until: UInt64 = 0
    try fixture.run(recorder) {
      if until == 0, worker.totals.firstStart > 0 {
        until = worker.totals.firstStart + 1_000_000_000
      }
      // When this machine has left the worker behind, it has to catch up.
      let now = cl_boottime()
      return until > 0 && now >= until && worker.behind(at: now) <= rate / 500
    }
    recorder.finishPinning()
    recorder.finish()
    let lines = try fixture.lines()
    let totals = try #require(lines.last("touches"))
    let touches = totals["touches"]?.double ?? 0
    let time = Double((totals["t"]?.int ?? 0) - (totals["first_start"]?.int ?? 0)) / 1e9
    #expect(abs(touches / (Double(rate) * time) - 1) < 0.01, "\(touches) in \(time) s")
    #expect(totals["log_lost"] == 0 && totals["ended"] == "time")
    #expect((totals["behind"]?.double ?? .infinity) < Double(rate) / 100)
    #expect(lines.last("pin")?["touches"] == 2048)
    let seconds = lines.lines("latency").filter { $0["of"] == "touch" }
    #expect(seconds.reduce(0) { $0 + ($1["count"]?.double ?? 0) } == touches)
  }

  /// Each touch is logged with its place; those that queue behind a stall count it.
  @Test func countsAStallForAllThatQueue() throws {
    let recorder = try start(
      pin(.hot) {
        $0.rate = 1000
        $0.distribution = .sequential
        $0.workingSet = Self.mebibyte
      })
    let worker = recorder.worker
    try worker.start(at: cl_boottime())
    #expect(eventually { worker.totals.rounds >= 20 })
    kill(worker.pid, SIGSTOP)
    cl_sleep_until(cl_boottime() + 200_000_000)
    kill(worker.pid, SIGCONT)
    let before = worker.totals.rounds
    #expect(eventually { worker.totals.rounds >= before + 250 })
    worker.requestStop()
    #expect(eventually { worker.isDone })
    var touches: [SharedBlock.Operation] = []
    worker.drain { touches.append($0) }
    touches.removeAll { $0.kind != SharedBlock.Kind.touch.rawValue }
    #expect(touches.map(\.offset) == touches.indices.map { UInt64($0 % 256) * 4096 })
    // Due every millisecond, stalled or not.
    let steps = zip(touches, touches.dropFirst()).map { $1.start - $0.start }
    #expect(steps.allSatisfy { $0 == 1_000_000 })
    let latencies = touches.map { $0.end - $0.start }
    // A stall of n ms is n touches' matter: late by n, n - 1, ... ms.
    let longest = latencies.max() ?? 0
    #expect(longest > 190_000_000)
    let late = latencies.count { $0 > 100_000_000 }
    #expect(late >= Int(longest / 1_000_000) - 101, "\(late) of \(longest)")
  }
}
