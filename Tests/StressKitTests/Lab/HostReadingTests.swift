import CLinux
import Glibc
import Testing

@testable import StressKit

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

  @Test func aGuestWithoutTimeDoesNot() {
    #expect(verdict(interval([(3, 27, "R"), (0, 0, "S")])) == .hostStarved)
    // First it gets three times its patience.
    #expect(verdict(interval([(3, 27, "R")], seconds: 29)) == .wait)
    #expect(verdict(interval([(1, 1, "S")], memory: 25)) == .hostStarved)
  }

  /// The kernel counts a wait when it ends.
  @Test func threadsThatNeverRan() {
    #expect(verdict(interval([(0, 0, "R")])) == .hostStarved)
    #expect(verdict(interval([(0, 0, "T")])) == .hostStarved)
    #expect(verdict(interval([(0, 0, "S")])) == .hang)
  }

  /// Of a real process, stopped and not.
  @Test func readsThreads() throws {
    let process = try Process(["/bin/sh", "-c", "while :; do :; done"])
    func reading() -> HostReading {
      HostReading(pid: process.pid, threads: [process.pid], requests: nil)
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

  @Test func functionsOfABacktrace() {
    var evidence = Silence.Evidence()
    evidence.lines = [
      "[   20.1] NMI backtrace for cpu 1",
      "[   20.1] RIP: 0010:native_queued_spin_lock_slowpath+0x6e/0x200",
      "[   20.1] RIP: 0033:0x7f0012345678", "[   20.1] RIP: 0010:0xffffffffc0000000",
      "[   20.2] RIP: 0010:do_sched_yield+0x1",
    ]
    #expect(evidence.functions == ["native_queued_spin_lock_slowpath+0x6e", "do_sched_yield+0x1"])
  }
}
