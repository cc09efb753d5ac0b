// SPDX-License-Identifier: Apache-2.0
import CLinux
import Glibc
import Testing

@testable import StressAnalysis
@testable import StressLab
@testable import StressMachine

struct HostReadingTests {
  private let second: UInt64 = 1_000_000_000

  /// An interval of 30 s in which each processor ran and waited for so many seconds.
  private func interval(
    _ times: [(ran: Double, waited: Double, state: Character)], seconds: UInt64 = 30,
    memory: Double = 0
  ) -> HostInterval {
    func reading(_ time: UInt64, _ part: Double) -> HostReading {
      HostReading(
        time: time,
        processors: times.enumerated().map {
          .init(
            index: $0.offset, ran: 7 + UInt64($0.element.ran * part * 1e9),
            waited: 9 + UInt64($0.element.waited * part * 1e9), state: $0.element.state)
        },
        memoryPressure: 5 + UInt64(memory * part * 1e9), requests: UInt64(10 * part))
    }
    return HostInterval(from: reading(second, 0), to: reading((1 + seconds) * second, 1))
  }

  private func verdict(_ interval: HostInterval, patience: UInt64 = 10) -> Silence.Verdict {
    Silence.verdict(interval, patience: patience * second)
  }

  @Test func aGuestThatHadItsTimeHangs() {
    let burning = interval([(29, 1, "R"), (30, 0, "R")])
    #expect(verdict(burning) == .hang && burning.requests == 10)
    #expect(
      burning.description
        == "CPU 0 ran 97 %, waited for the host 3 %; CPU 1 ran 100 %, waited for the host 0 %")
    #expect(verdict(interval([(0, 0, "S"), (0, 0, "S")])) == .hang)
    // On a busy host too: half of the time is enough to say a word.
    #expect(verdict(interval([(15, 15, "R")])) == .hang)
  }

  /// A host whose PSI cannot be is no excuse for its guest, and no number.
  @Test func pressureThatCannotBeIsUnknown() {
    let interval = interval([(1, 1, "S")], seconds: 100, memory: 4_000_000_000)
    #expect(interval.memoryPressure == nil && verdict(interval) == .hang)
    let fallen = HostInterval(
      from: HostReading(time: second, processors: [], ioPressure: 10),
      to: HostReading(time: 2 * second, processors: [], ioPressure: 9))
    #expect(fallen.ioPressure == nil && fallen.memoryPressure == nil)
  }

  @Test func aGuestWithoutTimeDoesNot() {
    #expect(verdict(interval([(5, 95, "R"), (0, 0, "S")], seconds: 100)) == .hostStarved)
    // First it gets ten times its patience, within which a tenth of its time would do.
    #expect(verdict(interval([(4, 95, "R")], seconds: 99)) == .wait)
    #expect(verdict(interval([(11, 89, "R")], seconds: 100)) == .hang)
    #expect(verdict(interval([(1, 1, "S")], seconds: 100, memory: 95)) == .hostStarved)
  }

  /// The kernel counts a wait when it ends.
  @Test func threadsThatNeverRan() {
    #expect(verdict(interval([(0, 0, "R")], seconds: 100)) == .hostStarved)
    #expect(verdict(interval([(0, 0, "T")], seconds: 100)) == .hostStarved)
    #expect(verdict(interval([(0, 0, "S")], seconds: 100)) == .hang)
  }

  /// A wait of 6 s, of which the kernel tells when it is over, seen every second; and one that goes on.
  @Test func waitsThatGoOn() {
    let readings = (0...10).map { i -> HostReading in
      let waited = i < 7 ? 0 : 6
      return HostReading(
        time: UInt64(1 + i) * second,
        processors: [
          .init(
            index: 0, ran: i < 7 ? 1 : 2, waited: UInt64(waited) * second,
            state: i < 7 || i > 8 ? "R" : "S")
        ])
    }
    let whole = HostInterval(
      from: readings[0], by: readings[1..<10], to: readings[10])
    // Six seconds, the one in which it ended, and two of the next.
    #expect(whole.processors.first?.waited == 0.9)
    #expect(HostInterval(from: readings[0], to: readings[10]).processors.first?.waited == 0.6)
  }

  /// As under a quota: a moment on a CPU, and a wait of which the kernel tells two looks later.
  @Test func waitsThatEndLater() {
    let readings = (0...12).map { i -> HostReading in
      let periods = UInt64(i / 2)
      let thread = HostReading.Processor(
        index: 0, ran: periods + UInt64(i % 2), waited: periods * 2 * second, state: "R")
      return HostReading(time: UInt64(1 + i) * second, processors: [thread])
    }
    let whole = HostInterval(from: readings[0], by: readings[1..<12], to: readings[12])
    #expect(whole.starved == 1 && whole.processors.first?.waited == 1)
  }

  /// A processor that waits for a lock of the main loop, which waits for its quota.
  @Test func aMainLoopThatWaits() {
    let readings = (0...10).map { i -> HostReading in
      let states: [Character] = i % 2 == 0 ? ["R", "S"] : ["S", "R"]
      let threads = states.enumerated().map { at, state in
        HostReading.Processor(index: -at, ran: 1, waited: 0, state: state)
      }
      return HostReading(
        time: UInt64(1 + i) * second, processors: [threads[0]], mainLoop: threads[1])
    }
    let whole = HostInterval(from: readings[0], by: readings[1..<10], to: readings[10])
    #expect(whole.processors.first?.waited == 0.5 && whole.mainLoop?.waited == 0.5)
    #expect(whole.starved == 1)
  }

  /// Of a real process, stopped and not.
  @Test func readsThreads() throws {
    let process = try Process(["/bin/sh", "-c", "while :; do :; done"])
    func reading() -> HostReading {
      HostReading(pid: process.pid, threads: [process.pid])
    }
    let first = reading()
    cl_sleep_until(cl_boottime() + second / 5)
    let busy = HostInterval(from: first, to: reading())
    let one = try #require(busy.processors.first)
    #expect(one.ran > 0 && one.ran + one.waited <= 1.1 && one.state == "R", "\(busy)")
    #expect(busy.requests == nil)
    process.signal(SIGSTOP)
    cl_sleep_until(cl_boottime() + second / 20)
    let stopped = reading()
    cl_sleep_until(cl_boottime() + second / 20)
    let interval = HostInterval(from: stopped, to: reading())
    #expect(interval.processors.first?.state == "T" && interval.starved == 1)
  }

  /// As 6.1 answers a sysrq l: the CPU that takes the interrupt, and one that gets an NMI.
  @Test func whatEachProcessorWasAt() {
    var evidence = Silence.Evidence()
    evidence.lines = [
      "[    6.920899] sysrq: Show backtrace of all active CPUs",
      "[    6.921234] NMI backtrace for cpu 1",
      "[    6.921422] CPU: 1 PID: 0 Comm: swapper/1 Not tainted 6.1.0-56-cloud-amd64 #1  Debian 6.1.192-2",
      "[    6.922654]  dump_stack_lvl+0x44/0x5c", "[    6.924048]  </IRQ>",
      "[    6.924566] RIP: 0010:native_safe_halt+0xb/0x10",
      "[    6.927004] NMI backtrace for cpu 0",
      "[    6.927228] CPU: 0 PID: 1 Comm: init Not tainted 6.1.0-56-cloud-amd64 #1  Debian 6.1.192-2",
      "[    6.927518] RIP: 0033:0x4edd59", "[    6.927518] RIP: 0033:0x4edd59",
    ]
    #expect(
      evidence.processors
        == ["CPU 1 in native_safe_halt+0xb (swapper/1)", "CPU 0 in user space (init)"])
    evidence.lines = ["[   10.226457] sysrq: Show Blocked State"]
    #expect(evidence.processors.isEmpty)
  }

  /// And as it dies of an NMI.
  @Test func whereAnNMIMetTheKernel() {
    var evidence = Silence.Evidence()
    evidence.lines = [
      "[    3.336756] Uhhuh. NMI received for unknown reason 31 on CPU 0.",
      "[    3.336756] Kernel panic - not syncing: NMI: Not continuing",
      "[    3.336756] CPU: 0 PID: 0 Comm: swapper/0 Not tainted 6.1.0-56-cloud-amd64 #1  Debian 6.1.192-2",
      "[    3.336756] RIP: 0010:read_hpet+0x91/0xf0",
    ]
    #expect(evidence.processors == ["CPU 0 in read_hpet+0x91 (swapper/0)"])
  }
}
