// SPDX-License-Identifier: Apache-2.0
import CLinux
import Glibc
import Testing

@testable import StressCore
@testable import StressLab

struct TrialClaimsTests {
  private let directory: TemporaryDirectory
  private static let trial = Campaign.Trial(cell: 0, number: 3)

  init() throws { directory = try TemporaryDirectory() }

  private func claims(lease: Int64 = 60) throws -> TrialClaims {
    try TrialClaims(in: directory.root, lease: lease)
  }

  private var names: [String] { File.names(in: directory.path("claims")).filter { $0 == "1-3" } }

  /// So long ago was it last touched, s.
  private func age(_ seconds: Int) throws {
    let then = time(nil) - seconds
    var times = [timeval(tv_sec: then, tv_usec: 0), timeval(tv_sec: then, tv_usec: 0)]
    try #require(utimes(directory.path("claims/1-3"), &times) == 0)
  }

  @Test func oneOfThemHasIt() throws {
    let (one, other) = (try claims(), try claims())
    #expect(try one.take(Self.trial) && !other.take(Self.trial) && !one.take(Self.trial))
    #expect(try other.take(.init(cell: 1, number: 3)))
    // What is another's cannot be given back.
    other.release(Self.trial)
    #expect(names == ["1-3"])
    one.release(Self.trial)
    #expect(try names.isEmpty && other.take(Self.trial))
  }

  /// A dead owner's is taken over by one of those who wait for it; a living one's is not.
  @Test func anOldOneIsTakenOver() throws {
    let (dead, one, other) = (try claims(), try claims(), try claims())
    #expect(try dead.take(Self.trial))
    try age(59)
    #expect(try !one.take(Self.trial))
    try age(65)
    #expect(try one.take(Self.trial) && !other.take(Self.trial))
    // Who was only slow does not give back what another has now.
    dead.release(Self.trial)
    #expect(names == ["1-3"])
    #expect(File.names(in: directory.path("claims")).allSatisfy { !$0.hasPrefix("1-3.") })
  }

  @Test func aKeptOneStaysYoung() throws {
    let (one, other) = (try claims(lease: 5), try claims(lease: 5))
    #expect(try one.take(Self.trial))
    try age(30)
    let keeper = try one.keep()
    let deadline = cl_boottime() + 10_000_000_000
    while File.modified(directory.path("claims/1-3")) ?? 0 < time(nil) - 3, cl_boottime() < deadline
    {
      cl_sleep_until(cl_boottime() + 10_000_000)
    }
    #expect(try !other.take(Self.trial))
    one.end(keeper)
    #expect(try names.isEmpty && other.take(Self.trial))
  }

  /// Many at once, in turns: each trial is one's.
  @Test func manyAtOnce() throws {
    let all = try (0..<8).map { _ in try claims() }
    let owners = Owners()
    var threads: [Thread] = []
    for (i, one) in all.enumerated() {
      threads.append(
        try Thread("claimer\(i)") {
          for number in 1...50 {
            if (try? one.take(.init(cell: 0, number: number))) == true { owners.add(number) }
          }
        })
    }
    for thread in threads { thread.join() }
    #expect(owners.counts.count == 50 && owners.counts.values.allSatisfy { $0 == 1 })
  }

  private final class Owners: @unchecked Sendable {
    private var lock = pthread_mutex_t()
    private(set) var counts: [Int: Int] = [:]
    init() { pthread_mutex_init(&lock, nil) }
    func add(_ number: Int) {
      pthread_mutex_lock(&lock)
      counts[number, default: 0] += 1
      pthread_mutex_unlock(&lock)
    }
  }
}
