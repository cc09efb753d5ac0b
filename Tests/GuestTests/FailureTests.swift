// SPDX-License-Identifier: Apache-2.0
import Foundation
import Testing

@testable import StressAnalysis
@testable import StressCore
@testable import StressLab
@testable import StressMachine
@testable import StressRecord

/// Guests that go wrong: each way has an ending of its own, and leaves a record and nothing else.
@Suite(.serialized, .enabled(if: GuestLab.binary != nil, "WBSTRESS_BINARY is not set; see ci/test"))
struct FailureTests {
  static let second: UInt64 = 1_000_000_000

  /// Slow enough that a fault comes while it writes.
  private func slow(_ overrides: [(String, String)] = []) throws -> Profile {
    try GuestLab.profile(
      "smoke",
      [("device.bandwidth", "1MiB/s"), ("streams.*.fsync", "64KiB"), ("machine.cpus", "1")]
        + overrides)
  }

  /// Runs a trial that is to end badly, and checks what every bad end must leave.
  private func expectEnd(
    _ outcome: Outcome, _ reason: String, _ profile: Profile, sampled: Bool = true,
    kernel: String = "debian:6.1", _ prepare: (inout GuestTrial) throws -> Void = { _ in }
  ) throws -> String {
    try GuestLab.withDirectory { directory in
      var trial = try GuestLab.trial(profile, kernel: kernel, in: directory)
      try prepare(&trial)
      let ending = try trial.run(Interrupt())
      #expect(ending.outcome == outcome, "\(ending)")
      #expect(ending.reason == reason)
      GuestLab.expectNothingLeft(of: directory)
      let record = try RecordReader(trial.recordPath)
      #expect(record.ending == ending)
      #expect(record.lines("sample").isEmpty == !sampled)
      return ending.message ?? ""
    }
  }

  @Test func panicOfTheGuest() throws {
    let message = try expectEnd(.panic, "panic", slow()) { $0.plan.fault = .panic }
    #expect(message.contains("Kernel panic - not syncing"))
    #expect(message.contains("sysrq"))
  }

  @Test func guestWhoseProcessorsSpin() throws {
    let message = try expectEnd(.hang, "silent", slow()) {
      $0.plan.fault = .livelock
      $0.patience.silence = 6 * Self.second
    }
    #expect(message.contains("QEMU says running"))
    // Both processors burnt their time while nothing was heard.
    let burnt = message.split(separator: " ").firstIndex(of: "used").map { index in
      message.split(separator: " ")[index + 1]
    }
    #expect(try #require(burnt.flatMap { Int($0) }) >= 4)
    // The kernel itself says what its processors were at: sched_yield, or on the way to its next.
    let spins = /by backtrace: .*CPU \d in (\w+\+0x\w+|user space) \(wb-spin\)/
    #expect(message.contains(spins), "\(message)")
    print(message.split(separator: "\n").first ?? "")
  }

  /// Stops a disk, or makes it slow, when the streams have begun.
  private func throttle(_ trial: inout GuestTrial, to bytesPerSecond: UInt64) {
    var device = Profile.Device()
    device.bandwidth = bytesPerSecond
    let limit = Throttle(device)
    let record = trial.recordPath
    var isDone = false
    trial.hooks.disturb = { machine in
      if isDone { return }
      isDone = (try? File.text(record))?.contains("\"name\":\"stream\"") ?? false
      if isDone { try? machine.throttle(limit) }
    }
  }

