// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import StressCore

struct StreamJobsTests {
  /// Blocks go round, and what is less than one goes where the next would have gone.
  @Test(
    arguments: [
      (10, 1, 1, [10]), (10, 1, 4, [3, 3, 2, 2]), (41, 4, 4, [12, 12, 9, 8]),
      (43, 4, 5, [11, 8, 8, 8, 8]), (3, 4, 2, [3, 0]), (0, 4, 2, [0, 0]),
    ] as [(UInt64, UInt64, Int, [UInt64])])
  func shares(_ size: UInt64, _ block: UInt64, _ count: Int, _ expected: [UInt64]) {
    let shares = (0..<count).map { Profile.Stream.share(of: size, block: block, $0, of: count) }
    #expect(shares == expected)
    #expect(shares.reduce(0, +) == size)
  }

  @Test func oneJobIsTheStream() {
    var stream = Profile.Stream(name: "backup")
    stream.size = 1000
    #expect(stream.each == [stream])
  }

  @Test func jobsDivideSizeAndRate() {
    var stream = Profile.Stream(name: "cp")
    stream.jobs = 3
    stream.files = 2
    stream.block = 4096
    stream.size = 10 * 4096 + 1
    stream.rate = 100
    let jobs = stream.each
    #expect(jobs.map(\.name) == ["cp-0", "cp-1", "cp-2"])
    #expect(jobs.map(\.size) == [16_384, 12_289, 12_288])
    #expect(jobs.map(\.rate) == [34, 33, 33])
    #expect(jobs.allSatisfy { $0.jobs == 1 && $0.files == 2 && $0.block == 4096 })
    stream.size = nil
    stream.rate = nil
    #expect(stream.each.allSatisfy { $0.size == nil && $0.rate == nil })
    // 0 would be no rate at all.
    stream.rate = 2
    #expect(stream.each.map(\.rate) == [1, 1, 1])
  }

  private func problem(_ streams: String) -> String? {
    do {
      _ = try ProfileFile(text: "streams:\n\(streams)", name: "x.yaml")
        .profile(variant: nil, overrides: [])
      return nil
    } catch {
      return String(describing: error)
    }
  }

  @Test func jobsMustHaveSomethingToDo() {
    #expect(problem("  - {name: a, jobs: 4, block: 1MiB, size: 4MiB}\n") == nil)
    let few = problem("  - {name: a, jobs: 4, block: 1MiB, size: 3MiB}\n")
    #expect(few?.contains("4 jobs need as many blocks; size is 3MiB") == true, "\(few ?? "none")")
  }

  @Test func namesOfJobsAreTaken() {
    let taken = problem("  - {name: a, jobs: 2}\n  - {name: a-1}\n")
    #expect(taken?.contains("the name 'a-1' is taken") == true, "\(taken ?? "none")")
    #expect(problem("  - {name: a, jobs: 2}\n  - {name: a-2}\n") == nil)
  }
}