  /// Neither the workload nor the disk moves: stalled, with the kernel's own account of who waits where.
  @Test func diskThatTakesNothing() throws {
    let endless = try GuestLab.profile(
      "smoke", [("streams.*.size", "unlimited"), ("streams.*.fsync", "64KiB"), ("duration", "90s")])
    try GuestLab.withDirectory { directory in
      var trial = try GuestLab.trial(endless, kernel: "debian:6.12", in: directory)
      trial.plan.stallTime = 8 * Self.second
      throttle(&trial, to: 1)
      let ending = try trial.run(Interrupt())
      #expect(ending.outcome == .stalled && ending.reason == "no-progress", "\(ending)")
      #expect(ending.message?.contains(" waits in ") == true, "\(ending)")
      print(ending.message ?? "")
      let record = try RecordReader(trial.recordPath)
      let blocked = record.lines("task-stack").filter { $0["state"] == "D" }
      #expect(
        blocked.contains { !($0["frames"]?.array ?? []).isEmpty && $0["worker"]?.string != nil })
      #expect(
        record.lines("kmsg").contains { $0["text"]?.string?.contains("Show Blocked State") == true }
      )
      let beats = try #require(record.last("heartbeats"))
      for key in ["workload", "oldest", "storage"] {
        #expect(beats[key]?.int ?? 0 >= 8_000_000_000, "\(key): \(beats)")
      }
      #expect(record.defects.isEmpty, "\(record.defects)")
    }
  }

  /// What the streams left in the page cache goes to a disk that stops: umount(2) waits for it, and nothing can
  /// interrupt that.
  @Test func unmountThatNeverEnds() throws {
    try GuestLab.withDirectory { directory in
      // Slow enough that the disk stops while it writes, and little enough that nothing is written back meanwhile.
      let profile = try GuestLab.profile(
        "smoke",
        [
          ("streams.*.size", "2MiB"), ("streams.*.rate", "512KiB/s"), ("streams.*.fsync", "none"),
          ("machine.cpus", "1"),
        ])
      var trial = try GuestLab.trial(profile, kernel: "debian:6.12", in: directory)
      trial.plan.stallTime = 6 * Self.second
      throttle(&trial, to: 1)
      let ending = try trial.run(Interrupt())
      #expect(ending.outcome == .stalled && ending.reason == "unmount", "\(ending)")
      let message = try #require(ending.message)
      let told =
        /unmount has waited for (\d+) s, and its disks completed no request for (\d+) s; init \(pid 1\) waits in \w+/
      let match = try #require(message.wholeMatch(of: told), "\(message)")
      let (waited, stood) = try (#require(Int(match.1)), #require(Int(match.2)))
      #expect(stood >= 6 && stood <= waited)
      print(message)
      GuestLab.expectNothingLeft(of: directory)
      let record = try RecordReader(trial.recordPath)
      #expect(record.ending == ending)
      // The kernel's word on who waits: for the disk, or for the flusher that does.
      let stacks = record.lines("task-stack").filter { $0["pid"]?.int == 1 && $0["state"] == "D" }
      let frames = stacks.flatMap { $0["frames"]?.array ?? [] }.compactMap(\.string)
      #expect(frames.contains { $0.hasPrefix("cleanup_mnt+") }, "\(frames)")
      #expect(record.defects.isEmpty, "\(record.defects)")
    }
  }

  /// A disk that goes on at 64 KiB/s is slow, and that is a result.
  @Test func diskThatTakesLittle() throws {
    let endless = try GuestLab.profile(
      "smoke", [("streams.*.size", "unlimited"), ("streams.*.fsync", "64KiB"), ("duration", "16s")])
    try GuestLab.withDirectory { directory in
      var trial = try GuestLab.trial(endless, kernel: "debian:6.12", in: directory)
      trial.plan.stallTime = 8 * Self.second
      throttle(&trial, to: 64 << 10)
      let ending = try trial.run(Interrupt())
      #expect(ending.outcome == .completed, "\(ending)")
      let record = try RecordReader(trial.recordPath)
      #expect(try #require(record.last("heartbeats")?["storage"]?.int) < 8_000_000_000)
      #expect(record.lines("task-stack").isEmpty)
    }
  }

  @Test func guestThatIsPaused() throws {
    let message = try expectEnd(.hang, "silent", slow()) { trial in
      trial.patience.silence = 3 * Self.second
      let record = trial.recordPath
      trial.hooks.disturb = { machine in
        let started = (try? File.text(record))?.contains("\"name\":\"stream\"") ?? false
        if started { _ = machine.qmp.execute("stop") }
      }
    }
    #expect(message.contains("QEMU says paused"))
  }

  /// The host's own container may be one that has little to give.
  @Test func guestWhoseHostHasAQuota() throws {
    let quota = try #require(HostQuota(), "needs the right to make cgroups with the controller cpu")
    let message = try expectEnd(.invalid, "host-starved", slow()) { trial in
      // The seconds before the quota bites are the guest's own. The host is to blame after ten times as long.
      trial.patience.silence = 3 * Self.second
      let record = trial.recordPath
      trial.hooks.disturb = { machine in
        let started = (try? File.text(record))?.contains("\"name\":\"stream\"") ?? false
        if started { quota.take(machine.pid) }
      }
    }
    print(message)
  }

  @Test func kernelThatPanicsBeforeInit() throws {
    let message = try expectEnd(
      .invalid, "boot-failure", slow([("kernel.boot", "[rdinit=/nothing]")]), sampled: false)
    #expect(message.contains("Kernel panic - not syncing"))
  }

  @Test func machineThatNeverReachesTheHarness() throws {
    let message = try expectEnd(.invalid, "boot-failure", slow(), sampled: false) {
      $0.patience.boot = 3 * Self.second
      $0.hooks.disturb = { _ = $0.qmp.execute("stop") }
    }
    #expect(message.contains("had not reached the harness after 3 s (--boot-timeout)"))
    #expect(message.contains("QEMU says paused"))
  }

  @Test func imageThatIsNoKernel() throws {
    try GuestLab.withDirectory { directory in
      let good = try GuestLab.kernel("debian:6.1")
      var image = try Data(contentsOf: URL(filePath: good.image))
      // The boot header stays; the compressed kernel behind it is nothing.
      image.replaceSubrange(65_536..<image.count, with: Data(count: image.count - 65_536))
      let path = directory + "/bzImage"
      try image.write(to: URL(filePath: path))
      let message = try expectEnd(.invalid, "boot-failure", slow(), sampled: false) {
        $0.kernel.image = path
        $0.patience.boot = 5 * Self.second
      }
      #expect(message.contains("the serial console is empty"))
    }
  }

  @Test func trialThatMakesNoEnd() throws {
    let message = try expectEnd(.stalled, "time-out", slow([("streams.*.size", "unlimited")])) {
      $0.patience.total = 15 * Self.second
    }
    #expect(message.contains("made no end within 15 s"))
  }

  @Test func scratchDiskThatIsFull() throws {
    let message = try expectEnd(
      .invalid, "worker",
      GuestLab.profile("smoke", [("device.size", "16MiB"), ("streams.*.size", "32MiB")]))
    #expect(message.contains("write: ENOSPC"))
    #expect(message.contains("device.size"))
  }

  @Test func mountOptionThatTheKernelRefuses() throws {
    let message = try expectEnd(
      .invalid, "set-up", GuestLab.profile("smoke", [("mount", "[nonsense]")]))
    #expect(message.contains("EINVAL"))
  }

  @Test func pinThatIsTooLarge() throws {
    try GuestLab.withDirectory { directory in
      let profile = try GuestLab.profile("smoke", [("pin", "80MiB")])
      let trial = try GuestLab.trial(profile, kernel: "debian:6.12", in: directory)
      let ending = try trial.run(Interrupt())
      #expect(ending.outcome == .oom, "\(ending)")
      #expect(try TrialSummary(trial.recordPath).incidents == [.init(.justified)])
    }
  }
}

/// A cgroup of the host whose processes get a thousandth of a CPU; gone with its owner.
private final class HostQuota: @unchecked Sendable {
  private let directory: String

  /// nil: this process may make none.
  init?() {
    // Where version 1 has the controller, and where version 2 does.
    let roots = ["/sys/fs/cgroup/cpu", "/sys/fs/cgroup"]
    let name = "wbstress-test-\(getpid())"
    for root in roots where File.exists(root + "/cgroup.procs") {
      let path = "\(root)/\(name)"
      if mkdir(path, 0o755) != 0 { continue }
      let isSet =
        (try? File.set(path + "/cpu.cfs_period_us", "1000000")) != nil
        ? (try? File.set(path + "/cpu.cfs_quota_us", "1000")) != nil
        : (try? File.set(path + "/cpu.max", "1000 1000000")) != nil
      if isSet {
        directory = path
        return
      }
      rmdir(path)
    }
    return nil
  }

  func take(_ pid: Int32) { try? File.set(directory + "/cgroup.procs", "\(pid)") }

  deinit { rmdir(directory) }
}
